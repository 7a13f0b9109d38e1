"""The order book and its naive twin under every rule: one suite for both, and laws that hold them together."""

from decimal import Decimal as D

import pytest
from books import ID, RULES_WITH_DELTAS, after, delta, levels, snapshot, spec
from hypothesis import given
from hypothesis import strategies as st
from naive_book import NaiveBook

from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import DUPLICATES_MAX, BookOutcome, OrderBook

Book = OrderBook | NaiveBook
KINDS = pytest.mark.parametrize("kind", [OrderBook, NaiveBook], ids=["fast", "naive"])
BIDS, ASKS = levels(("99.5", "2"), ("99", "1")), levels(("100.5", "3"), ("101", "4"))


@pytest.fixture(params=RULES_WITH_DELTAS)
def rule(request: pytest.FixtureRequest) -> Continuity:
    chosen: Continuity = request.param
    return chosen


@pytest.fixture(params=[OrderBook, NaiveBook], ids=["fast", "naive"])
def book(request: pytest.FixtureRequest, rule: Continuity) -> Book:
    made: Book = request.param(ID, spec(rule))
    made.reset(snapshot(BIDS, ASKS))
    return made


def of(kind: type[OrderBook] | type[NaiveBook], rule: Continuity) -> Book:
    made = kind(ID, spec(rule))
    made.reset(snapshot(BIDS, ASKS))
    return made


def test_a_book_shows_nothing_before_its_first_snapshot(rule: Continuity) -> None:
    for empty in (OrderBook(ID, spec(rule)), NaiveBook(ID, spec(rule))):
        assert empty.apply(after(rule, 0, 1, levels(("1", "1")))) is BookOutcome.STALE
        assert (empty.best_bid(), empty.best_ask(), empty.snapshot(5)) == (None, None, None)
        assert empty.cost_to_take(Side.BUY, D(1)) is None


def test_bids_descend_and_asks_ascend_to_the_depth_asked_for(book: Book, rule: Continuity) -> None:
    book.apply(after(rule, 10, 11, levels(("99.2", "7")), levels(("100.7", "8"))))
    shown = book.snapshot(2)
    assert shown == snapshot(levels(("99.5", "2"), ("99.2", "7")), levels(("100.5", "3"), ("100.7", "8")), 11, 2_000)


def test_a_delta_sets_changes_and_removes_levels(book: Book, rule: Continuity) -> None:
    news = after(rule, 10, 12, levels(("99.5", "0"), ("98", "5"), ("97", "0")), levels(("100.5", "1")))
    assert book.apply(news) is BookOutcome.APPLIED
    assert book.best_bid() == (D(99), D(1))
    assert book.best_ask() == (D("100.5"), D(1))
    assert (book.sequence, book.at_ms) == (12, 2_000)


def test_prices_of_equal_value_are_one_level_however_written(book: Book, rule: Continuity) -> None:
    book.apply(after(rule, 10, 11, levels(("99.50", "9")), levels(("100.500", "0"))))
    assert book.best_bid() == (D("99.5"), D(9))
    assert book.best_ask() == (D(101), D(4))


def test_a_gap_makes_the_book_stale_until_a_snapshot(book: Book, rule: Continuity) -> None:
    missing = after(rule, 11, 12, levels(("99.5", "5"))) if rule is not Continuity.COUNT else delta(9)
    assert book.apply(missing) is BookOutcome.GAP
    assert (book.is_fresh, book.best_bid(), book.best_ask(), book.snapshot(1)) == (False, None, None, None)
    assert book.cost_to_take(Side.SELL, D(1)) is None
    assert book.apply(after(rule, 10, 11)) is BookOutcome.STALE
    assert book.reset(snapshot(levels(("98", "1")), levels(("102", "1")), 20)) is BookOutcome.APPLIED
    assert book.best_bid() == (D(98), D(1))


