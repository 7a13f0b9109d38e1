"""What the date of an order proves of it, as the venue's clock was measured."""

from uuid import UUID

import pytest
from tests.adapters.bitfinex.account_world import order
from tests.simulated_kit import SEND_WITHIN_MS, MovableClock

from cadenza.adapters.venues.kit import placing_times
from cadenza.adapters.venues.kit.placing_times import PLACED_TOLERANCE_MS, PlacingTimes
from cadenza.adapters.venues.kit.venue_clock import ERROR_MS_MAX, VenueClock
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.deadline import CLOCK_TOLERANCE_MS
from cadenza.domain.trading.order import Order

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
HELD_UP_MS = 15_000


class Venue:
    """A venue whose clock is ahead of ours by so much, and answers in whole seconds."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.ahead_ms = ahead_ms
        self.clock = MovableClock()
        self.clock.stop()
        self.measured = VenueClock(self.clock, self._ask, resolution_ms=1_000)
        self.times = PlacingTimes(self.measured, held_up_ms=HELD_UP_MS)

    async def _ask(self) -> int | None:
        return self.now_ms // 1_000 * 1_000

    @property
    def now_ms(self) -> int:
        return self.clock.monotonic_ms() + self.ahead_ms

    async def sent(self, valid_for_ms: int | None = None) -> Order:
        """An order that is recorded and leaves now, with a deadline if its venue takes one."""
        await self.measured.measure()
        now_ms = self.clock.now_ms()
        ours = order(created_at_ms=now_ms, updated_at_ms=now_ms, send_before_ms=now_ms + SEND_WITHIN_MS)
        self.times.leave(ours.id, valid_until_ms=None if valid_for_ms is None else self.now_ms + valid_for_ms)
        return ours


@pytest.mark.parametrize("ahead_ms", [-30_000, 0, 30_000])
async def test_an_order_is_another_one_if_it_was_placed_before_ours_left(ahead_ms: int) -> None:
    venue = Venue(ahead_ms)
    ours = await venue.sent()
    left_ms = venue.now_ms
    most_ms = ERROR_MS_MAX + PLACED_TOLERANCE_MS
    assert venue.times.rule_out(ours, left_ms - 2 * most_ms)
    assert not venue.times.rule_out(ours, left_ms - PLACED_TOLERANCE_MS)
    assert venue.times.fit(ours, left_ms)
    assert not venue.times.rule_out(ours, left_ms + HOUR_MS), "it may have been held up, as far as is known"
    assert not venue.times.fit(ours, left_ms + HELD_UP_MS + 2 * most_ms), "which is not expected"


async def test_an_order_is_another_one_if_it_was_placed_after_ours_could_arrive() -> None:
    venue = Venue()
    ours = await venue.sent()
    venue.times.arrive_no_more(ours.id)
    answered_ms = venue.now_ms
    venue.clock.advance(MINUTE_MS)
    venue.times.arrive_no_more(ours.id)
    assert venue.times.rule_out(ours, answered_ms + 10_000), "the first answer counts"
    assert not venue.times.rule_out(ours, answered_ms + PLACED_TOLERANCE_MS)


@pytest.mark.parametrize("ahead_ms", [-30_000, 0, 30_000])
async def test_an_order_is_another_one_if_it_was_placed_after_the_deadline_that_ours_names(ahead_ms: int) -> None:
    venue = Venue(ahead_ms)
    ours = await venue.sent(valid_for_ms=SEND_WITHIN_MS)
    latest_ms = venue.now_ms + SEND_WITHIN_MS + PLACED_TOLERANCE_MS
    assert (venue.times.rule_out(ours, latest_ms), venue.times.fit(ours, latest_ms)) == (False, True)
    assert (venue.times.rule_out(ours, latest_ms + 1), venue.times.fit(ours, latest_ms + 1)) == (True, False)


@pytest.mark.parametrize("is_trusted", [True, False], ids=["times are known", "the clocks differ"])
async def test_an_order_that_leaves_again_has_the_times_of_its_last_request_alone(is_trusted: bool) -> None:
    """A trailing stop that was not sent is held again, and released again later."""
    venue = Venue()
    ours = await venue.sent()
    first_ms = venue.now_ms
    venue.times.arrive_no_more(ours.id)
    venue.clock.advance(HOUR_MS // 2)
    venue.clock.wall_offset_ms = 0 if is_trusted else CLOCK_TOLERANCE_MS + 2_000
    venue.times.leave(ours.id)
    venue.clock.wall_offset_ms = 0
    assert not venue.times.rule_out(ours, venue.now_ms)
    assert venue.times.rule_out(ours, first_ms - MINUTE_MS) is is_trusted
    assert venue.times.rule_out(ours, first_ms) is is_trusted
    assert venue.times.has_left(ours.id)


async def test_an_order_without_a_date_is_neither_ruled_out_nor_ours() -> None:
    venue = Venue()
    ours = await venue.sent()
    venue.times.arrive_no_more(ours.id)
    assert (venue.times.rule_out(ours, None), venue.times.fit(ours, None)) == (False, False)


async def test_a_step_of_our_wall_clock_changes_nothing() -> None:
    venue = Venue()
    ours = await venue.sent()
    venue.clock.wall_offset_ms = 30_000
    assert venue.times.rule_out(ours, venue.now_ms - MINUTE_MS)
    assert venue.times.fit(ours, venue.now_ms)


@pytest.mark.parametrize("when", ["sent", "asked"])
@pytest.mark.parametrize("off_ms", [-CLOCK_TOLERANCE_MS - 2_000, CLOCK_TOLERANCE_MS + 2_000])
async def test_clocks_that_differ_by_more_than_a_minute_prove_nothing(off_ms: int, when: str) -> None:
    """One of them is wrong."""
    venue = Venue()
    if when == "sent":
        venue.clock.wall_offset_ms = off_ms
    ours = await venue.sent()
    venue.clock.wall_offset_ms = off_ms if when == "asked" else 0
    assert not venue.times.rule_out(ours, venue.now_ms - HOUR_MS)


async def test_a_venues_clock_that_was_set_proves_nothing() -> None:
    venue = Venue()
    ours = await venue.sent()
    venue.times.arrive_no_more(ours.id)
    venue.ahead_ms -= 30_000
    await venue.measured.measure()
    assert venue.measured.jumps == 1
    assert not venue.times.rule_out(ours, venue.now_ms - HOUR_MS)
    assert not venue.times.rule_out(ours, venue.now_ms + HOUR_MS)
    assert venue.times.has_left(ours.id)


async def test_a_time_that_is_not_known_well_proves_nothing() -> None:
    venue = Venue()
    ours = await venue.sent()
    venue.clock.advance(5 * HOUR_MS)  # the clocks have drifted apart since
    assert venue.measured.usable() is None
    assert not venue.times.rule_out(ours, venue.now_ms - 24 * HOUR_MS)


async def test_a_session_that_did_not_send_the_order_expects_it_by_our_clock_and_rules_nothing_out() -> None:
    venue = Venue(ahead_ms=20_000)
    ours = await venue.sent()
    other = PlacingTimes(venue.measured, held_up_ms=HELD_UP_MS)
    for placed_ms in (venue.now_ms - HOUR_MS, venue.now_ms + HOUR_MS):
        assert (other.rule_out(ours, placed_ms), other.fit(ours, placed_ms)) == (False, False)
    assert other.fit(ours, venue.now_ms)
    assert not other.fit(ours, venue.now_ms - 20_000)


async def test_only_so_many_orders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing_times, "ORDERS_MAX", 2)
    venue = Venue()
    first = await venue.sent()
    for number in range(2):
        venue.times.leave(OrderId(UUID(int=100 + number)))
    assert not venue.times.has_left(first.id)
    assert not venue.times.rule_out(first, venue.now_ms - HOUR_MS)
