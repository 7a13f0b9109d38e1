"""One book's feed: exact or stale, whatever the connection does to its frames."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync_world import ID, MIDDLE, Listener, VenueBook, rule_of, sides

from cadenza.adapters.venues.kit.book_sync import BUFFERED_MAX, HELD_MAX, HOLD_MS, BookSync, SyncState
from cadenza.domain.market.book_messages import BookDelta
from cadenza.domain.market.book_rule import Continuity
from cadenza.domain.market.order_book import DUPLICATES_MAX, BookOutcome

RULES = [Continuity.RANGE, Continuity.RANGE_AND_PREVIOUS, Continuity.PREVIOUS]
by_rule = pytest.mark.parametrize("continuity", RULES)
by_range = pytest.mark.parametrize("continuity", RULES[:2])
"""Rules whose changes say that a snapshot contains them, so that a snapshot may come from elsewhere."""


def made(continuity: Continuity) -> tuple[VenueBook, BookSync, Listener]:
    listener = Listener(rule_of(continuity))
    sync = BookSync(ID, rule_of(continuity), listener)
    return VenueBook(continuity), sync, listener


def live(continuity: Continuity) -> tuple[VenueBook, BookSync, Listener]:
    venue, sync, listener = made(continuity)
    sync.begin()
    assert sync.on_snapshot(venue.snapshot(), sync.round, 0)
    return venue, sync, listener


def frames_of(venue: VenueBook, count: int) -> list[BookDelta]:
    return [venue.update([(99, n + 2), (101, n + 3)], skipped=n % 3) for n in range(count)]


@by_rule
def test_a_snapshot_and_the_changes_behind_it_are_the_book(continuity: Continuity) -> None:
    venue, sync, listener = live(continuity)
    for frame in frames_of(venue, 5):
        sync.on_delta(frame, 1, 7)
    assert listener.levels() == sides(venue.levels)
    assert (sync.sequence, sync.heard_ms, listener.stales) == (venue.number, 7, 0)


@by_range
def test_changes_from_before_the_snapshot_are_applied_after_it(continuity: Continuity) -> None:
    venue, sync, listener = made(continuity)
    sync.begin()
    frames = frames_of(venue, 6)
    for frame in frames:
        sync.on_delta(frame, 1, 0)
    assert listener.outcomes == []
    assert sync.on_snapshot(venue.snapshot(frames[2].sequence), sync.round, 0)
    assert listener.levels() == sides(venue.levels)


@by_range
def test_a_snapshot_older_than_the_first_change_is_not_taken(continuity: Continuity) -> None:
    venue, sync, listener = made(continuity)
    old = venue.snapshot()
    frames_of(venue, 1)
    sync.begin()
    for frame in frames_of(venue, 2):
        sync.on_delta(frame, 1, 0)
    assert not sync.on_snapshot(old, sync.round, 0)
    assert (sync.needs_snapshot, listener.outcomes) == (True, [])
    assert sync.on_snapshot(venue.snapshot(), sync.round, 0)


@by_rule
@pytest.mark.parametrize("lost", range(4))
def test_each_lost_change_makes_the_book_stale_and_a_snapshot_mends_it(continuity: Continuity, lost: int) -> None:
    venue, sync, listener = live(continuity)
    frames = frames_of(venue, 5)
    for index, frame in enumerate(frames):
        if index != lost:
            sync.on_delta(frame, 1, 0)
    assert (listener.stales, listener.levels(), sync.needs_snapshot) == (1, None, True)
    assert BookOutcome.GAP not in listener.outcomes
    if continuity is Continuity.PREVIOUS:
        sync.begin()  # its snapshots come on the stream, so what came before one does not continue it
    assert sync.on_snapshot(venue.snapshot(), sync.round, 0)
    assert listener.levels() == sides(venue.levels)


def test_a_lost_stream_is_stale_at_once_and_takes_nothing() -> None:
    venue, sync, listener = live(Continuity.RANGE)
    round = sync.round
    sync.lose()
    assert (listener.stales, listener.levels()) == (1, None)
    sync.on_delta(frames_of(venue, 1)[0], 1, 0)
    assert not sync.on_snapshot(venue.snapshot(), round, 0)
    sync.begin()
    assert not sync.on_snapshot(venue.snapshot(), round, 0), "it was asked for before the stream was lost"
    assert sync.on_snapshot(venue.snapshot(), sync.round, 0)
    assert listener.levels() == sides(venue.levels)


def test_a_venue_whose_numbers_begin_again_is_noticed() -> None:
    _, sync, listener = live(Continuity.RANGE)
    again = VenueBook(Continuity.RANGE)
    again.number = again.last_frame = 0
    for frame in frames_of(again, DUPLICATES_MAX + 1):
        sync.on_delta(frame, 1, 0)
    assert (listener.stales, sync.needs_snapshot) == (1, True)
    assert sync.on_snapshot(again.snapshot(), sync.round, 0)
    assert listener.levels() == sides(again.levels)


def test_changes_that_wait_are_limited() -> None:
    venue, sync, _ = made(Continuity.RANGE)
    sync.begin()
    start = venue.snapshot()
    for frame in frames_of(venue, BUFFERED_MAX + 1):
        sync.on_delta(frame, 1, 0)
    assert not sync.on_snapshot(start, sync.round, 0), "the first change was dropped"
    assert sync.on_snapshot(venue.snapshot(), sync.round, 0)


class TestRenewal:
    """Two connections deliver the same, and neither keeps step with the other."""

    def test_the_newer_one_may_be_ahead(self) -> None:
        venue, sync, listener = live(Continuity.RANGE)
        a, b, c, d = frames_of(venue, 4)
        for frame, source in [(a, 1), (c, 2), (d, 2), (b, 1), (c, 1)]:
            sync.on_delta(frame, source, 0)
        assert (listener.stales, listener.levels()) == (0, sides(venue.levels))

    def test_the_older_one_may_be_behind(self) -> None:
        venue, sync, listener = live(Continuity.RANGE)
        a, b, c = frames_of(venue, 3)
        for frame, source in [(a, 1), (a, 2), (b, 2), (a, 1), (b, 1), (c, 2)]:
            sync.on_delta(frame, source, 0)
        assert (listener.stales, listener.levels()) == (0, sides(venue.levels))

    def test_a_change_that_neither_delivers_is_a_gap_when_the_time_is_up(self) -> None:
        venue, sync, listener = live(Continuity.RANGE)
        a, _, c = frames_of(venue, 3)
        sync.on_delta(a, 1, 0)
        sync.on_delta(c, 2, 1_000)
        sync.check(1_000 + HOLD_MS)
        assert listener.stales == 0
        sync.check(1_001 + HOLD_MS)
        assert (listener.stales, sync.needs_snapshot) == (1, True)
        assert sync.on_snapshot(venue.snapshot(a.sequence + 2), sync.round, 0), "what was held is applied"
        assert listener.levels() == sides(venue.levels)

    def test_only_so_many_changes_wait(self) -> None:
        venue, sync, listener = live(Continuity.RANGE)
        a, _, *ahead = frames_of(venue, HELD_MAX + 3)
        sync.on_delta(a, 1, 0)
        for frame in ahead:
            sync.on_delta(frame, 2, 0)
        assert listener.stales == 1


class TestQuietBooks:
    @by_rule
    def test_a_heartbeat_keeps_the_book_and_what_follows_it(self, continuity: Continuity) -> None:
        venue, sync, listener = live(continuity)
        for frame in frames_of(venue, 1):
            sync.on_delta(frame, 1, 0)
        assert sync.heartbeat(5, 9)
        assert sync.heartbeat(6, 10)
        assert (sync.heard_ms, listener.book.at_ms) == (10, 6)
        for frame in frames_of(venue, 2):
            sync.on_delta(frame, 1, 0)
        assert (listener.stales, listener.levels()) == (0, sides(venue.levels))

    def test_usdm_has_none_before_the_first_change(self) -> None:
        """The first change after a snapshot need not name the snapshot's number as the one before it."""
        _, sync, listener = live(Continuity.RANGE_AND_PREVIOUS)
        assert not sync.heartbeat(5, 9)
        assert listener.outcomes == [BookOutcome.APPLIED]

    def test_a_book_that_no_change_has_touched_takes_a_newer_snapshot(self) -> None:
        venue, sync, listener = live(Continuity.RANGE_AND_PREVIOUS)
        again = venue.snapshot()
        assert sync.refresh(again, sync.round, 9)
        assert (sync.heard_ms, listener.snapshots, listener.stales) == (9, 2, 0)
        assert not sync.refresh(again, sync.round - 1, 10), "it was asked for in another round"
        for frame in frames_of(venue, 2):
            sync.on_delta(frame, 1, 11)
        assert not sync.refresh(venue.snapshot(), sync.round, 12)
        assert (sync.heard_ms, listener.levels()) == (11, sides(venue.levels))

    def test_a_book_that_is_not_live_has_none(self) -> None:
        _, sync, listener = made(Continuity.RANGE)
        assert not sync.heartbeat(5, 9)
        assert listener.outcomes == []

    def test_a_book_that_was_proven_wrong_needs_a_snapshot(self) -> None:
        _, sync, listener = live(Continuity.RANGE)
        sync.resync()
        assert (listener.stales, sync.state) == (1, SyncState.WAITING)
        sync.resync()
        assert (listener.stales, sync.gaps_total) == (1, 1)