@KINDS
@pytest.mark.parametrize(
    ("rule", "news"),
    [
        (Continuity.PREVIOUS, delta(11)),
        (Continuity.PREVIOUS, delta(11, first=11)),
        (Continuity.PREVIOUS, delta(11, first=11, previous=10)),
        (Continuity.RANGE, delta(11)),
        (Continuity.RANGE, delta(11, first=11, previous=10)),
        (Continuity.RANGE, delta(11, first=12)),
        (Continuity.RANGE_AND_PREVIOUS, delta(11, first=11)),
        (Continuity.RANGE_AND_PREVIOUS, delta(11, previous=10)),
        (Continuity.COUNT, delta(11, previous=10)),
        (Continuity.COUNT, delta(11, first=11)),
        (Continuity.REPLACE, delta(11)),
        (Continuity.REPLACE, delta(11, first=11, previous=10)),
    ],
)
def test_numbers_that_the_rule_does_not_know_are_refused(
    kind: type[OrderBook] | type[NaiveBook], rule: Continuity, news: BookDelta
) -> None:
    book = of(kind, rule)
    assert book.apply(news) is BookOutcome.REFUSED
    assert not book.is_fresh


def test_a_book_whose_venue_numbers_anew_does_not_stay_fresh_and_frozen(book: Book, rule: Continuity) -> None:
    """The venue begins again at 1, and the connector does not notice: the book is stale soon, or follows."""
    outcomes = [book.apply(after(rule, number, number + 1)) for number in range(9)]
    outcomes += [book.apply(after(rule, 8, 9)) for _ in range(DUPLICATES_MAX)]
    assert BookOutcome.GAP in outcomes
    assert not book.is_fresh


@KINDS
@pytest.mark.parametrize("rule", [Continuity.RANGE, Continuity.RANGE_AND_PREVIOUS])
def test_what_is_in_the_book_already_changes_nothing(kind: type[OrderBook] | type[NaiveBook], rule: Continuity) -> None:
    book = of(kind, rule)
    book.apply(after(rule, 10, 11, levels(("99.5", "4"))))
    book.apply(after(rule, 11, 12, levels(("99.5", "5"))))
    before = book.snapshot(10)
    assert book.apply(after(rule, 10, 11, levels(("99.5", "77")))) is BookOutcome.DUPLICATE
    assert book.snapshot(10) == before


@KINDS
def test_a_few_duplicates_are_forgotten_when_a_delta_is_applied(kind: type[OrderBook] | type[NaiveBook]) -> None:
    book = of(kind, Continuity.RANGE)
    for number in range(11, 15):
        for _ in range(DUPLICATES_MAX):
            assert book.apply(delta(5, first=4)) is BookOutcome.DUPLICATE
        assert book.apply(delta(number, first=number)) is BookOutcome.APPLIED


@KINDS
class TestPrevious:
    """Venues whose deltas name the number before."""

    RULE = Continuity.PREVIOUS

    def test_a_numbering_that_begins_again_with_the_chain_intact_is_followed(
        self, kind: type[OrderBook] | type[NaiveBook]
    ) -> None:
        """OKX's own example of a maintenance reset: 10, 15, 15 (a heartbeat), 3, 5."""
        book = of(kind, self.RULE)
        for previous, sequence in [(10, 15), (15, 15), (15, 3), (3, 5)]:
            news = after(self.RULE, previous, sequence, levels(("99.5", str(sequence))))
            assert book.apply(news) is BookOutcome.APPLIED
        assert (book.sequence, book.best_bid()) == (5, (D("99.5"), D(5)))

    def test_only_the_very_last_delta_may_come_twice(self, kind: type[OrderBook] | type[NaiveBook]) -> None:
        book = of(kind, self.RULE)
        first, second = after(self.RULE, 10, 11), after(self.RULE, 11, 12)
        assert [book.apply(news) for news in (first, second, second)] == [
            BookOutcome.APPLIED,
            BookOutcome.APPLIED,
            BookOutcome.DUPLICATE,
        ]
        assert book.apply(first) is BookOutcome.GAP

    def test_deltas_out_of_order_are_a_gap(self, kind: type[OrderBook] | type[NaiveBook]) -> None:
        book = of(kind, self.RULE)
        assert book.apply(after(self.RULE, 11, 12)) is BookOutcome.GAP
        assert book.apply(after(self.RULE, 10, 11)) is BookOutcome.STALE


