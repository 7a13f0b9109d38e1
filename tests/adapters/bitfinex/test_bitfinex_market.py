"""A recorded socket through the parsers, and the words of the public channels."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal as D
from typing import Any
from zlib import crc32

import pytest
from tests.adapters.bitfinex.market_world import (
    DATA,
    UAT,
    frame,
    message,
    named,
    recorded,
    wire,
)

from cadenza.adapters.venues.bitfinex.spec import BOOK_DEPTH, BOOK_RULE
from cadenza.adapters.venues.bitfinex.stream_wire import BitfinexMarket, PublicChannels
from cadenza.adapters.venues.kit.market_stream import (
    GoingDown,
    MarketEvent,
    MarketWord,
    MessagesMissing,
    SubscriptionReply,
)
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookOutcome, OrderBook

SPEC = BookSpec(rule=BOOK_RULE, age_ms_max=None, depth=BOOK_DEPTH)
BTC = named()["tBTCUSD"]
PERPETUAL = named()["tBTCF0:USTF0"]
MARKETS = {name: BitfinexMarket(each) for name, each in (named() | named(UAT)).items()}
RECORDED_BOOKS = ("tBFTUSD", "tIOTETH", "tDOGUSD", "tMNABTC", "tODEUSD", "tSNGUSD", "tTESTBTC:TESTUSD")


def words(messages: Iterable[bytes]) -> Iterator[MarketWord]:
    read = PublicChannels()
    return (read.read(each) for each in messages)


def books(messages: Iterable[bytes]) -> tuple[dict[str, OrderBook], list[BookOutcome]]:
    """The books that a socket keeps, and what became of each message."""
    kept: dict[str, OrderBook] = {}
    outcomes = []
    for word in words(messages):
        if isinstance(word, MarketEvent) and word.name.startswith("book:"):
            name = word.name.removeprefix("book:")
            market = MARKETS[name]
            for each in market.book_messages(word.data):
                book = kept.setdefault(name, OrderBook(each.instrument_id, SPEC))
                outcomes.append(book.reset(each) if isinstance(each, BookSnapshot) else book.apply(each))
    return kept, outcomes


def test_every_recorded_message_is_read_and_applied() -> None:
    read = list(words(recorded()))
    assert not [word for word in read if isinstance(word, MessagesMissing)]
    granted = [word.names for word in read if isinstance(word, SubscriptionReply)]
    assert len(granted) == 21
    kept, outcomes = books(recorded())
    assert sorted(kept) == sorted(RECORDED_BOOKS)
    assert len(outcomes) > 1_500
    assert set(outcomes) == {BookOutcome.APPLIED}


def test_the_recorded_books_equal_a_plain_reading_of_the_levels() -> None:
    """The oracle keeps levels by price, by the text of the wire."""
    plain: dict[int, dict[tuple[bool, D], D]] = {}
    names: dict[int, str] = {}
    for text in recorded():
        read = json.loads(text, parse_float=D, parse_int=D)
        if isinstance(read, dict):
            if read.get("channel") == "book":
                names[int(read["chanId"])] = read["symbol"]
        elif int(read[0]) in names and read[1] != "hb":
            levels = plain.setdefault(int(read[0]), {})
            for price, count, amount in read[1] if isinstance(read[1][0], list) else [read[1]]:
                levels[amount > 0, price] = abs(amount) if count else D(0)
    kept, _ = books(recorded())
    for id, name in names.items():
        shown = kept[name].snapshot(BOOK_DEPTH)
        assert shown is not None
        left = {key: amount for key, amount in plain[id].items() if amount}
        assert {(True, price): amount for price, amount in shown.bids} == {k: v for k, v in left.items() if k[0]}
        assert {(False, price): amount for price, amount in shown.asks} == {k: v for k, v in left.items() if not k[0]}


def test_any_lost_frame_is_noticed_at_the_next_one() -> None:
    messages = [each for each in recorded() if each.startswith(b"[")]
    for before, _, after in zip(messages, messages[1:], messages[2:], strict=False):
        read = wire()
        read.read(before)
        assert "does not follow" in str(read.read(after))


# --- words


def subscribed(channel: str, id: int, **fields: Any) -> bytes:
    return message(event="subscribed", channel=channel, chanId=id, **fields)


def test_a_subscription_is_granted_by_its_name_once_frames_are_numbered() -> None:
    read = PublicChannels()
    assert read.read(subscribed("book", 7, symbol="tBTCUSD")) is None, "the venue has not agreed to number frames"
    read.read(message(event="conf", status="OK", flags=65536))
    assert read.read(subscribed("book", 7, symbol="tBTCUSD")) is None, "and nothing less will do"
    read = wire()
    assert read.read(subscribed("book", 7, symbol="tBTCUSD", prec="P0")) == SubscriptionReply(names=("book:tBTCUSD",))
    granted = read.read(subscribed("status", 8, key="deriv:tBTCF0:USTF0"))
    assert granted == SubscriptionReply(names=("status:deriv:tBTCF0:USTF0",))


def test_what_is_asked_for_names_the_channel_and_what_is_ended_its_number() -> None:
    read = wire()
    names = ["book:tBTCUSD", "trades:tBTCUSD", "status:deriv:tBTCF0:USTF0"]
    assert [json.loads(text) for text in read.requests(1, names, is_wanted=True)] == [
        {"event": "subscribe", "channel": "book", "symbol": "tBTCUSD", "prec": "P0", "freq": "F0", "len": "250"},
        {"event": "subscribe", "channel": "trades", "symbol": "tBTCUSD"},
        {"event": "subscribe", "channel": "status", "key": "deriv:tBTCF0:USTF0"},
    ]
    assert read.requests(2, names, is_wanted=False) == []
    read.read(subscribed("trades", 9, symbol="tBTCUSD"))
    (text,) = read.requests(3, names, is_wanted=False)
    assert json.loads(text) == {"event": "unsubscribe", "chanId": 9}
    ended = read.read(message(event="unsubscribed", status="OK", chanId=9))
    assert ended == SubscriptionReply(names=("trades:tBTCUSD",))
    assert read.read(frame(9, "hb", 1, 5)) is None, "it was on its way"


@pytest.mark.parametrize(
    ("code", "is_for_good"), [(10300, True), (10302, True), (10020, True), (10305, False), (11000, False)]
)
def test_only_what_the_venue_does_not_know_is_refused_for_good(code: int, is_for_good: bool) -> None:
    error = message(event="error", msg="symbol: invalid", code=code, channel="book", symbol="tNOTUSD")
    word = wire().read(error)
    refused = SubscriptionReply(names=("book:tNOTUSD",), refusal=f"{code} symbol: invalid")
    assert word == (refused if is_for_good else None)


def test_a_second_subscription_of_a_channel_that_stands_is_a_grant() -> None:
    read = wire()
    twice = message(event="error", msg="subscribe: dup", code=10301, channel="book", symbol="tBTCUSD")
    assert read.read(twice) is None, "the first one was not answered yet"
    read.read(subscribed("book", 7, symbol="tBTCUSD"))
    assert read.read(twice) == SubscriptionReply(names=("book:tBTCUSD",))


def test_what_the_venue_says_of_the_connection() -> None:
    read = wire()
    assert read.read(message(event="info", version=2, platform={"status": 1})) is None
    assert read.read(message(event="info", code=20051, msg="Stopping")) == GoingDown()
    for code in (20060, 20061):
        assert isinstance(read.read(message(event="info", code=code, msg="x")), MessagesMissing)
    assert read.read(message(event="pong", ts=1)) is None
    with pytest.raises(UnreadablePayload, match="version 3"):
        read.read(message(event="info", version=3))


@pytest.mark.parametrize(
    "data",
    [
        frame(7, [1, 1, 1], 2, 5),  # a number is missing
        frame(7, [1, 1, 1], 1),  # no instant
        frame(7, [1, 1, 1]),
        frame(7),
        frame("7", [1, 1, 1], 1, 5),
        frame(7, "what", 1, 5),
        frame(8, [1, 1, 1], 1, 5),  # nobody asked for channel 8
        b"[7,",
        b"nonsense",
    ],
)
def test_a_frame_that_cannot_be_placed_is_a_missing_message(data: bytes) -> None:
    read = wire()
    read.read(subscribed("book", 7, symbol="tBTCUSD"))
    assert isinstance(read.read(frame(7, "hb", 0, 4)), MarketEvent)
    if data == frame(7, [1, 1, 1], 2, 5):
        assert isinstance(read.read(data), MessagesMissing)
        assert isinstance(read.read(frame(7, "hb", 3, 6)), MarketEvent), "numbers are counted from there"
    else:
        assert isinstance(read.read(data), MessagesMissing)


def test_later_elements_of_a_frame_are_not_read() -> None:
    read = wire()
    read.read(subscribed("trades", 7, symbol="tBTCUSD"))
    assert isinstance(read.read(frame(7, [], 1, 5, "new")), MarketEvent)
    word = read.read(frame(7, "tu", [401, 1_700_000_000_000, -0.5, 60000, "new"], 2, 6, "new"))
    assert isinstance(word, MarketEvent)
    ((number, trade),) = BitfinexMarket(BTC).numbered_trades(word.data)
    assert (number, trade.price, trade.quantity, trade.aggressor) == (401, 60000, D("0.5"), Side.SELL)
    assert (trade.at_ms, trade.trade_id) == (1_700_000_000_000, "401")


# --- books


class Book:
    """A book behind a wire."""

    def __init__(self) -> None:
        self.wire = wire()
        self.wire.read(subscribed("book", 7, symbol="tBTCUSD"))
        self.book = OrderBook(BTC.id, SPEC)
        self.number = 0

    def hear(self, *parts: Any) -> BookOutcome:
        self.number += 1
        word = self.wire.read(b"[7,%b,%d,%d]" % (b",".join(each.encode() for each in parts), self.number, self.number))
        assert isinstance(word, MarketEvent)
        (heard,) = BitfinexMarket(BTC).book_messages(word.data)
        assert heard.at_ms == heard.sequence == self.number
        return self.book.reset(heard) if isinstance(heard, BookSnapshot) else self.book.apply(heard)


def test_the_documented_checksum_of_a_book() -> None:
    """The rule of the venue's reference: bids and asks in turn, asks negative, numbers as JavaScript prints them."""
    text = "6000:1:6001:-2:5999.5:1e-7:6002:-0.000001"
    unsigned = crc32(text.encode())
    expected = unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
    book = Book()
    book.hear("[[6000,1,1],[5999.5,1,1e-7],[6001,3,-2],[6002,1,-0.000001]]")
    assert book.hear('"cs"', str(expected)) is BookOutcome.APPLIED
    assert book.hear("[6000,2,1.5]") is BookOutcome.APPLIED
    assert book.hear('"hb"') is BookOutcome.APPLIED
    assert book.book.at_ms == 4
    assert book.hear('"cs"', str(expected)) is BookOutcome.MISMATCH
    assert not book.book.is_fresh


