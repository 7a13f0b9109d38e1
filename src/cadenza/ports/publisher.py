"""Publishing to the subscribers of channels."""

from collections.abc import Sequence
from typing import Protocol

from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.portfolio import Portfolio


class Publisher(Protocol):
    """Law: no method blocks, and none fails its caller.

    - Account events are published after their commit, in the order of their sequences. A subscriber that misses one
      recovers it from the log.
    - A portfolio and a book are views: the newest wins, an older one that still waits may be dropped, and neither can
      be recovered. A portfolio has no offset, so it does not move a subscriber's position in the account's channel.
    - Trades are published in order.
    """

    def account_events(self, events: Sequence[AccountEvent]) -> None: ...

    def portfolio(self, portfolio: Portfolio) -> None: ...

    def order_book(self, snapshot: BookSnapshot) -> None: ...

    def trade(self, trade: MarketTrade) -> None: ...

    def has_account_subscribers(self, account_id: TradingAccountId) -> bool:
        """Whether the account's channel has subscribers. No portfolio is built for a channel without subscribers. It
        becomes true before a subscriber is admitted, and may stay true for a while after the last one left."""

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        """Whether the book's channel has subscribers. No book is encoded for a channel without subscribers."""
