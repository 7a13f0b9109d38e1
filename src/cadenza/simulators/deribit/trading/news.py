"""What happened in one batch, for the ledger of truth and for the channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.simulators.deribit.trading.records import DeribitOrder, DeribitTrade, InstrumentState


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPrint:
    """A trade as everyone sees it. `direction` is the taker's."""

    instrument: str
    trade_id: str
    seq: int
    price: Decimal
    amount: Decimal
    direction: Side
    tick_direction: int
    index_price: Decimal
    mark_price: Decimal
    at_ms: int


@dataclass(slots=True)
class DeribitNews:
    """Orders in their state after the batch, each once; trades, prints and states in the order in which they
    happened."""

    orders: dict[str, DeribitOrder] = field(default_factory=dict)
    trades: list[DeribitTrade] = field(default_factory=list)
    prints: list[PublicPrint] = field(default_factory=list)
    states: list[InstrumentState] = field(default_factory=list)
    positions: dict[tuple[str, str], None] = field(default_factory=dict)
    accounts: dict[tuple[str, str], None] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    indexes: dict[str, None] = field(default_factory=dict)

    def position_changed(self, account: str, instrument: str) -> None:
        self.positions[account, instrument] = None

    def money_changed(self, account: str, *currencies: str) -> None:
        for currency in currencies:
            self.accounts[account, currency] = None
