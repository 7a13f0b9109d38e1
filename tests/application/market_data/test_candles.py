"""Candles against the trades that they are of."""

from collections.abc import Sequence
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from cadenza.application.market_data.keep_candles import INSTRUMENTS_MAX, MINUTE_MS, MINUTES_MAX, KeepCandles
from cadenza.application.market_data.list_klines import INTERVALS_MS
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.market.candle import Candle
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.events import AccountEvent

BTC = InstrumentId("PAPER:BTC/USDT")
START_MS = 1_790_000_000_000 // (240 * MINUTE_MS) * (240 * MINUTE_MS)


class Audience:
    """Whoever is behind."""

    def __init__(self) -> None:
        self.published: list[object] = []

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self.published.append(events)

    def order_book(self, snapshot: BookSnapshot) -> None:
        self.published.append(snapshot)

    def trade(self, trade: MarketTrade) -> None:
        self.published.append(trade)

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        return instrument_id == BTC


def trade(at_ms: int, price: int, quantity: int = 1, instrument_id: InstrumentId = BTC) -> MarketTrade:
    return MarketTrade(
        instrument_id=instrument_id,
        trade_id="t",
        price=D(price),
        quantity=D(quantity),
        aggressor=Side.BUY,
        at_ms=at_ms,
    )


def naive(trades: Sequence[MarketTrade], interval_ms: int) -> list[Candle]:
    """By the definition: all trades of a stretch, looked at together."""
    found = []
    for at_ms in sorted({each.at_ms // interval_ms * interval_ms for each in trades}):
        inside = [each for each in trades if at_ms <= each.at_ms < at_ms + interval_ms]
        prices = [each.price for each in inside]
        volume = sum((each.quantity for each in inside), D(0))
        found.append(Candle(at_ms, prices[0], max(prices), min(prices), prices[-1], volume))
    return found


@given(
    st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 1_000), st.integers(1, 9)), max_size=80),
    st.sampled_from(sorted(INTERVALS_MS)),
)
def test_candles_are_those_of_the_definition(steps: list[tuple[int, int, int]], interval: str) -> None:
    keeper, trades, at_ms = KeepCandles(Audience()), [], START_MS
    for pause_ms, price, quantity in steps:
        at_ms += pause_ms
        trades.append(trade(at_ms, price, quantity))
        keeper.trade(trades[-1])
    assert list(keeper.candles(BTC, INTERVALS_MS[interval])) == naive(trades, INTERVALS_MS[interval])


def test_memory_is_bounded() -> None:
    keeper = KeepCandles(Audience())
    for minute in range(MINUTES_MAX + 5):
        keeper.trade(trade(START_MS + minute * MINUTE_MS, 1 + minute))
    candles = keeper.candles(BTC, MINUTE_MS)
    assert (len(candles), candles[0].open) == (MINUTES_MAX, D(6))
    for number in range(INSTRUMENTS_MAX):
        keeper.trade(trade(START_MS, 1, instrument_id=InstrumentId(f"PAPER:{number}")))
    assert not keeper.candles(BTC, MINUTE_MS), "it was longest without a trade"
    assert keeper.candles(InstrumentId("PAPER:0"), MINUTE_MS)


def test_a_venues_clock_that_steps_back_spoils_nothing() -> None:
    keeper = KeepCandles(Audience())
    for at_ms, price in ((START_MS + MINUTE_MS, 5), (START_MS, 9), (START_MS + 2 * MINUTE_MS, 7)):
        keeper.trade(trade(at_ms, price))
    assert [(each.at_ms, each.close) for each in keeper.candles(BTC, MINUTE_MS)] == [
        (START_MS + MINUTE_MS, D(9)),
        (START_MS + 2 * MINUTE_MS, D(7)),
    ]


def test_everything_passes_on() -> None:
    behind = Audience()
    keeper = KeepCandles(behind)
    book = BookSnapshot(instrument_id=BTC, bids=(), asks=(), sequence=1, at_ms=START_MS)
    sold = trade(START_MS, 1)
    keeper.account_events([])
    keeper.order_book(book)
    keeper.trade(sold)
    assert behind.published == [[], book, sold]
    assert keeper.has_book_subscribers(BTC)
    assert not keeper.has_book_subscribers(InstrumentId("PAPER:X"))
