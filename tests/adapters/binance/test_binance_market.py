"""A recorded session through the parsers: the book equals the recorded best prices, and no lost message goes
unnoticed. Then the rule of USD-M, of which there is no recording."""

import json
from decimal import Decimal as D

import msgspec
import pytest
from tests.adapters.binance.binance_world import BTC_PERP, BTC_USDT, NOW_MS, payload
from tests.adapters.binance.recorded_session import Recorded, spot_session

from cadenza.adapters.venues.binance.models import (
    BestPricesEvent,
    BinanceDepthReply,
)
from cadenza.adapters.venues.binance.models_usdm import AggregateTradeEvent, MarkPriceEvent
from cadenza.adapters.venues.binance.parse_market import (
    SPOT_BOOK_RULE,
    USDM_BOOK_RULE,
    book_snapshot,
    mark_price,
    market_trade,
    usdm_delta,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookOutcome, OrderBook

SPEC = BookSpec(rule=SPOT_BOOK_RULE, age_ms_max=None, depth=1_000)


@pytest.fixture(scope="module")
def session() -> list[Recorded]:
    return list(spot_session())


def chain(session: list[Recorded]) -> tuple[BookSnapshot, list[BookDelta]]:
    """The snapshot, and the updates that it does not contain."""
    snapshot = next(message for message in session if isinstance(message, BookSnapshot))
    deltas = [message for message in session if isinstance(message, BookDelta)]
    return snapshot, [delta for delta in deltas if delta.sequence > snapshot.sequence]


def test_the_book_has_the_best_prices_that_the_venue_published(session: list[Recorded]) -> None:
    """Depth comes every 100 ms and best prices at each change, with the same update ids. So after each depth update the
    newest best prices up to it are those of the book."""
    book = OrderBook(BTC_USDT, SPEC)
    snapshot, deltas = chain(session)
    assert book.reset(snapshot) is BookOutcome.APPLIED
    tickers = [message for message in session if isinstance(message, BestPricesEvent)]
    compared = 0
    for delta in deltas:
        assert book.apply(delta) is BookOutcome.APPLIED
        newest = max((each for each in tickers if each.update_id <= delta.sequence), key=lambda each: each.update_id)
        assert book.best_bid() == (newest.bid, newest.bid_quantity)
        assert book.best_ask() == (newest.ask, newest.ask_quantity)
        compared += 1
    assert (len(tickers), len(deltas), compared) == (1137, 131, 131)


def test_updates_from_before_the_snapshot_change_nothing(session: list[Recorded]) -> None:
    snapshot, deltas = chain(session)
    earlier = [m for m in session if isinstance(m, BookDelta) and m.sequence < snapshot.sequence]
    book = OrderBook(BTC_USDT, SPEC)
    book.reset(snapshot)
    assert [book.apply(delta) for delta in earlier] == [BookOutcome.DUPLICATE] * len(earlier)
    assert earlier
    assert book.apply(deltas[0]) is BookOutcome.APPLIED


def test_every_lost_update_is_a_gap(session: list[Recorded]) -> None:
    snapshot, deltas = chain(session)
    for lost in range(len(deltas) - 1):
        book = OrderBook(BTC_USDT, SPEC)
        book.reset(snapshot)
        outcomes = [book.apply(delta) for delta in deltas[:lost]]
        assert set(outcomes) <= {BookOutcome.APPLIED}
        assert book.apply(deltas[lost + 1]) is BookOutcome.GAP, lost
        assert book.best_bid() is None


def test_a_snapshot_older_than_the_first_update_is_a_gap(session: list[Recorded]) -> None:
    snapshot, deltas = chain(session)
    book = OrderBook(BTC_USDT, SPEC)
    book.reset(snapshot)
    assert book.apply(deltas[1]) is BookOutcome.GAP


def test_trades_are_read_with_the_side_that_took(session: list[Recorded]) -> None:
    trades = [message for message in session if isinstance(message, MarketTrade)]
    assert len(trades) == 229
    assert trades[0] == MarketTrade(
        instrument_id=BTC_USDT,
        trade_id="3735683259",
        price=D("61837.63"),
        quantity=D("0.02"),
        aggressor=Side.SELL,
        at_ms=1723161255342,
    )
    assert {trade.aggressor for trade in trades} == {Side.BUY, Side.SELL}


USDM_DEPTH = {
    "e": "depthUpdate",
    "E": 123456789,
    "T": 123456788,
    "s": "BTCUSDT",
    "U": 157,
    "u": 160,
    "pu": 149,
    "b": [["0.0024", "10"]],
    "a": [["0.0026", "100"]],
}
USDM_SNAPSHOT = {
    "lastUpdateId": 158,
    "E": 1589436922972,
    "T": 1589436922959,
    "bids": [["0.0023", "431"]],
    "asks": [["0.0027", "12.2"]],
}


def usdm_book() -> OrderBook:
    book = OrderBook(BTC_PERP, BookSpec(rule=USDM_BOOK_RULE, age_ms_max=None, depth=1_000))
    snapshot = book_snapshot(decode(BinanceDepthReply, payload(USDM_SNAPSHOT)), BTC_PERP, 0)
    assert snapshot.at_ms == 1589436922959
    assert book.reset(snapshot) is BookOutcome.APPLIED
    return book


def usdm(**changes: int) -> BookDelta:
    return usdm_delta(msgspec.Raw(payload(USDM_DEPTH, **changes)), BTC_PERP)


@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        ({"U": 150, "u": 157, "pu": 149}, BookOutcome.DUPLICATE),
        ({"U": 150, "u": 158, "pu": 149}, BookOutcome.APPLIED),
        ({"U": 157, "u": 160, "pu": 149}, BookOutcome.APPLIED),
        ({"U": 158, "u": 160, "pu": 157}, BookOutcome.APPLIED),
        ({"U": 160, "u": 165, "pu": 159}, BookOutcome.GAP),
    ],
)
def test_the_first_update_of_usdm_contains_the_snapshots_number(first: dict[str, int], outcome: BookOutcome) -> None:
    assert usdm_book().apply(usdm(**first)) is outcome


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ({"U": 171, "u": 180, "pu": 160}, BookOutcome.APPLIED),
        ({"U": 161, "u": 180, "pu": 159}, BookOutcome.GAP),
        ({"U": 171, "u": 180, "pu": 170}, BookOutcome.GAP),
        ({"U": 157, "u": 160, "pu": 149}, BookOutcome.DUPLICATE),
    ],
)
def test_a_later_update_of_usdm_names_the_one_before(second: dict[str, int], outcome: BookOutcome) -> None:
    book = usdm_book()
    assert book.apply(usdm()) is BookOutcome.APPLIED
    assert book.apply(usdm(**second)) is outcome