@KINDS
class TestRange:
    """BINANCE: spot batches follow each other; between USD-M batches lie the updates of other books."""

    def test_a_batch_may_overlap_the_book(self, kind: type[OrderBook] | type[NaiveBook]) -> None:
        book = of(kind, Continuity.RANGE)
        assert book.apply(delta(9, first=6)) is BookOutcome.DUPLICATE
        assert book.apply(delta(12, levels(("99.5", "5")), first=8)) is BookOutcome.APPLIED
        assert book.apply(delta(14, first=13)) is BookOutcome.APPLIED
        assert book.apply(delta(17, first=16)) is BookOutcome.GAP

    def test_the_first_batch_after_a_snapshot_begins_at_the_next_number_at_the_latest(
        self, kind: type[OrderBook] | type[NaiveBook]
    ) -> None:
        for rule in (Continuity.RANGE, Continuity.RANGE_AND_PREVIOUS):
            previous = 5 if rule is Continuity.RANGE_AND_PREVIOUS else None
            assert of(kind, rule).apply(delta(15, first=11, previous=previous)) is BookOutcome.APPLIED
            assert of(kind, rule).apply(delta(15, first=12, previous=previous)) is BookOutcome.GAP

    def test_later_batches_are_chained_where_they_name_the_one_before(
        self, kind: type[OrderBook] | type[NaiveBook]
    ) -> None:
        book = of(kind, Continuity.RANGE_AND_PREVIOUS)
        assert book.apply(delta(9, first=2, previous=1)) is BookOutcome.DUPLICATE
        assert book.apply(delta(15, first=8, previous=7)) is BookOutcome.APPLIED
        assert book.apply(delta(30, first=25, previous=15)) is BookOutcome.APPLIED
        assert book.apply(delta(30, first=25, previous=15)) is BookOutcome.DUPLICATE
        assert book.apply(delta(40, first=31, previous=29)) is BookOutcome.GAP

    def test_a_batch_that_leads_back_is_a_gap(self, kind: type[OrderBook] | type[NaiveBook]) -> None:
        book = of(kind, Continuity.RANGE_AND_PREVIOUS)
        assert book.apply(delta(3, first=1, previous=10)) is BookOutcome.GAP


def test_a_crossed_or_locked_book_is_stale(book: Book, rule: Continuity) -> None:
    assert book.apply(after(rule, 10, 11, levels(("100.5", "1")))) is BookOutcome.CROSSED
    assert book.snapshot(5) is None
    assert book.reset(snapshot(levels(("101", "1")), levels(("101", "1")), 20)) is BookOutcome.CROSSED
    assert not book.is_fresh


def test_a_side_may_be_empty(book: Book, rule: Continuity) -> None:
    book.apply(after(rule, 10, 11, asks=levels(("100.5", "0"), ("101", "0"))))
    assert book.is_fresh
    assert book.best_ask() is None
    assert book.cost_to_take(Side.BUY, D(1)) is None


def test_the_cost_to_take_walks_the_levels_and_values_the_rest_at_the_worst(book: Book) -> None:
    assert book.cost_to_take(Side.BUY, D(5)) == D(3) * D("100.5") + D(2) * D(101)
    assert book.cost_to_take(Side.SELL, D(4)) == D(2) * D("99.5") + D(2) * D(99)
    assert book.cost_to_take(Side.BUY, D(0)) == 0


@KINDS
def test_beyond_the_depth_of_the_feed_the_worst_levels_are_forgotten(
    kind: type[OrderBook] | type[NaiveBook],
) -> None:
    book = kind(ID, spec(depth=3))
    book.reset(snapshot(levels(("5", "1"), ("4", "1"), ("3", "1"), ("2", "1")), levels(("6", "1"), ("7", "1"))))
    book.apply(delta(11, levels(("4.5", "1"), ("1", "1")), levels(("6.5", "1"), ("6.2", "1")), previous=10))
    shown = book.snapshot(10)
    assert shown is not None
    assert shown.bids == levels(("5", "1"), ("4.5", "1"), ("4", "1"))
    assert shown.asks == levels(("6", "1"), ("6.2", "1"), ("6.5", "1"))


