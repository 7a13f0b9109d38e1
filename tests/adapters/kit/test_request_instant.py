"""When a request leaves: by which clock its deadline goes, and who gets its turn when it does not."""

import pytest
from tests.inhouse_kit import ManualClock

from cadenza.adapters.venues.kit.request_instant import RequestInstant, TooLateToSend, made_now
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.network.outcomes import NotSent, NotSentCause

NOW_MS, AHEAD_MS = 1_760_000_000_000, 3_000


class Turn:
    def __init__(self) -> None:
        self.given_back = 0

    def give_back(self) -> None:
        self.given_back += 1


async def measured() -> tuple[VenueClock, ManualClock]:
    clock = ManualClock(NOW_MS)

    async def answer() -> int:
        return clock.monotonic_ms() + AHEAD_MS

    venue = VenueClock(clock, answer)
    assert await venue.measure()
    return venue, clock


def test_a_deadline_is_translated_into_the_venues_clock() -> None:
    instant = RequestInstant(NOW_MS, AHEAD_MS)
    assert instant.left_ms(NOW_MS + 500, NOW_MS - 100) == 500
    assert instant.deadline_ms(NOW_MS + 500, NOW_MS - 100) == NOW_MS + AHEAD_MS + 500


def test_a_clock_that_was_set_back_since_the_order_was_recorded_leaves_no_more_time() -> None:
    behind = RequestInstant(NOW_MS - 60_000, AHEAD_MS)
    assert behind.left_ms(NOW_MS + 500, NOW_MS) == 500
    with pytest.raises(TooLateToSend):
        behind.left_ms(NOW_MS, NOW_MS)


@pytest.mark.parametrize("late_ms", [0, 1, 60_000])
def test_nothing_leaves_at_its_deadline_or_later(late_ms: int) -> None:
    with pytest.raises(TooLateToSend):
        RequestInstant(NOW_MS, AHEAD_MS).deadline_ms(NOW_MS - late_ms, 0)


async def test_a_request_is_made_when_its_turn_has_come() -> None:
    (venue, clock), turn = await measured(), Turn()
    clock.advance(40)
    made = made_now(lambda instant: ("made", instant), venue, turn)
    assert not isinstance(made, NotSent)
    (word, instant), venue_ms = made
    assert word == "made"
    assert instant.venue_ms == venue_ms
    assert instant.now_ms == NOW_MS + 40
    assert turn.given_back == 0


async def test_a_request_that_is_not_made_gives_its_turn_back() -> None:
    (venue, _), turn = await measured(), Turn()

    def too_late(instant: RequestInstant) -> str:
        raise TooLateToSend

    def defect(instant: RequestInstant) -> str:
        raise KeyError("a defect")

    assert made_now(too_late, venue, turn) == NotSent(NotSentCause.DEADLINE)
    assert turn.given_back == 1
    with pytest.raises(KeyError):
        made_now(defect, venue, turn)
    assert turn.given_back == 2


async def test_nothing_is_made_while_the_venues_time_is_not_known() -> None:
    async def silent() -> None:
        return None

    turn, made = Turn(), []
    found = made_now(made.append, VenueClock(ManualClock(), silent), turn)
    assert isinstance(found, NotSent)
    assert found.cause is NotSentCause.NOT_CONNECTED
    assert (made, turn.given_back) == ([], 1)
