"""Telling the subscribers."""

from collections.abc import Sequence
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.order_book import BookSnapshot, MarketTrade
from cadenza.domain.trading.events import AccountEvent


class Publisher(Protocol):
    """Law: never blocks and never fails the caller. Account events come after their commit, in sequence per account,
    and are recoverable from the log; books are conflated, the newest wins; trades come in order."""

    def account_events(self, events: Sequence[AccountEvent]) -> None: ...

    def order_book(self, snapshot: BookSnapshot) -> None: ...

    def trade(self, trade: MarketTrade) -> None: ...

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        """Tell whether anybody listens, so that nothing is encoded for nobody."""
