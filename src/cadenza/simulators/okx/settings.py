"""What a simulator of OKX is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

DEPOSITS = {
    "USDT": Decimal(1_000_000),
    "USDC": Decimal(100_000),
    "BTC": Decimal(10),
    "ETH": Decimal(100),
    "OKB": Decimal(1_000),
}
SPOT_MODE, FUTURES_MODE, MULTI_CURRENCY, PORTFOLIO = "1", "2", "3", "4"
ACCOUNT_LEVELS = (SPOT_MODE, FUTURES_MODE, MULTI_CURRENCY, PORTFOLIO)
NET_MODE, LONG_SHORT_MODE = "net_mode", "long_short_mode"
POSITION_MODES = (NET_MODE, LONG_SHORT_MODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxSimulatorSettings:
    """`market_step_ms` 0 makes a market that stands still. Keys of the demo environment trade for `demo_account`. The
    account's level, position mode and borrowing are those of a new directory; requests change them. `is_limited` False
    lets every pace pass. `idle_ms` is how long a socket may be silent in both directions, `book_heartbeat_ms` how long
    an unchanged book is, `connection_ms` how long a socket lives at most."""

    data_dir: Path
    seed: int = 1
    market_step_ms: int = 0
    fault_rate: float = 0.0
    account: str = "main"
    demo_account: str = "demo"
    account_level: str = FUTURES_MODE
    position_mode: str = NET_MODE
    borrows: bool = False
    deposits: dict[str, Decimal] = field(default_factory=lambda: dict(DEPOSITS))
    is_limited: bool = True
    connects_per_second_max: int = 3
    idle_ms: int = 30_000
    book_heartbeat_ms: int = 60_000
    connection_ms: int = 24 * 60 * 60 * 1000
