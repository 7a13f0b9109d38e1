"""The pace of requests to OKX: its limits, and how many requests are under way at a time."""

from collections.abc import Mapping
from types import TracebackType

from cadenza.adapters.venues.kit.not_sent import not_sent_for_pace
from cadenza.adapters.venues.okx.endpoints import (
    ENDPOINTS,
    NEW_ORDERS_PER_2_S,
    SUBMIT,
    TWO_S_MS,
    CountedBy,
    OkxEndpoint,
)
from cadenza.network.outcomes import NotSent
from cadenza.network.pace_queue import PaceRefusal
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer, PaceTicket
from cadenza.ports.clock import Clock

CONNECTIONS_MAX, CONNECTIONS_FOR_URGENT = 32, 4
"""Requests that are under way at a time, and how many of these places only cancels and questions about orders may take.
The others wait here, where cancels overtake them, and not within the HTTP client."""

_ANY = ""
_PLACES, _NEW_ORDERS = "places", "new orders"
_LIMITS: Mapping[str, tuple[WindowLimit, ...]] = {
    each.meter: (WindowLimit(each.per_2_s, TWO_S_MS),) for each in ENDPOINTS
}


class PaceTurn:
    """The right to send one request, now. As a context manager it is settled when the request has ended."""

    def __init__(self, tickets: list[PaceTicket]) -> None:
        self._tickets = tickets

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

    Law: what waits for one limit holds up nothing that another limit would let go. So a request waits for one limit
    after another, each in a line of its own, and for its place among those under way last.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users: dict[str, str] = {}
        self._new_orders = Pacer({_NEW_ORDERS: (WindowLimit(NEW_ORDERS_PER_2_S, TWO_S_MS),)}, clock=clock)
        self._limits = Pacer(_LIMITS, clock=clock)
        places = WindowLimit(CONNECTIONS_MAX, 1, CONNECTIONS_FOR_URGENT)
        self._places = Pacer({_PLACES: (places,)}, clock=clock)

    def note_user(self, api_key: str, user: str) -> None:
        """From now on the requests of this key are counted with those of all keys of that user."""
        self._users[api_key] = user

    async def turn(
        self, caller: str, endpoint: OkxEndpoint, instrument: str, by_ms: int, *, is_urgent: bool
    ) -> PaceTurn | NotSent:
        """Wait until a request may leave, until `by_ms` (our monotonic clock). `caller` is a key, or what all public
        requests share."""
        key = self.key(caller, endpoint, instrument)
        steps = [(self._limits, key), (self._places, MeterKey(_PLACES, _ANY))]
        if endpoint is SUBMIT:
            steps.insert(0, (self._new_orders, MeterKey(_NEW_ORDERS, self._users.get(caller, caller))))
        turn = PaceTurn(tickets := [])
        try:
            for pacer, meter in steps:
                line = f"{key.kind} {key.owner}"
                ticket = await pacer.acquire(line, {meter: 1}, deadline_ms=by_ms, is_urgent=is_urgent)
                if isinstance(ticket, PaceRefusal):
                    turn.give_back()
                    return not_sent_for_pace(ticket, self._clock)
                tickets.append(ticket)
        except BaseException:  # a caller that is cancelled while it waits takes no room from others
            turn.give_back()
            raise
        return turn

    def hold(self, key: MeterKey) -> None:
        """The venue has refused a request for this limit: nothing of it leaves for its whole window."""
        self._limits.hold(key, TWO_S_MS)

    def key(self, caller: str, endpoint: OkxEndpoint, instrument: str) -> MeterKey:
        """Return whose requests a limit counts together."""
        user = self._users.get(caller, caller)
        match endpoint.counted_by:
            case CountedBy.ADDRESS:
                return MeterKey(endpoint.meter, _ANY)
            case CountedBy.USER:
                return MeterKey(endpoint.meter, user)
            case CountedBy.USER_AND_INSTRUMENT:
                return MeterKey(endpoint.meter, f"{user} {instrument}")

    def close(self) -> None:
        """Let nothing go any more: requests that wait are answered with `NotSent`, and so are later ones."""
        for pacer in (self._new_orders, self._limits, self._places):
            pacer.close()