def test_a_change_without_the_rules_numbers_reaches_the_book_which_counts_it() -> None:
    _, sync, listener = live(Continuity.RANGE_AND_PREVIOUS)
    spot = VenueBook(Continuity.RANGE).update([(99, 5)])
    sync.on_delta(spot, 1, 0)
    assert listener.outcomes[-1] is BookOutcome.REFUSED
    assert (listener.stales, sync.needs_snapshot) == (1, True)


PRICES = st.sampled_from([price for price in range(90, 111) if price != MIDDLE])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.lists(st.tuples(PRICES, st.integers(0, 9)), min_size=1, max_size=3)),
        st.tuples(st.just("drop"), st.none()),
        st.tuples(st.just("duplicate"), st.none()),
        st.tuples(st.just("swap"), st.none()),
        st.tuples(st.just("deliver"), st.none()),
        st.tuples(st.just("snapshot"), st.integers(0, 3)),
        st.tuples(st.just("cut"), st.none()),
        st.tuples(st.just("renew"), st.none()),
        st.tuples(st.just("quiet"), st.none()),
    ),
    min_size=5,
    max_size=60,
)


@settings(max_examples=400)
@given(continuity=st.sampled_from([Continuity.RANGE, Continuity.RANGE_AND_PREVIOUS]), actions=ACTIONS)
def test_the_book_is_exact_or_stale_whatever_happens_to_the_frames(
    continuity: Continuity, actions: list[tuple[str, object]]
) -> None:
    """The naive twin is the venue's own history: a fresh book equals what the venue's book was after that update. In
    the end an undisturbed snapshot makes it whole."""
    venue, sync, listener = made(continuity)
    way: list[BookDelta] = []
    numbers, now_ms, source = [venue.number], 0, 1
    sync.begin()
    for action, detail in actions:
        now_ms += 500
        if action == "update":
            assert isinstance(detail, list)
            way.append(venue.update(detail, skipped=len(detail) % 2))
            numbers.append(venue.number)
        elif action == "drop" and way:
            way.pop(0)
        elif action == "duplicate" and way:
            way.insert(0, way[0])
        elif action == "swap" and len(way) > 1:
            way[0], way[1] = way[1], way[0]
        elif action == "deliver" and way:
            sync.on_delta(way.pop(0), source, now_ms)
        elif action == "snapshot" and sync.needs_snapshot:
            assert isinstance(detail, int)
            sync.on_snapshot(venue.snapshot(numbers[-1 - min(detail, len(numbers) - 1)]), sync.round, now_ms)
        elif action == "cut":
            sync.lose()
            way.clear()
            sync.begin()
        elif action == "renew":
            source += 1
        elif action == "quiet":
            sync.heartbeat(0, now_ms)
        sync.check(now_ms)
        if listener.levels() is not None:
            assert listener.book.sequence in venue.history
            assert listener.levels() == sides(venue.history[listener.book.sequence])
            assert sync.state is SyncState.LIVE
    for frame in way:
        sync.on_delta(frame, source, now_ms)
    sync.check(now_ms + HOLD_MS + 1)
    if sync.needs_snapshot:
        assert sync.on_snapshot(venue.snapshot(), sync.round, now_ms)
    sync.on_delta(venue.update([(99, 42)]), source, now_ms)
    if sync.needs_snapshot:  # what was dropped last was noticed only now
        assert sync.on_snapshot(venue.snapshot(), sync.round, now_ms)
    sync.check(now_ms + 2 * HOLD_MS + 2)
    if sync.needs_snapshot:
        assert sync.on_snapshot(venue.snapshot(), sync.round, now_ms)
    assert listener.levels() == sides(venue.levels)
    assert not set(listener.outcomes) & {BookOutcome.GAP, BookOutcome.REFUSED, BookOutcome.CROSSED}
