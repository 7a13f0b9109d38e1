"""The pace at which the connections of one address are opened: venues limit that apart from what is sent on them."""

from cadenza.network.pace_queue import PaceRefusal
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer, PaceTicket
from cadenza.network.patience import PatientClock
from cadenza.network.stream_events import NotReady

TURN_MS_MAX = 300_000
"""How long a connection waits for its turn. Connections take turns in the order in which they asked, so one that gives
up sooner only goes back to the end of the line, and may leave a turn unused."""

_CONNECTS = MeterKey("connections", "")


class ConnectPace:
    """One for all streams that a venue counts together.

    Law: in any span of the limit's length, at most its number of connections is begun, and at most that number arrives:
    a connection counts from its turn until that long after it was live, or has failed (`StreamTarget.turn`)."""

    def __init__(self, clock: PatientClock, limit: WindowLimit) -> None:
        self._clock = clock
        self._limit = limit
        self._pacer = Pacer({_CONNECTS.kind: (limit,)}, clock=clock)

    async def turn(self, caller: str) -> PaceTicket:
        """Wait until a connection may be opened, and return the right to open it. Raises `NotReady` when that takes
        longer than `TURN_MS_MAX`, or after `close`."""
        by_ms = self._clock.monotonic_ms() + TURN_MS_MAX
        ticket = await self._pacer.acquire(caller, {_CONNECTS: 1}, deadline_ms=by_ms)
        if isinstance(ticket, PaceRefusal):
            raise NotReady("too many connections were opened in the last minutes")
        return ticket

    def count(self, opened: int) -> None:
        """So many connections were opened just now by others, as far as the limit counts them."""
        self._pacer.raise_to(_CONNECTS, self._limit.length_ms, min(opened, self._limit.weight_max))

    def close(self) -> None:
        """Open none any more. Idempotent."""
        self._pacer.close()
