"""A wall clock whose steps forward are not believed at once."""

from cadenza.ports.clock import Clock

CLOCK_STEP_MS_MAX = 2_000
"""How much the wall clock may gain on the monotonic one between two rounds before that counts as a step."""

CLOCK_SETTLES_MS = 60_000
"""A step of the wall clock is believed after this time."""


class SteadyTime:
    """The wall clock, but a step forward counts only after `CLOCK_SETTLES_MS`. A loop asks for the time again and
    again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms = clock.now_ms() - clock.monotonic_ms()
        self._stepped_ms: int | None = None

    def now_ms(self) -> int:
        wall_ms, monotonic_ms = self._clock.now_ms(), self._clock.monotonic_ms()
        if wall_ms - monotonic_ms - self._offset_ms > CLOCK_STEP_MS_MAX:
            self._stepped_ms = monotonic_ms if self._stepped_ms is None else self._stepped_ms
            if monotonic_ms - self._stepped_ms < CLOCK_SETTLES_MS:
                return monotonic_ms + self._offset_ms
        self._offset_ms, self._stepped_ms = wall_ms - monotonic_ms, None
        return wall_ms