@KINDS
def test_a_level_that_takes_the_place_of_one_that_goes_in_the_same_delta_is_not_forgotten(
    kind: type[OrderBook] | type[NaiveBook],
) -> None:
    book = kind(ID, spec(depth=2))
    book.reset(snapshot(levels(("5", "1"), ("4", "1")), ()))
    book.apply(delta(11, levels(("3", "1"), ("5", "0")), previous=10))
    shown = book.snapshot(10)
    assert shown is not None
    assert shown.bids == levels(("4", "1"), ("3", "1"))


def test_a_spec_that_cannot_be_meant_is_refused() -> None:
    rule = BookRule(continuity=Continuity.PREVIOUS)
    for age_ms_max, depth in ((0, 1), (None, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            BookSpec(rule=rule, age_ms_max=age_ms_max, depth=depth)


prices = st.integers(1, 30).map(lambda tick: D(tick) / 2)
quantities = st.integers(0, 5).map(D)
some_levels = st.lists(st.tuples(prices, quantities), max_size=8, unique_by=lambda level: level[0]).map(tuple)
snapshots = st.builds(snapshot, some_levels, some_levels, st.integers(0, 10))
steps_between = st.tuples(
    st.sampled_from([0, 0, 0, 0, 1, -1, 3]),
    st.sampled_from([1, 1, 2, 0, -2]),
    some_levels,
    some_levels,
    st.integers(0, 9),
)
odd_deltas = st.builds(
    delta,
    st.integers(0, 14),
    some_levels,
    some_levels,
    first=st.none() | st.integers(0, 14),
    previous=st.none() | st.integers(0, 14),
)


@given(
    st.sampled_from(Continuity),
    st.lists(st.one_of(snapshots, steps_between, steps_between, odd_deltas), max_size=25),
    st.integers(1, 5),
    st.integers(0, 12),
)
def test_the_book_and_its_twin_never_differ_and_never_break_the_law(
    rule: Continuity,
    steps: list[BookSnapshot | BookDelta | tuple[int, int, tuple[Level, ...], tuple[Level, ...], int]],
    depth: int,
    quantity: int,
) -> None:
    fast, naive = OrderBook(ID, spec(rule, depth=6)), NaiveBook(ID, spec(rule, depth=6))
    for step in steps:
        if isinstance(step, BookSnapshot):
            assert fast.reset(step) is naive.reset(step)
        else:
            news = step if isinstance(step, BookDelta) else _step(rule, naive.sequence, *step)
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


def _step(
    rule: Continuity, sequence: int, back: int, ahead: int, bids: tuple[Level, ...], asks: tuple[Level, ...], at_ms: int
) -> BookDelta:
    """A delta that usually continues the book."""
    return after(rule, sequence - back, sequence + ahead, bids, asks, at_ms)


@given(st.sampled_from(RULES_WITH_DELTAS), st.lists(st.tuples(st.integers(1, 5), some_levels), max_size=30))
def test_a_chain_without_a_gap_is_applied_whole(rule: Continuity, chain: list[tuple[int, tuple[Level, ...]]]) -> None:
    book = OrderBook(ID, spec(rule))
    book.reset(snapshot((), ()))
    sequence = 10
    for ahead, bids in chain:
        assert book.apply(after(rule, sequence, sequence + ahead, bids)) is BookOutcome.APPLIED
        sequence += ahead
    assert book.sequence == sequence


@given(
    st.sampled_from([Continuity.PREVIOUS, Continuity.RANGE, Continuity.RANGE_AND_PREVIOUS]),
    st.integers(2, 12),
    st.data(),
)
def test_a_chain_with_a_link_left_out_is_a_gap(rule: Continuity, links: int, data: st.DataObject) -> None:
    chain = [after(rule, 10 + number, 11 + number) for number in range(links)]
    del chain[data.draw(st.integers(0, links - 2))]
    book = OrderBook(ID, spec(rule))
    book.reset(snapshot((), ()))
    assert BookOutcome.GAP in [book.apply(news) for news in chain]
