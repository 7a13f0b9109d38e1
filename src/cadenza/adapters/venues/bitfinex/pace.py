"""The pace of requests to BITFINEX: its limits, the line of each key, and how many requests are under way at a time."""

from collections.abc import Mapping
from types import TracebackType

from cadenza.adapters.venues.bitfinex.endpoints import BLOCK_MS, ENDPOINTS, CountedBy, RestEndpoint
from cadenza.adapters.venues.kit.not_sent import not_sent_for_pace
from cadenza.network.outcomes import NotSent, NotSentCause
from cadenza.network.pace_queue import PaceRefusal, PaceRefusalCause
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer, PaceTicket
from cadenza.ports.clock import Clock

CONNECTIONS_MAX, CONNECTIONS_FOR_URGENT = 32, 4
"""Requests that are under way at a time, and how many of these places only cancels and questions about orders may take.
The others wait here, where cancels overtake them, and not within the HTTP client."""

_ANY = ""
_LINE, _PLACES = "line of a key", "places"
_BEFORE = {
    _LINE: "other requests of the API key went before, and took too long",
    _PLACES: "other requests to the venue went before, and took too long",
}
_CAUSES = {PaceRefusalCause.TOO_LATE: NotSentCause.DEADLINE, PaceRefusalCause.FULL: NotSentCause.FULL}
_LIMITS: Mapping[str, tuple[WindowLimit, ...]] = {
    each.path: (WindowLimit(each.requests_max, each.window_ms, each.for_urgent),) for each in ENDPOINTS
}
_ONE_AT_A_TIME = (WindowLimit(1, 1),)


class PaceTurn:
    """The right to send one request, now. As a context manager it is settled when the request has ended."""

    def __init__(self) -> None:
        self._tickets: list[PaceTicket] = []
        self._line: PaceTicket | None = None

    def take(self, ticket: PaceTicket, *, is_line: bool = False) -> None:
        self._tickets.append(ticket)
        if is_line:
            self._line = ticket

    def leave_line(self) -> None:
        """Let the next request of the key go, although this one is under way."""
        if self._line is not None:
            self._line.settle()

    def give_back(self) -> None:
        """The request was not sent: nothing is counted for it."""
        for ticket in self._tickets:
            ticket.give_back()

    def __enter__(self) -> "PaceTurn":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for ticket in self._tickets:
            ticket.settle()


class RequestPace:
    """Lets requests go at the venue's pace.

    Law: what waits for one limit holds up nothing that another limit would let go. So a request waits for its limit
    first, then in the line of its key, and for its place among those under way last. In the line of a key there is one
    request under way, and urgent ones go first: nonces arrive in the order in which they were drawn.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users: dict[str, str] = {}
        self._limits = Pacer(_LIMITS, clock=clock)
        self._lines = Pacer({_LINE: _ONE_AT_A_TIME}, clock=clock)
        places = WindowLimit(CONNECTIONS_MAX, 1, CONNECTIONS_FOR_URGENT)
        self._places = Pacer({_PLACES: (places,)}, clock=clock)

    def note_user(self, api_key: str, user: str) -> None:
        """From now on the requests of this key are counted with those of all keys of that user."""
        self._users[api_key] = user

    async def turn(
        self, api_key: str | None, endpoint: RestEndpoint, by_ms: int, *, is_urgent: bool = False
    ) -> PaceTurn | NotSent:
        """Wait until a request may leave, until `by_ms` (our monotonic clock). Public requests have no key."""
        steps = [(self._limits, self.meter(api_key, endpoint)), (self._places, MeterKey(_PLACES, _ANY))]
        if api_key is not None:
            steps.insert(1, (self._lines, MeterKey(_LINE, api_key)))
        return await self._through(steps, f"{endpoint.path} {api_key or _ANY}", by_ms, is_urgent=is_urgent)

    async def line(self, api_key: str, by_ms: int) -> PaceTurn | NotSent:
        """Wait in the line of a key for something that is no request, and has a nonce: a login."""
        return await self._through([(self._lines, MeterKey(_LINE, api_key))], "login", by_ms, is_urgent=True)

    def hold(self, meter: MeterKey) -> None:
        """The venue has refused a request for this limit: nothing of it leaves while the venue refuses all."""
        self._limits.hold(meter, BLOCK_MS)

    def meter(self, api_key: str | None, endpoint: RestEndpoint) -> MeterKey:
        """Return whose requests a limit counts together."""
        if endpoint.counted_by is CountedBy.ADDRESS or api_key is None:
            return MeterKey(endpoint.path, _ANY)
        return MeterKey(endpoint.path, self._users.get(api_key, api_key))

    def close(self) -> None:
        """Let nothing go any more: requests that wait are answered with `NotSent`, and so are later ones."""
        for pacer in (self._limits, self._lines, self._places):
            pacer.close()

    async def _through(
        self, steps: list[tuple[Pacer, MeterKey]], caller: str, by_ms: int, *, is_urgent: bool
    ) -> PaceTurn | NotSent:
        turn = PaceTurn()
        try:
            for pacer, meter in steps:
                ticket = await pacer.acquire(caller, {meter: 1}, deadline_ms=by_ms, is_urgent=is_urgent)
                if isinstance(ticket, PaceRefusal):
                    turn.give_back()
                    return self._not_sent(ticket, meter)
                turn.take(ticket, is_line=pacer is self._lines)
        except BaseException:  # a caller that is cancelled while it waits takes no room from others
            turn.give_back()
            raise
        return turn

    def _not_sent(self, refusal: PaceRefusal, meter: MeterKey) -> NotSent:
        """A line and the places are ours: what waits there too long meets no limit of the venue."""
        cause, before = _CAUSES.get(refusal.cause), _BEFORE.get(meter.kind)
        if cause is None or before is None:
            return not_sent_for_pace(refusal, self._clock)
        return NotSent(cause, before)