def test_a_usdm_update_that_does_not_name_the_one_before_is_refused() -> None:
    with pytest.raises(UnreadablePayload):
        usdm_delta(msgspec.Raw(payload(USDM_DEPTH, pu=...)), BTC_PERP)


def test_aggregate_trades_of_usdm() -> None:
    event = {"e": "aggTrade", "E": 1, "s": "BTCUSDT", "a": 5933014, "p": "0.001", "q": "100", "T": 123456785, "m": True}
    trade = market_trade(decode(AggregateTradeEvent, payload(event)), BTC_PERP)
    assert (trade.trade_id, trade.aggressor, trade.quantity, trade.at_ms) == ("5933014", Side.SELL, D(100), 123456785)


def test_the_mark_price_of_usdm() -> None:
    event = {
        "e": "markPriceUpdate",
        "E": 1562305380000,
        "s": "BTCUSDT",
        "p": "11794.15000000",
        "i": "11784.6",
        "r": "0",
    }
    assert mark_price(decode(MarkPriceEvent, payload(event))) == D("11794.15")
    with pytest.raises(UnreadablePayload):
        mark_price(decode(MarkPriceEvent, payload(event, p="0")))


@pytest.mark.parametrize(
    "level", [["0", "1"], ["-1", "1"], ["1", "-1"], ["NaN", "1"], ["1", "Infinity"], ["1E30", "1"]]
)
def test_a_level_that_is_none_is_refused(level: list[str]) -> None:
    with pytest.raises(UnreadablePayload):
        book_snapshot(decode(BinanceDepthReply, payload(USDM_SNAPSHOT, bids=[level])), BTC_PERP, NOW_MS)


@pytest.mark.parametrize(
    "level",
    [
        *(["0", "1"], ["0.0000", "10"], ["-1", "1"], ["1", "-1"], ["NaN", "1"], ["1", "Infinity"], ["1E30", "1"]),
        *(["1", "inf"], ["1", "1_0x"], ["1", ""], ["", "1"], ["1", "."], ["1.2.3", "1"], ["1", "1.2.3"], ["1", None]),
        *(["0.0023", ""], ["0.0023", "."], ["0.0022", ""], ["0.0022", "."], ["0.0022", "x0"]),
    ],
)
@pytest.mark.parametrize("side", ["b", "a"])
def test_a_change_of_no_level_never_gets_into_a_book(side: str, level: list[str]) -> None:
    """The connector refuses it, or the book does."""
    for levels in ([level], [["0.0022", "10"], level], [["0.0022", "1.0"], level], [["1", "1"], level]):
        book = usdm_book()
        try:
            event = {**USDM_DEPTH, "b": [], "a": [], side: levels}
            delta = usdm_delta(msgspec.Raw(msgspec.json.encode(event)), BTC_PERP)
        except UnreadablePayload:
            continue
        assert book.apply(delta) is BookOutcome.REFUSED
        assert book.snapshot(5) is None


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize(
    "levels",
    [
        [["0.0021", "7"], ["0.0022", "10"]],
        [["0.0021", "7.0"], ["0.0022", "10.5"]],
        [["0.0021", "7"], ["0.0022", "10.5"]],
        [[0.0021, "7"], ["0.00220", "1E+1"]],
        [["0.0022", "7"], ["0.0021", "0.000"]],
        [["0.0022", "7"], ["0.0023", "0"]],
        [["0.0022", "7"], ["0.0023", "-0"]],
    ],
)
def test_a_change_is_exact_however_it_is_written(levels: list[list[str]], separators: tuple[str, str]) -> None:
    text = json.dumps({**USDM_DEPTH, "b": levels, "a": []}, separators=separators)
    book = usdm_book()
    assert book.apply(usdm_delta(msgspec.Raw(text.encode()), BTC_PERP)) is BookOutcome.APPLIED
    shown = book.snapshot(10)
    assert shown is not None
    expected = {D("0.0023"): D(431)} | {D(str(price)): D(quantity) for price, quantity in levels}
    assert dict(shown.bids) == {price: quantity for price, quantity in expected.items() if quantity}


def test_the_usual_change_makes_no_decimals(session: list[Recorded]) -> None:
    _, deltas = chain(session)
    assert {type(text) for delta in deltas for level in (*delta.bids, *delta.asks) for text in level} == {str}


def test_numbers_are_exact_whether_they_stand_in_quotes_or_not() -> None:
    text = '{"lastUpdateId":1,"bids":[[0.1234567890123456789,"0.10"]],"asks":[]}'
    assert decode(BinanceDepthReply, text).bids == [(D("0.1234567890123456789"), D("0.10"))]
