"""A recorded session through the parsers: each book continues by the venue's own numbers, it shows the best prices that
the venue states beside it, and no lost message goes unnoticed."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.deribit.deribit_world import DATA, DERIBIT, INSTRUMENTS

from cadenza.adapters.venues.deribit.models import DeribitBookMessage, DeribitPublicTrade
from cadenza.adapters.venues.deribit.parse_instruments import read_instruments
from cadenza.adapters.venues.deribit.parse_market import book_message, market_trade
from cadenza.adapters.venues.deribit.spec import BOOK_RULE
from cadenza.adapters.venues.deribit.stream_wire import DeribitChannels, PublicChannels
from cadenza.adapters.venues.kit.market_stream import MarketEvent, ReplyWanted, SubscriptionReply
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookOutcome, OrderBook

SPEC = BookSpec(rule=BOOK_RULE, age_ms_max=None, depth=1_000)
RECORDED = {
    each.external_symbol: each
    for each in read_instruments((DATA / "instruments-20210722.json").read_bytes(), DERIBIT).instruments
}
BUSY = "BTC-24SEP21-8000-P"


def frames() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The family, the instrument and the data of each message, in the order in which they came."""
    with gzip.open(DATA / "feeds-20210722.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            params = json.loads(line, parse_float=str)["params"]
            family, name, _ = params["channel"].split(".")
            yield family, name, params["data"]


def messages(name: str) -> list[Any]:
    found = []
    with gzip.open(DATA / "feeds-20210722.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            word = PublicChannels().read(line.encode())
            assert isinstance(word, MarketEvent)
            if word.name == f"book.{name}.raw":
                found += [book_message(decode(DeribitBookMessage, word.data), RECORDED[name])]
    return found


def test_every_recorded_book_continues_from_message_to_message() -> None:
    books = {name: OrderBook(RECORDED[name].id, SPEC) for name in RECORDED}
    counted = 0
    for name in {name for family, name, _ in frames() if family == "book"}:
        for read in messages(name):
            outcome = books[name].reset(read) if isinstance(read, BookSnapshot) else books[name].apply(read)
            assert outcome is BookOutcome.APPLIED
            counted += 1
    assert counted == 46


def test_the_book_has_the_best_prices_that_the_venue_states_beside_it() -> None:
    """The ticker comes by itself, so of two words that are less than a second apart either may be the newer one: the
    book has stated what the ticker says before, or does so with its next message."""
    shown: dict[str, list[Any]] = {}
    books: dict[str, OrderBook] = {}
    waiting: list[tuple[str, int, Any]] = []
    for family, name, data in frames():
        if family == "book":
            read = book_message(decode(DeribitBookMessage, json.dumps(data)), RECORDED[name])
            book = books.setdefault(name, OrderBook(RECORDED[name].id, SPEC))
            _ = book.reset(read) if isinstance(read, BookSnapshot) else book.apply(read)
            shown.setdefault(name, []).append([book.best_bid(), book.best_ask()])
        elif name in shown:
            stated = [(D(data[f"best_{side}_price"]), D(data[f"best_{side}_amount"])) for side in ("bid", "ask")]
            waiting.append((name, len(shown[name]), [level if level[0] else None for level in stated]))
    compared = 0
    for name, until, stated in waiting:
        is_last = until == len(shown[name])
        near = shown[name][max(0, until - 2) : until + 1]
        assert stated in near or is_last, (name, until, stated, near)
        compared += stated in near
    assert compared > 70


def test_any_lost_message_leaves_the_book_stale() -> None:
    read = messages(BUSY)
    assert len(read) == 31
    for lost in range(1, len(read) - 1):
        book = OrderBook(RECORDED[BUSY].id, SPEC)
        outcomes = [
            book.reset(each) if isinstance(each, BookSnapshot) else book.apply(each)
            for number, each in enumerate(read)
            if number != lost
        ]
        assert BookOutcome.GAP in outcomes
        assert outcomes[-1] in (BookOutcome.GAP, BookOutcome.STALE)


BOOK = {
    "type": "change", "timestamp": 1554373911330, "prev_change_id": 297217, "instrument_name": "BTC-PERPETUAL",
    "change_id": 297218, "bids": [["delete", 5041.94, 0], ["new", 5042.34, 10]], "asks": [["change", 5042.64, 40]],
}  # fmt: skip
"""A change by the documented fields."""


def test_a_change_names_levels_that_are_new_other_or_gone() -> None:
    for separators in ((",", ":"), (", ", ": ")):
        written = json.dumps(BOOK, separators=separators)
        read: Any = book_message(decode(DeribitBookMessage, written), INSTRUMENTS["BTC-PERPETUAL"])
        bids, asks = ([(D(price), D(amount)) for price, amount in side] for side in (read.bids, read.asks))
        assert bids == [(D("5041.94"), 0), (D("5042.34"), 10)]
        assert asks == [(D("5042.64"), 40)]
    assert (read.previous_sequence, read.sequence) == (297217, 297218)


@pytest.mark.parametrize(
    "changes",
    [
        {"bids": [["maybe", 5042, 1]]},
        {"bids": [["new", 5042, -1]]},
        {"bids": [["new", 0, 1]]},
        {"type": "other"},
        {"type": "snapshot"},
        {"prev_change_id": None, "type": "change"},
        {"instrument_name": "ETH-PERPETUAL"},
    ],
)
def test_a_message_that_is_not_as_documented_is_refused(changes: dict[str, Any]) -> None:
    written = json.dumps({**BOOK, **changes}, separators=(",", ":"))
    with pytest.raises(UnreadablePayload):
        book_message(decode(DeribitBookMessage, written), INSTRUMENTS["BTC-PERPETUAL"])


def test_a_public_trade() -> None:
    row = {
        "trade_seq": 30289442, "trade_id": "48079269", "timestamp": 1590484512188, "tick_direction": 2,
        "price": 8950.5, "mark_price": 8948.9, "instrument_name": "BTC-PERPETUAL", "index_price": 8955.88,
        "direction": "sell", "amount": 10,
    }  # fmt: skip
    channels = DeribitChannels(INSTRUMENTS["BTC-PERPETUAL"])
    ((number, trade),) = channels.numbered_trades(json.dumps([row]).encode())  # type: ignore[arg-type]
    assert (number, trade.price, trade.quantity, trade.aggressor) == (30289442, D("8950.5"), 10, Side.SELL)
    with pytest.raises(UnreadablePayload):
        market_trade(decode(DeribitPublicTrade, json.dumps({**row, "amount": 0})), INSTRUMENTS["BTC-PERPETUAL"])


def test_answers_grant_what_they_list_and_refuse_when_they_list_nothing() -> None:
    wire = PublicChannels()
    wire.requests(7, ["book.BTC-PERPETUAL.100ms"], is_wanted=True)
    granted = wire.read(b'{"jsonrpc":"2.0","id":7,"result":["book.BTC-PERPETUAL.100ms"],"usIn":1}')
    assert granted == SubscriptionReply(id=7, names=("book.BTC-PERPETUAL.100ms",))
    assert wire.read(b'{"id":8,"result":[]}') == SubscriptionReply(id=8, refusal="the venue did not grant it")
    refused = wire.read(b'{"id":9,"error":{"code":13778,"message":"raw_subscriptions_not_available"}}')
    assert refused == SubscriptionReply(id=9, refusal="13778 raw_subscriptions_not_available")
    wire.requests(10, ["x"], is_wanted=False)
    assert wire.read(b'{"id":10,"result":[]}') == SubscriptionReply(id=10)


def test_the_venue_is_answered_when_it_asks_whether_we_are_there() -> None:
    wire = PublicChannels()
    assert wire.read(b'{"method":"heartbeat","params":{"type":"heartbeat"}}') is None
    word = wire.read(b'{"method":"heartbeat","params":{"type":"test_request"}}')
    assert isinstance(word, ReplyWanted)
    assert json.loads(word.text)["method"] == "public/test"
    assert wire.read(b'{"id":1000000001,"result":"ok"}') is None
