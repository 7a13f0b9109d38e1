"""What networked sessions watch: a stream that falls silent, and the venue's clock."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from tests.inhouse_kit import ManualClock, until

from cadenza.adapters.venues.kit.stream_check import CHECK_EVERY_MS, GRACE_MS, check_stream
from cadenza.adapters.venues.kit.venue_clock import ERROR_MS_MAX, MEASURE_EVERY_MS, VenueClock
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.venue import COMPARED_WITHIN_MS

ACCOUNT = TradingAccountId(UUID(int=1))


# --- silent streams


class Stream:
    """Implements `CheckedStream`."""

    def __init__(self) -> None:
        self.messages = 0
        self.is_live = True
        self.answers: list[bool | CadenzaError] = []
        self.readings = 0
        self.silences = 0

    def heard(self) -> int:
        return self.messages

    def is_checked(self) -> bool:
        return self.is_live

    async def agrees(self) -> bool:
        self.readings += 1
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, CadenzaError):
            raise answer
        return answer

    def found_silent(self) -> None:
        self.silences += 1


async def _check(stream: Stream, steps: Sequence[int], *, talks: bool = False) -> list[CadenzaError]:
    clock, errors = ManualClock(), []

    async def refused(error: CadenzaError) -> None:
        errors.append(error)

    checking = asyncio.create_task(check_stream(stream, clock, refused))
    for step_ms in steps:
        await asyncio.sleep(0)
        stream.messages += talks
        clock.advance(step_ms)
        for _ in range(5):
            await asyncio.sleep(0)
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)
    return errors


async def test_a_silent_stream_is_read_at_least_twice_a_minute() -> None:
    stream = Stream()
    await _check(stream, [CHECK_EVERY_MS] * 3)
    assert 2 * CHECK_EVERY_MS + GRACE_MS <= COMPARED_WITHIN_MS, "the first comparison may find that it has just spoken"
    assert stream.readings >= 2
    assert stream.silences == 0


async def test_a_stream_that_stays_silent_is_read_at_every_second_look() -> None:
    """A reading costs a part of the venue's limits, and an address may have many idle accounts."""
    stream = Stream()
    await _check(stream, [CHECK_EVERY_MS] * 6)
    assert stream.readings == 3


async def test_a_reading_that_failed_is_made_again_at_the_next_look() -> None:
    stream = Stream()
    stream.answers = [VenueUnavailable("it is away"), True]
    await _check(stream, [CHECK_EVERY_MS] * 3)
    assert stream.readings == 2


async def test_a_stream_that_talks_is_not_read() -> None:
    stream = Stream()
    await _check(stream, [CHECK_EVERY_MS] * 3, talks=True)
    assert stream.readings == 0


async def test_a_difference_counts_only_if_it_lasts() -> None:
    late, broken = Stream(), Stream()
    late.answers, broken.answers = [False, True], [False, False]
    for stream in (late, broken):
        await _check(stream, [CHECK_EVERY_MS, GRACE_MS])
    assert (late.silences, broken.silences) == (0, 1)


async def test_a_reading_that_fails_proves_nothing_and_a_lost_stream_is_not_read() -> None:
    stream, lost = Stream(), Stream()
    stream.answers, lost.is_live = [VenueUnavailable("away")], False
    assert len(await _check(stream, [CHECK_EVERY_MS])) == 1
    await _check(lost, [CHECK_EVERY_MS] * 2)
    assert (stream.silences, lost.readings) == (0, 0)


# --- the venue's clock


async def test_the_venues_time_is_measured_and_follows_no_step_of_ours() -> None:
    clock, ahead_ms = ManualClock(), 3_000
    venue = VenueClock(clock, lambda: _answer(clock.monotonic_ms() + ahead_ms))
    assert venue.present() is None
    assert venue.earliest_ms() == 0
    assert await venue.measure()
    instant = venue.usable()
    assert instant is not None
    assert abs(instant.ahead_ms - ahead_ms) <= 1
    assert venue.earliest_ms() <= clock.monotonic_ms() + ahead_ms
    clock.advance(ERROR_MS_MAX * 5_000 * 2)
    assert venue.usable() is None, "so long ago that the clocks may have drifted apart"


async def test_a_venues_clock_that_is_set_is_counted() -> None:
    clock, ahead_ms = ManualClock(), [0]
    venue = VenueClock(clock, lambda: _answer(clock.monotonic_ms() + ahead_ms[0]))
    await venue.measure()
    assert venue.jumps == 0
    ahead_ms[0] = 5_000
    await venue.measure()
    assert venue.jumps == 1


async def test_a_doubt_has_the_clock_measured_at_once() -> None:
    clock = ManualClock()
    asked: list[int] = []

    async def ask() -> int | None:
        asked.append(clock.monotonic_ms())
        return None if len(asked) == 2 else clock.monotonic_ms()

    venue = VenueClock(clock, ask)
    running = asyncio.create_task(venue.run())
    await asyncio.sleep(0)
    venue.doubt()
    await until(lambda: len(asked) == 2, "the first samples")
    assert not venue.is_answered

    def measured() -> bool:
        clock.advance(1_000)
        return venue.is_answered

    await until(measured, "another try")
    before = len(asked)
    clock.advance(MEASURE_EVERY_MS)
    await until(lambda: len(asked) > before, "the next measuring")
    running.cancel()


async def _answer(time_ms: int) -> int | None:
    return time_ms
