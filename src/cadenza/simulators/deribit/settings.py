"""What the simulator of DERIBIT is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from cadenza.simulators.deribit.wire.credits import DeribitLimits

OPENING_DEPOSITS = {
    "BTC": Decimal(10),
    "ETH": Decimal(100),
    "USDC": Decimal(1_000_000),
    "USDT": Decimal(100_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitSettings:
    """`market_step_ms` 0 makes a market that stands still. `token_ms` is how long an access token lives, `idle_ms` how
    long a socket may send nothing, and `heartbeat_s_min` the shortest heartbeat that a client may ask for."""

    data_dir: Path
    seed: int = 1
    market_step_ms: int = 0
    fault_rate: float = 0.0
    account: str = "main"
    is_testnet: bool = False
    deposits: dict[str, Decimal] = field(default_factory=lambda: dict(OPENING_DEPOSITS))
    limits: DeribitLimits = field(default_factory=DeribitLimits)
    token_ms: int = 900_000
    connection_ms: int = 24 * 60 * 60 * 1000
    idle_ms: int = 600_000
    heartbeat_s_min: Decimal = Decimal(10)
    signature_age_ms_max: int = 60_000