def test_a_book_of_the_venue_with_very_small_prices_has_its_checksum() -> None:
    """XRPBTC, as the venue's own client in Go tries it: prices of 7e-7 and 1e-8 among others."""
    known = json.loads((DATA / "book-xrpbtc.json").read_text())
    rows = [f"[{price},{count},{amount}]" for price, count, amount in known["bids"]]
    rows += [f"[{price},{count},-{amount}]" for price, count, amount in known["asks"]]
    price, count, amount = known["change"]
    book = Book()
    book.hear(f"[{','.join(rows)}]")
    assert book.hear(f"[{price},{count},{amount}]") is BookOutcome.APPLIED
    assert book.hear('"cs"', str(known["checksum"])) is BookOutcome.APPLIED
    assert book.hear(f"[{price},{count},266122.95]") is BookOutcome.APPLIED
    assert book.hear('"cs"', str(known["checksum"])) is BookOutcome.MISMATCH


def test_several_levels_of_an_update_come_in_one_frame() -> None:
    """The first content of a channel is the book, later ones are changes, though both may be lists of levels."""
    book = Book()
    book.hear("[[6000,1,1],[6001,1,-1]]")
    assert book.hear("[[6000,0,1],[6001,0,-1],[6003,1,2],[6004,1,-2]]") is BookOutcome.APPLIED
    assert (book.book.best_bid(), book.book.best_ask()) == ((D(6003), D(2)), (D(6004), D(2)))


