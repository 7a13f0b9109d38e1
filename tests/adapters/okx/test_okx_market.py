"""A recorded session through the parsers: the book equals the venue's own checksum at every message, and no lost
message goes unnoticed. The recording is older than the numbers, so it is given some."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal as D
from itertools import chain, zip_longest
from typing import Any
from zlib import crc32

import pytest
from tests.adapters.okx.okx_world import BTC_USDT, DATA, INSTRUMENTS, INVERSE

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.models import OkxBook, OkxMarkPrice, OkxTrade
from cadenza.adapters.venues.okx.parse_market import book_message, mark_price, market_trade
from cadenza.adapters.venues.okx.spec import BOOK_RULE
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookOutcome, OrderBook

SPEC = BookSpec(rule=BOOK_RULE, age_ms_max=None, depth=400)
CHECKSUM_DEPTH = 25
BOOKED = ("BTC-USDT", "BTC-USD-220527", "UNI-USD-SWAP")


def frames(channel: str, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / "books-20220513.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            frame = json.loads(line)
            if frame["arg"] == {"channel": channel, "instId": name}:
                yield frame


def message(fields: dict[str, Any]) -> OkxBook:
    """A message of a book, written without spaces as the venue does."""
    return decode(OkxBook, json.dumps(fields, separators=(",", ":")))


def numbered(name: str) -> list[OkxBook]:
    """The messages of a book, with the numbers that the venue gives today."""
    found = []
    for number, frame in enumerate(frames("books", name), 1_000):
        previous = -1 if frame["action"] == "snapshot" else number - 1
        found.append(message({**frame["data"][0], "seqId": number, "prevSeqId": previous}))
    return found


class Oracle:
    """The venue's checksum of a book: CRC-32 over the best 25 levels a side in turn, by the texts of the wire."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, D], tuple[str, str]] = {}

    def note(self, book: OkxBook) -> None:
        for side, levels in (("bid", book.bids), ("ask", book.asks)):
            self.texts.update({(side, D(price)): (price, size) for price, size, *_ in json.loads(bytes(levels))})

    def of(self, book: OrderBook, contract_size: D) -> int:
        shown = book.snapshot(CHECKSUM_DEPTH)
        assert shown is not None
        bids, asks = ([(side, *level) for level in found] for side, found in (("bid", shown.bids), ("ask", shown.asks)))
        in_turn = chain.from_iterable(zip_longest(bids, asks))
        fields = [self._text(*level, contract_size) for level in in_turn if level is not None]
        unsigned = crc32(":".join(fields).encode())
        return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned

    def _text(self, side: str, price: D, quantity: D, contract_size: D) -> str:
        text, size = self.texts[side, price]
        assert D(size) * contract_size == quantity
        return f"{text}:{size}"


@pytest.mark.parametrize("name", BOOKED)
def test_the_book_has_the_venues_checksum_at_every_message(name: str) -> None:
    instrument, oracle = INSTRUMENTS[name], Oracle()
    book = OrderBook(instrument.id, SPEC)
    messages = numbered(name)
    assert len(messages) > 20
    for each in messages:
        oracle.note(each)
        read = book_message(each, instrument)
        outcome = book.reset(read) if isinstance(read, BookSnapshot) else book.apply(read)
        assert outcome is BookOutcome.APPLIED
        assert oracle.of(book, instrument.contract_size) == each.checksum


def test_any_lost_message_leaves_the_book_stale() -> None:
    instrument = INSTRUMENTS["BTC-USDT"]
    read = [book_message(each, instrument) for each in numbered("BTC-USDT")]
    for lost in range(1, len(read) - 1):
        book = OrderBook(instrument.id, SPEC)
        outcomes = [
            book.reset(each) if isinstance(each, BookSnapshot) else book.apply(each)
            for number, each in enumerate(read)
            if number != lost
        ]
        assert BookOutcome.GAP in outcomes
        assert outcomes[-1] in (BookOutcome.GAP, BookOutcome.STALE)


def test_numbers_that_begin_again_after_maintenance_continue_the_book() -> None:
    """The venue's own example: 10, 15, a heartbeat at 15, 3 after the maintenance, 5."""
    instrument = INSTRUMENTS["BTC-USDT"]
    book = OrderBook(instrument.id, SPEC)
    messages = [(-1, 10), (10, 15), (15, 15), (15, 3), (3, 5)]
    levels = {"bids": [["1", "1", "0", "1"]], "asks": [["2", "1", "0", "1"]]}
    for previous, number in messages:
        shown = {"bids": [], "asks": []} if previous == number else levels
        raw = {**shown, "ts": "1652459236119", "seqId": number, "prevSeqId": previous, "checksum": 0}
        read = book_message(message(raw), instrument)
        outcome = book.reset(read) if isinstance(read, BookSnapshot) else book.apply(read)
        assert outcome is BookOutcome.APPLIED, (previous, number)
    assert book.best_bid() == (D(1), D(1))


