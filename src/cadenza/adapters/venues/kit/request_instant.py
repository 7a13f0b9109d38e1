"""When a request leaves, by our clock and by the venue's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.network.outcomes import NotSent, NotSentCause

M = TypeVar("M")


class TooLateToSend(Exception):
    """The order's deadline has passed; nothing was sent."""


@dataclass(frozen=True, slots=True)
class RequestInstant:
    """When a request is made. `now_ms` is our clock, `ahead_ms` how far the venue's is ahead of it as it was measured;
    negative when it is behind."""

    now_ms: int
    ahead_ms: int

    @property
    def venue_ms(self) -> int:
        return self.now_ms + self.ahead_ms

    def left_ms(self, send_before_ms: int, recorded_at_ms: int) -> int:
        """Return how long it is until `send_before_ms` (our clock). An order states in `recorded_at_ms` when it was
        recorded: a clock that shows less was set back since then, and leaves no more time. Raises `TooLateToSend`."""
        left_ms = send_before_ms - max(self.now_ms, recorded_at_ms)
        if left_ms <= 0:
            raise TooLateToSend
        return left_ms

    def deadline_ms(self, send_before_ms: int, recorded_at_ms: int) -> int:
        """Return the instant of the venue's clock at which `send_before_ms` (our clock) passes; see `left_ms`. Raises
        `TooLateToSend`."""
        return self.venue_ms + self.left_ms(send_before_ms, recorded_at_ms)


class RequestTurn(Protocol):
    """The right to send one request, now."""

    def give_back(self) -> None:
        """The request was not sent: nothing is counted for it."""


def made_now(make: Callable[[RequestInstant], M], clock: VenueClock, turn: RequestTurn) -> tuple[M, int] | NotSent:
    """Make a request whose turn has come, and return it with the venue's present time. Where it is not made, because
    the venue's time is not known or `make` raises, the turn is given back. A `TooLateToSend` becomes a `NotSent`."""
    now = clock.usable()
    if now is None:
        turn.give_back()
        return NotSent(NotSentCause.NOT_CONNECTED, "the venue's time is not known")
    try:
        return make(RequestInstant(now.our_ms, now.ahead_ms)), now.venue_ms
    except TooLateToSend:
        turn.give_back()
        return NotSent(NotSentCause.DEADLINE)
    except BaseException:  # a request that cannot be made takes no room from others
        turn.give_back()
        raise
