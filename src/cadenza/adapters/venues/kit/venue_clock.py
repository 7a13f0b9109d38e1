"""A venue's clock as it is measured: what time it is there, and by how much ours differs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

from cadenza.network.clock_offset import ClockOffset

_log = structlog.get_logger("cadenza.venue")


class MeasuredClock(Protocol):
    """Our clock, as `ports.clock.Clock`."""

    def now_ms(self) -> int: ...

    def monotonic_ms(self) -> int: ...

    async def sleep_ms(self, duration_ms: int) -> None: ...


MEASURE_EVERY_MS = 30_000
RETRY_MS = 1_000
FIRST_SAMPLES = 3
"""Samples of the first measuring and of the one after a doubt. The first request over a connection is slow, and its
sample says little."""

ERROR_MS_MAX = 2_000
"""A time that may be wrong by more than this is no time: nothing with a deadline is sent then."""


@dataclass(frozen=True, slots=True)
class VenueInstant:
    """The venue's time at one instant. It is `venue_ms` give or take `error_ms`, when our wall clock shows `our_ms`."""

    our_ms: int
    venue_ms: int
    error_ms: int

    @property
    def ahead_ms(self) -> int:
        """How far the venue's clock is ahead of ours; negative when it is behind."""
        return self.venue_ms - self.our_ms


class VenueClock:
    """Measures the clock of one host by requests that it answers with its time.

    `ask` makes one such request and returns the venue's time in ms, or None when there was no answer. The venue's time
    follows our monotonic clock, so a step of our wall clock does not move it. A step of the venue's clock is noticed by
    the next measuring; `doubt` brings that forward, for example after the venue refused a timestamp.
    """

    def __init__(
        self, clock: MeasuredClock, ask: Callable[[], Awaitable[int | None]], *, resolution_ms: int = 1
    ) -> None:
        """`resolution_ms` is 1000 for a venue that answers with whole seconds, cut off."""
        self._clock = clock
        self._ask = ask
        self._offset = ClockOffset(remote_resolution_ms=resolution_ms)
        self._doubted = asyncio.Event()
        self.is_answered = False
        """Whether the last request for the venue's time was answered."""

    @property
    def jumps(self) -> int:
        """How often the venue's clock was seen to have been set. What was measured before says nothing of later."""
        return self._offset.jumps

    def present(self) -> VenueInstant | None:
        """Return the venue's time now; None before the first sample."""
        now_ms = self._clock.monotonic_ms()
        estimate = self._offset.at(now_ms)
        if estimate is None:
            return None
        return VenueInstant(self._clock.now_ms(), now_ms + estimate.offset_ms, estimate.error_ms)

    def usable(self) -> VenueInstant | None:
        """Return the venue's time now, if it is known well enough for a deadline (`ERROR_MS_MAX`)."""
        instant = self.present()
        return None if instant is None or instant.error_ms > ERROR_MS_MAX else instant

    def earliest_ms(self) -> int:
        """Return an instant that the venue's clock has reached for certain; 0 before the first sample."""
        instant = self.present()
        return 0 if instant is None else instant.venue_ms - instant.error_ms

    @property
    def is_measured(self) -> bool:
        """Whether there was a sample."""
        return self.present() is not None

    def latest_ms(self) -> int:
        """Return an instant that the venue's clock has not passed for certain; 0 before the first sample."""
        instant = self.present()
        return 0 if instant is None else instant.venue_ms + instant.error_ms

    async def measure(self, samples: int = FIRST_SAMPLES) -> bool:
        """Take samples. Return False when there was no answer to one of them."""
        for _ in range(samples):
            sent_ms = self._clock.monotonic_ms()
            remote_ms = await self._ask()
            self.is_answered = remote_ms is not None
            if remote_ms is None:
                return False
            jumps = self.jumps
            self._offset.add(sent_ms=sent_ms, remote_ms=remote_ms, received_ms=self._clock.monotonic_ms())
            if self.jumps != jumps:
                _log.warning("venue_clock_was_set")
        return True

    def doubt(self) -> None:
        """Measure again at once: the venue disagrees with us about its time."""
        self._doubted.set()

    async def run(self) -> None:
        """Measure from time to time, until this is cancelled."""
        while True:
            pause = asyncio.create_task(self._clock.sleep_ms(MEASURE_EVERY_MS))
            doubted = asyncio.create_task(self._doubted.wait())
            try:
                await asyncio.wait({pause, doubted}, return_when=asyncio.FIRST_COMPLETED)
                samples = FIRST_SAMPLES if doubted.done() else 1
                self._doubted.clear()
            finally:
                pause.cancel()
                doubted.cancel()
            while not await self.measure(samples):
                await self._clock.sleep_ms(RETRY_MS)


def earliest_of(clocks: Iterable[VenueClock]) -> int:
    """Return an instant that all of a venue's clocks have reached that could be measured; 0 when none was."""
    return min((clock.earliest_ms() for clock in clocks if clock.is_measured), default=0)
