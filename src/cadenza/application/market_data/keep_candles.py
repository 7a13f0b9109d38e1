"""Candles of the trades that this process receives. They are in memory only, and begin again after a restart."""

from collections import OrderedDict, deque
from collections.abc import Sequence

from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.market.candle import Candle, joined
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.ports.publisher import Publisher

MINUTE_MS = 60_000
MINUTES_MAX = 720
"""Minutes with trades that are remembered of an instrument; the oldest is forgotten for one more."""
INSTRUMENTS_MAX = 100
"""Instruments that are remembered; the one that was longest without a trade is forgotten for one more."""


class KeepCandles:
    """`ports.publisher.Publisher` on the way to another: trades that pass are remembered by the minute."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._minutes: OrderedDict[InstrumentId, deque[Candle]] = OrderedDict()

    def candles(self, instrument_id: InstrumentId, interval_ms: int) -> Sequence[Candle]:
        """Return the candles of whole minutes that are remembered, the oldest first; the newest is still growing."""
        return joined(self._minutes.get(instrument_id, ()), interval_ms)

    # --- ports.publisher.Publisher

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self._publisher.account_events(events)

    def portfolio(self, portfolio: Portfolio) -> None:
        self._publisher.portfolio(portfolio)

    def order_book(self, snapshot: BookSnapshot) -> None:
        self._publisher.order_book(snapshot)

    def trade(self, trade: MarketTrade) -> None:
        self._remember(trade)
        self._publisher.trade(trade)

    def has_account_subscribers(self, account_id: TradingAccountId) -> bool:
        return self._publisher.has_account_subscribers(account_id)

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        return self._publisher.has_book_subscribers(instrument_id)

    def _remember(self, trade: MarketTrade) -> None:
        minutes = self._minutes.get(trade.instrument_id)
        if minutes is None:
            minutes = self._minutes[trade.instrument_id] = deque(maxlen=MINUTES_MAX)
            if len(self._minutes) > INSTRUMENTS_MAX:
                self._minutes.popitem(last=False)
        self._minutes.move_to_end(trade.instrument_id)
        new = Candle.of(trade, trade.at_ms - trade.at_ms % MINUTE_MS)
        if minutes and minutes[-1].at_ms >= new.at_ms:  # a venue's clock may step back
            minutes[-1] = minutes[-1].and_then(new)
        else:
            minutes.append(new)