def test_a_message_without_a_number_is_refused() -> None:
    raw = {"bids": [], "asks": [], "ts": "1652459236119", "checksum": -1}
    with pytest.raises(UnreadablePayload, match="no number"):
        book_message(message(raw), INSTRUMENTS["BTC-USDT"])


@pytest.mark.parametrize(
    "level",
    [
        ["-1", "1", "0", "1"],
        ["1", "-1", "0", "1"],
        ["NaN", "1", "0", "1"],
        ["0.0", "1", "0", "1"],
        ["x", "1", "0", "1"],
    ],
)
def test_a_level_that_makes_no_sense_is_refused(level: list[str]) -> None:
    raw = {"bids": [level], "asks": [], "ts": "1652459236119", "seqId": 2, "prevSeqId": 1}
    with pytest.raises(UnreadablePayload):
        book_message(message(raw), INSTRUMENTS["BTC-USDT"])


def test_sizes_of_contracts_are_quantities_here() -> None:
    """A contract of the inverse swap is 100 USD, one of the linear swap 0.01 BTC."""
    raw = {"bids": [["30000", "7", "0", "1"]], "asks": [], "ts": "1652459236119", "seqId": 2, "prevSeqId": 1}
    change = message(raw)
    inverse, linear = (book_message(change, INSTRUMENTS[name]) for name in ("BTC-USD-SWAP", "BTC-USDT-SWAP"))
    assert isinstance(inverse, BookDelta)
    assert (inverse.instrument_id, inverse.bids) == (INVERSE, ((D(30000), D(700)),))
    assert linear.bids == ((D(30000), D("0.07")),)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_level_is_the_same_however_the_message_is_written(separators: tuple[str, str]) -> None:
    """Needless zeros are left out by the venue; the price is the same with them."""
    instrument = INSTRUMENTS["BTC-USDT"]
    book = OrderBook(instrument.id, SPEC)
    first = {"bids": [["30000.5", "1", "0", "1"]], "asks": [["30001", "1", "0", "1"]], "ts": "1652459236119"}
    changes = [
        ["30000", "2", "0", "1"],
        ["30000.0", "3", "0", "1"],
        ["30000.50", "4.0", "0", "2"],
        ["29999.9", "0", "0", "0"],
    ]
    book.reset(book_message(message({**first, "seqId": 1, "prevSeqId": -1}), instrument))
    fields = {"bids": changes, "asks": [], "ts": "1652459236120", "seqId": 2, "prevSeqId": 1}
    read = book_message(decode(OkxBook, json.dumps(fields, separators=separators)), instrument)
    assert isinstance(read, BookDelta)
    assert isinstance(read.bids[0][0], str) == (separators == (",", ":"))
    assert book.apply(read) is BookOutcome.APPLIED
    shown = book.snapshot(10)
    assert shown is not None
    assert shown.bids == ((D("30000.5"), D(4)), (D(30000), D(3)))


def test_every_recorded_trade_is_read() -> None:
    for name in BOOKED:
        rows = [row for frame in frames("trades", name) for row in frame["data"]]
        trades = [market_trade(decode(OkxTrade, json.dumps(row)), INSTRUMENTS[name]) for row in rows]
        assert trades
        size = INSTRUMENTS[name].contract_size
        assert [each.quantity for each in trades] == [D(row["sz"]) * size for row in rows]
        assert {each.aggressor for each in trades} <= {Side.BUY, Side.SELL}


def test_a_trade_and_a_mark() -> None:
    row = {"instId": "BTC-USDT", "tradeId": "1", "px": "30236", "sz": "0.0002", "side": "sell", "ts": "1652459224818"}
    trade = market_trade(decode(OkxTrade, json.dumps(row)), INSTRUMENTS["BTC-USDT"])
    assert (trade.instrument_id, trade.trade_id, trade.price) == (BTC_USDT, "1", D(30236))
    assert (trade.quantity, trade.aggressor, trade.at_ms) == (D("0.0002"), Side.SELL, 1652459224818)
    mark = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "markPx": "42310.6", "ts": "1630049139746"}
    assert mark_price(decode(OkxMarkPrice, json.dumps(mark))) == D("42310.6")
    with pytest.raises(UnreadablePayload):
        market_trade(decode(OkxTrade, json.dumps({**row, "side": "both"})), INSTRUMENTS["BTC-USDT"])