def test_an_empty_book_begins_too() -> None:
    book = Book()
    assert book.hear("[]") is BookOutcome.APPLIED
    assert book.hear("[6000,1,1]") is BookOutcome.APPLIED
    assert book.book.best_bid() == (D(6000), D(1))


@pytest.mark.parametrize("level", ["[6000,-1,1]", "[6000,1,0]", "[0,1,1]", "[-5,1,1]", "[6000,1]", "[6000,null,1]"])
def test_a_level_without_sense_is_refused(level: str) -> None:
    book = Book()
    book.hear("[[6000,1,1],[6001,1,-1]]")
    with pytest.raises(UnreadablePayload):
        book.hear(level)


def test_a_removal_names_its_side_by_the_sign_of_its_amount() -> None:
    book = Book()
    book.hear("[[6000,1,1],[6001,1,-1]]")
    book.hear("[6000,0,1]")
    assert book.book.best_bid() is None
    book.hear("[6001,0,-1]")
    assert book.book.best_ask() is None


# --- trades and marks


def event(read: PublicChannels, data: bytes) -> MarketEvent:
    word = read.read(data)
    assert isinstance(word, MarketEvent)
    return word


def test_trades_come_oldest_first_and_twice_with_one_number() -> None:
    read = wire()
    read.read(subscribed("trades", 7, symbol="tBTCUSD"))
    market = BitfinexMarket(BTC)
    snapshot = event(read, frame(7, [[402, 2_000, 0.5, 60001], [401, 1_000, -0.25, 60000]], 1, 5))
    assert [number for number, _ in market.numbered_trades(snapshot.data)] == [401, 402]
    for number, word in ((2, "te"), (3, "tu")):
        ((found, trade),) = market.numbered_trades(event(read, frame(7, word, [403, 3_000, 1, 60002], number, 6)).data)
        assert (found, trade.aggressor, trade.quantity) == (403, Side.BUY, 1)
    assert list(market.numbered_trades(event(read, frame(7, "hb", 4, 7)).data)) == []
    with pytest.raises(UnreadablePayload):
        market.numbered_trades(event(read, frame(7, "te", [404, 3_000, 0, 60002], 5, 8)).data)
    with pytest.raises(UnreadablePayload):
        market.numbered_trades(event(read, frame(7, "cs", 12, 6, 9)).data)


def test_a_derivative_has_a_mark_price_in_its_status() -> None:
    """The row of the venue's reference: the mark price stands at 14."""
    read, market = wire(), BitfinexMarket(PERPETUAL)
    assert market.marks == "status:deriv:tBTCF0:USTF0"
    assert BitfinexMarket(BTC).marks is None
    read.read(subscribed("status", 8, key="deriv:tBTCF0:USTF0"))
    row: list[Any] = [1596124822000, None, 0.896, 0.771995, None, 1396531.67, None, 1596153600000, -0.0001056, 6, None]
    row += [-0.01381344, None, None, 0.7664, None, None, 246502.09001551, None, None, None, None, None, 0.3]
    assert market.mark(event(read, frame(8, row, 1, 5)).data) == D("0.7664")
    assert market.mark(event(read, frame(8, "hb", 2, 6)).data) is None
    row[14] = None
    assert market.mark(event(read, frame(8, row, 3, 7)).data) is None
    row[14] = 0
    with pytest.raises(UnreadablePayload):
        market.mark(event(read, frame(8, row, 4, 8)).data)
