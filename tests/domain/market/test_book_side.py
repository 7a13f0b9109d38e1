"""Levels as text: however a venue writes its numbers, and wherever they lie, the book is that of its naive twin."""

from collections.abc import Iterator, Sequence
from decimal import Decimal as D

import pytest
from books import ID, after, snapshot, spec
from hypothesis import given
from hypothesis import strategies as st
from naive_book import NaiveBook

from cadenza.domain.market import book_side
from cadenza.domain.market.book_messages import BookDelta, Level, WrittenLevel
from cadenza.domain.market.book_rule import Continuity
from cadenza.domain.market.book_side import SideOfBook
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import BookOutcome, OrderBook


@pytest.fixture(scope="module", autouse=True)
def hardly_anything_is_near() -> Iterator[None]:
    """So small books have far levels as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_side, "NEAR_LEVELS_MIN", 2)
        patch.setattr(book_side, "NEAR_LEVELS_MAX", 4)
        patch.setattr(book_side, "CHANGES_MAX", 3)
        yield


def written(hundredths: int, way: int) -> str:
    """One of six ways to write a number."""
    text = f"{(D(hundredths) / 100).normalize():f}"
    point = "" if "." in text else "."
    return [text, f"0{text}", f"00{text}", f"{text}{point}0", f"{text}{point}00", f"{text}{point}000"][way % 6]


def written_levels(*prices: tuple[int, int]) -> st.SearchStrategy[list[WrittenLevel]]:
    """Levels with prices, in hundredths, within these bounds. Every third one or so is removed."""
    level = st.builds(
        lambda price, lots, way: (written(price, way), written(max(0, lots), way // 6)),
        st.one_of([st.integers(*bounds) for bounds in prices]),
        st.integers(-10, 20),
        st.integers(0, 35),
    )
    return st.lists(level, max_size=8)


BIDS, ASKS = [(1, 40), (980, 999)], [(1_000, 1_020), (9_980, 10_020)]


def numbers(levels: Sequence[WrittenLevel]) -> tuple[Level, ...]:
    return tuple((D(price), D(quantity)) for price, quantity in levels)


steps = st.lists(
    st.tuples(written_levels(*BIDS, *BIDS, (1_000, 1_005)), written_levels(*ASKS), st.booleans(), st.integers(1, 12)),
    max_size=20,
)


@given(written_levels(*BIDS), written_levels(*ASKS), steps)
def test_text_and_numbers_give_the_same_book(
    bids: list[WrittenLevel],
    asks: list[WrittenLevel],
    steps: list[tuple[list[WrittenLevel], list[WrittenLevel], bool, int]],
) -> None:
    rule = Continuity.PREVIOUS
    fast, naive = OrderBook(ID, spec(rule)), NaiveBook(ID, spec(rule))
    first = snapshot(numbers(bids), numbers(asks))
    assert fast.reset(first) is naive.reset(first)
    for number, (changed_bids, changed_asks, is_text, depth) in enumerate(steps, first.sequence):
        exact = after(rule, number, number + 1, numbers(changed_bids), numbers(changed_asks))
        as_text = after(rule, number, number + 1, changed_bids, changed_asks)  # type: ignore[arg-type]
        outcome = naive.apply(exact)
        assert fast.apply(as_text if is_text else exact) is outcome
        assert (fast.best_bid(), fast.best_ask()) == (naive.best_bid(), naive.best_ask())
        assert fast.snapshot(depth) == naive.snapshot(depth)
        for side in Side:
            assert fast.cost_to_take(side, D(depth)) == naive.cost_to_take(side, D(depth))
        if outcome is BookOutcome.CROSSED:
            return
    assert fast.snapshot(1_000) == naive.snapshot(1_000)


@pytest.mark.parametrize("price", ["100.1", "100.10", "100.100", "0100.1"])
def test_another_way_to_write_a_price_is_no_second_level(price: str) -> None:
    book = OrderBook(ID, spec(Continuity.PREVIOUS))
    book.reset(snapshot((), ((D("100.10"), D(2)), (D("100.20"), D(3)))))
    assert book.apply(_ask(price, "5", 11)) is BookOutcome.APPLIED
    assert book.snapshot(5) == snapshot((), ((D("100.1"), D(5)), (D("100.2"), D(3))), 11)
    assert book.apply(_ask(price, "0.00", 12)) is BookOutcome.APPLIED
    assert book.snapshot(5) == snapshot((), ((D("100.2"), D(3)),), 12)


def _ask(price: str, quantity: str, sequence: int) -> BookDelta:
    asks = [(price, quantity)]
    return BookDelta(
        instrument_id=ID, bids=(), asks=asks, sequence=sequence, previous_sequence=sequence - 1, at_ms=1_000
    )


@pytest.mark.parametrize(
    ("price", "quantity"), [("0", "1"), ("0.00", "1"), ("", "1"), (".", "1"), ("-1", "1"), ("1x", "1"), ("NaN", "1")]
)
def test_a_price_that_is_none_is_refused(price: str, quantity: str) -> None:
    book = OrderBook(ID, spec(Continuity.PREVIOUS))
    book.reset(snapshot(((D("99.50"), D(2)),), ((D("100.10"), D(2)),)))
    news = BookDelta(instrument_id=ID, bids=[(price, quantity)], asks=(), sequence=11, previous_sequence=10, at_ms=1)
    assert book.apply(news) is BookOutcome.REFUSED
    assert book.best_ask() is None


@pytest.mark.parametrize("level", [(D(0), D(1)), (D(-1), D(1)), (D(1), D(-1)), (D("NaN"), D(1)), (D(1), D("Infinity"))])
def test_a_number_that_is_no_level_is_refused(level: Level) -> None:
    book = OrderBook(ID, spec(Continuity.PREVIOUS))
    assert book.reset(snapshot((level,), ())) is BookOutcome.REFUSED
    assert not book.is_fresh
    book.reset(snapshot((), ()))
    assert book.apply(after(Continuity.PREVIOUS, 10, 11, (level,))) is BookOutcome.REFUSED
    assert not book.is_fresh


def test_levels_beyond_the_depth_are_forgotten_in_time() -> None:
    side = SideOfBook(Side.SELL, levels_max=20)
    side.reset([(str(price), "1") for price in range(100, 120)], places=0)
    for price in range(200, 900):
        side.set([(str(price), "1")])
        assert len(side.written()) < 40
    assert [price for price, _ in side.levels(100)] == [D(price) for price in range(100, 120)]
