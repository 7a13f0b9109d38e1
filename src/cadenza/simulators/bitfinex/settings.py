"""What a simulator of BITFINEX is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

EXCHANGE, MARGIN, FUNDING = "exchange", "margin", "funding"
WALLET_TYPES = (EXCHANGE, MARGIN, FUNDING)

Deposits = dict[str, dict[str, Decimal]]
DEPOSITS = {
    EXCHANGE: {
        "USD": Decimal(1_000_000),
        "UST": Decimal(100_000),
        "BTC": Decimal(10),
        "ETH": Decimal(100),
    },
    MARGIN: {"USD": Decimal(100_000), "USTF0": Decimal(100_000)},
}
PAPER_DEPOSITS = {
    EXCHANGE: {"TESTUSD": Decimal(1_000_000), "TESTUSDT": Decimal(100_000), "TESTBTC": Decimal(10)},
    MARGIN: {"TESTUSDTF0": Decimal(100_000)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexSettings:
    """`market_step_ms` 0 makes a market that stands still. `account` is the user's, `paper_account` that of a paper
    trading sub-account. `deposits` and `paper_deposits` are theirs by wallet and currency, for a new directory.
    `maker_rate` and `taker_rate` are shares of what is traded; `derivative_maker_rate` and `derivative_taker_rate` are
    those of derivatives. `is_limited` False lets every pace pass. `heartbeat_ms` is how long a channel may be silent,
    `connection_ms` how long a socket lives at most."""

    data_dir: Path
    seed: int = 1
    market_step_ms: int = 0
    fault_rate: float = 0.0
    account: str = "main"
    paper_account: str = "paper"
    deposits: Deposits = field(default_factory=lambda: {name: dict(of) for name, of in DEPOSITS.items()})
    paper_deposits: Deposits = field(default_factory=lambda: {name: dict(of) for name, of in PAPER_DEPOSITS.items()})
    maker_rate: Decimal = Decimal("0.001")
    taker_rate: Decimal = Decimal("0.002")
    derivative_maker_rate: Decimal = Decimal("0.0002")
    derivative_taker_rate: Decimal = Decimal("0.00065")
    is_limited: bool = True
    heartbeat_ms: int = 15_000
    connection_ms: int = 24 * 60 * 60 * 1000

    @property
    def opening(self) -> Mapping[str, Deposits]:
        """What each account begins with."""
        return {self.account: self.deposits, self.paper_account: self.paper_deposits}
