"""Checksums of books, computed by hand from the venue's recipe, and connection counts."""

from decimal import Decimal as D
from zlib import crc32

import pytest
from books import ID, delta, levels, snapshot

from cadenza.domain.market.book_checksum import BookChecksum, javascript_number
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity, MessageCount
from cadenza.domain.market.order_book import BookOutcome, OrderBook

BIDS = levels(("6000", "1"), ("5900", "2.50"), ("0.00000012", "3"))
ASKS = levels(("6100", "1.25"), ("6200", "0.0000001"))
TEXT = "6000:1:6100:-1.25:5900:2.5:6200:-1e-7:1.2e-7:3"
"""A bid and an ask in turn, an ask's amount negative, numbers as JavaScript prints them."""


def signed(text: str) -> int:
    number = crc32(text.encode())
    return number - 2**32 if number >= 2**31 else number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("60400", "60400"),
        ("6E+4", "60000"),
        ("123.4500", "123.45"),
        ("0.1", "0.1"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("0.00000015", "1.5e-7"),
        ("-0.00000045", "-4.5e-7"),
        ("1E+20", "100000000000000000000"),
        ("1E+21", "1e+21"),
        ("1.23E+21", "1.23e+21"),
    ],
)
def test_numbers_are_written_as_javascript_prints_them(value: str, text: str) -> None:
    assert javascript_number(D(value)) == text


def test_the_checksum_is_that_of_the_recipe() -> None:
    assert BookChecksum.INTERLEAVED_25.of(BIDS, ASKS) == signed(TEXT)


def test_only_25_levels_a_side_count() -> None:
    deep = tuple((D(100 - n), D(1)) for n in range(30))
    assert BookChecksum.INTERLEAVED_25.of(deep, ()) == signed(":".join(f"{100 - n}:1" for n in range(25)))


def test_a_book_is_compared_with_the_checksum_that_comes_with_a_delta() -> None:
    rule = BookRule(continuity=Continuity.COUNT, checksum=BookChecksum.INTERLEAVED_25)
    book = OrderBook(ID, BookSpec(rule=rule, age_ms_max=None, depth=100))
    book.reset(snapshot(BIDS, ASKS))
    assert book.apply(delta(11, checksum=signed(TEXT))) is BookOutcome.APPLIED
    assert book.apply(delta(12, levels(("6000", "7")), checksum=signed(TEXT))) is BookOutcome.MISMATCH
    assert not book.is_fresh


def test_a_checksum_that_the_rule_does_not_know_is_refused() -> None:
    rule = BookRule(continuity=Continuity.COUNT)
    book = OrderBook(ID, BookSpec(rule=rule, age_ms_max=None, depth=100))
    book.reset(snapshot(BIDS, ASKS))
    assert book.apply(delta(11, checksum=signed(TEXT))) is BookOutcome.REFUSED
    with pytest.raises(ValueError, match="no checksum"):
        BookRule(continuity=Continuity.REPLACE, checksum=BookChecksum.INTERLEAVED_25)


def test_a_connection_counts_all_its_messages() -> None:
    count = MessageCount()
    assert [count.continues(number) for number in (7, 8, 9, 11, 12, 12, 1, 2)] == [
        True, True, True, False, True, False, False, True
    ]  # fmt: skip
