"""The kept book and its naive twin: one suite for both, and laws that hold them together."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_book import NaiveBook

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market import kept_book
from cadenza.domain.market.enums import Side
from cadenza.domain.market.kept_book import OrderBook, Outcome
from cadenza.domain.market.order_book import BookDelta, BookSnapshot, Level

ID = InstrumentId("PAPER:BTC/USDT")
Book = OrderBook | NaiveBook


def levels(*pairs: tuple[str, str]) -> tuple[Level, ...]:
    return tuple((D(price), D(quantity)) for price, quantity in pairs)


def snapshot(bids: tuple[Level, ...], asks: tuple[Level, ...], sequence: int = 10, at_ms: int = 1_000) -> BookSnapshot:
    return BookSnapshot(instrument_id=ID, bids=bids, asks=asks, sequence=sequence, at_ms=at_ms)


def delta(
    previous: int, sequence: int, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = (), at_ms: int = 2_000
) -> BookDelta:
    return BookDelta(instrument_id=ID, bids=bids, asks=asks, previous_sequence=previous, sequence=sequence, at_ms=at_ms)


@pytest.fixture(params=[OrderBook, NaiveBook], ids=["fast", "naive"])
def book(request: pytest.FixtureRequest) -> Book:
    made: Book = request.param(ID)
    made.reset(snapshot(levels(("99.5", "2"), ("99", "1")), levels(("100.5", "3"), ("101", "4"))))
    return made


def test_a_book_shows_nothing_before_its_first_snapshot() -> None:
    for empty in (OrderBook(ID), NaiveBook(ID)):
        assert empty.apply(delta(0, 1, levels(("1", "1")))) is Outcome.STALE
        assert (empty.best_bid(), empty.best_ask(), empty.snapshot(5)) == (None, None, None)
        assert empty.cost_to_take(Side.BUY, D(1)) is None


def test_bids_descend_and_asks_ascend_to_the_depth_asked_for(book: Book) -> None:
    book.apply(delta(10, 11, levels(("99.2", "7")), levels(("100.7", "8"))))
    shown = book.snapshot(2)
    assert shown == snapshot(levels(("99.5", "2"), ("99.2", "7")), levels(("100.5", "3"), ("100.7", "8")), 11, 2_000)


def test_a_delta_sets_changes_and_removes_levels(book: Book) -> None:
    assert book.apply(delta(10, 12, levels(("99.5", "0"), ("98", "5"), ("97", "0")), levels(("100.5", "1")))) is (
        Outcome.APPLIED
    )
    assert book.best_bid() == (D(99), D(1))
    assert book.best_ask() == (D("100.5"), D(1))
    assert (book.sequence, book.at_ms) == (12, 2_000)


def test_prices_of_equal_value_are_one_level_however_written(book: Book) -> None:
    book.apply(delta(10, 11, levels(("99.50", "9")), levels(("100.500", "0"))))
    assert book.best_bid() == (D("99.5"), D(9))
    assert book.best_ask() == (D(101), D(4))


def test_a_duplicate_changes_nothing(book: Book) -> None:
    once = delta(10, 11, levels(("99.5", "5")))
    book.apply(once)
    before = book.snapshot(10)
    assert book.apply(once) is Outcome.OUTDATED
    assert book.apply(delta(9, 10, levels(("99.5", "77")))) is Outcome.OUTDATED
    assert book.snapshot(10) == before


def test_a_gap_makes_the_book_stale_until_a_snapshot(book: Book) -> None:
    assert book.apply(delta(11, 12, levels(("99.5", "5")))) is Outcome.GAP
    assert (book.is_fresh, book.best_bid(), book.best_ask(), book.snapshot(1)) == (False, None, None, None)
    assert book.cost_to_take(Side.SELL, D(1)) is None
    assert book.apply(delta(10, 11)) is Outcome.STALE
    assert book.reset(snapshot(levels(("98", "1")), levels(("102", "1")), 20)) is Outcome.APPLIED
    assert book.best_bid() == (D(98), D(1))


def test_deltas_out_of_order_are_a_gap(book: Book) -> None:
    first, second = delta(10, 11), delta(11, 12)
    assert book.apply(second) is Outcome.GAP
    assert book.apply(first) is Outcome.STALE


def test_only_the_first_delta_after_a_snapshot_may_overlap_it(book: Book) -> None:
    assert book.apply(delta(7, 12, levels(("99.5", "5")))) is Outcome.APPLIED
    assert book.apply(delta(11, 14)) is Outcome.GAP


def test_a_crossed_or_locked_book_is_stale(book: Book) -> None:
    assert book.apply(delta(10, 11, levels(("100.5", "1")))) is Outcome.CROSSED
    assert book.snapshot(5) is None
    assert book.reset(snapshot(levels(("101", "1")), levels(("101", "1")), 20)) is Outcome.CROSSED
    assert not book.is_fresh


def test_a_side_may_be_empty(book: Book) -> None:
    book.apply(delta(10, 11, asks=levels(("100.5", "0"), ("101", "0"))))
    assert book.is_fresh
    assert book.best_ask() is None
    assert book.cost_to_take(Side.BUY, D(1)) is None


def test_the_cost_to_take_walks_the_levels_and_values_the_rest_at_the_worst(book: Book) -> None:
    assert book.cost_to_take(Side.BUY, D(5)) == D(3) * D("100.5") + D(2) * D(101)
    assert book.cost_to_take(Side.SELL, D(4)) == D(2) * D("99.5") + D(2) * D(99)
    assert book.cost_to_take(Side.BUY, D(0)) == 0


def test_beyond_the_limit_the_worst_levels_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_book, "LEVELS_PER_SIDE_MAX", 3)
    book = OrderBook(ID)
    book.reset(snapshot(levels(("5", "1"), ("4", "1"), ("3", "1"), ("2", "1")), levels(("6", "1"), ("7", "1"))))
    book.apply(delta(10, 11, levels(("4.5", "1"), ("1", "1")), levels(("6.5", "1"), ("6.2", "1"))))
    shown = book.snapshot(10)
    assert shown is not None
    assert shown.bids == levels(("5", "1"), ("4.5", "1"), ("4", "1"))
    assert shown.asks == levels(("6", "1"), ("6.2", "1"), ("6.5", "1"))


prices = st.integers(1, 30).map(lambda tick: D(tick) / 2)
quantities = st.integers(0, 5).map(D)
some_levels = st.lists(st.tuples(prices, quantities), max_size=8, unique_by=lambda level: level[0]).map(tuple)
snapshots = st.builds(snapshot, some_levels, some_levels, st.integers(0, 10))
deltas = st.builds(
    lambda back, ahead, bids, asks, at_ms: (back, ahead, bids, asks, at_ms),
    st.sampled_from([0, 0, 0, 0, 1, -1]),
    st.sampled_from([1, 1, 2, 0]),
    some_levels,
    some_levels,
    st.integers(0, 9),
)


@given(st.lists(st.one_of(snapshots, deltas), max_size=25), st.integers(1, 5), st.integers(0, 12))
def test_the_book_and_its_twin_never_differ_and_never_break_the_law(
    steps: list[BookSnapshot | tuple[int, int, tuple[Level, ...], tuple[Level, ...], int]], depth: int, quantity: int
) -> None:
    fast, naive = OrderBook(ID), NaiveBook(ID)
    for step in steps:
        if isinstance(step, BookSnapshot):
            assert fast.reset(step) is naive.reset(step)
        else:
            back, ahead, bids, asks, at_ms = step
            news = delta(naive.sequence - back, naive.sequence + ahead, bids, asks, at_ms)
            assert fast.apply(news) is naive.apply(news)
        assert (fast.is_fresh, fast.sequence, fast.at_ms) == (naive.is_fresh, naive.sequence, naive.at_ms)
        assert (fast.best_bid(), fast.best_ask()) == (naive.best_bid(), naive.best_ask())
        shown = fast.snapshot(depth)
        assert shown == naive.snapshot(depth)
        for side in Side:
            assert fast.cost_to_take(side, D(quantity)) == naive.cost_to_take(side, D(quantity))
        if shown is not None:
            assert all(level[1] > 0 for level in (*shown.bids, *shown.asks))
            assert not shown.bids or not shown.asks or shown.bids[0][0] < shown.asks[0][0]
