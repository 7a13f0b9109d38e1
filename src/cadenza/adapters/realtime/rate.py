"""How many commands a connection may send."""

from cadenza.adapters.realtime.limits import RealtimeLimits

_US_PER_MS = 1_000
_US_PER_S = 1_000_000


class CommandRate:
    """A bucket of `commands_per_frame_max` commands that fills at `commands_per_second_max`, kept as one number."""

    __slots__ = ("_paid_until_us",)

    def __init__(self) -> None:
        self._paid_until_us = 0

    def allow(self, commands: int, now_ms: int, limits: RealtimeLimits) -> bool:
        """Take note of commands; False when they are too many."""
        now_us = now_ms * _US_PER_MS
        each_us = _US_PER_S // limits.commands_per_second_max
        self._paid_until_us = max(self._paid_until_us, now_us) + commands * each_us
        return self._paid_until_us - now_us <= limits.commands_per_frame_max * each_us
