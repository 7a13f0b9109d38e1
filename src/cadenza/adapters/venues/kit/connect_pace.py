"""The pace at which the connections of one address are opened: venues limit that apart from what is sent on them."""

from cadenza.network.pace_queue import PaceRefusal
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer
from cadenza.network.patience import PatientClock
from cadenza.network.stream_events import NotReady

TURN_MS_MAX = 5_000
"""How long a connection waits for its turn before it is tried later."""

_CONNECTS = MeterKey("connections", "")


class ConnectPace:
    """One for all streams that a venue counts together."""

    def __init__(self, clock: PatientClock, limit: WindowLimit) -> None:
        self._clock = clock
        self._pacer = Pacer({_CONNECTS.kind: (limit,)}, clock=clock)

    async def turn(self, caller: str) -> None:
        """Return when a connection may be opened. Raises `NotReady` when that takes too long, or after `close`."""
        by_ms = self._clock.monotonic_ms() + TURN_MS_MAX
        ticket = await self._pacer.acquire(caller, {_CONNECTS: 1}, deadline_ms=by_ms)
        if isinstance(ticket, PaceRefusal):
            raise NotReady("too many connections were opened in the last minutes")
        ticket.settle()

    def close(self) -> None:
        """Open none any more. Idempotent."""
        self._pacer.close()
