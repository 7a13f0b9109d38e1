"""Why an order was not sent, in words for whoever gave it."""

from datetime import UTC, datetime

from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import NotSentReport
from cadenza.network.outcomes import NotSent, NotSentCause
from cadenza.network.pace_queue import PaceRefusal, PaceRefusalCause
from cadenza.ports.clock import Clock

CAUSE_LENGTH_MAX = 200

_WORDS = {
    NotSentCause.DEADLINE: "its deadline passed before it could leave",
    NotSentCause.FULL: "too many requests wait already",
    NotSentCause.CLOSED: "the session has ended",
    NotSentCause.DNS: "the name of the venue's host was not resolved",
    NotSentCause.CONNECT: "no connection to the venue came about",
    NotSentCause.TLS: "no secure connection to the venue came about",
    NotSentCause.PROXY: "the proxy on the way to the venue was not reached, or refused",
    NotSentCause.NOT_CONNECTED: "there was no connection to the venue",
}
_CONNECTING = frozenset({NotSentCause.DNS, NotSentCause.CONNECT, NotSentCause.TLS, NotSentCause.PROXY})


def not_sent_report(order: Order, cause: str, now_ms: int) -> NotSentReport:
    """Return the proof that an order was not sent. `now_ms` is our clock."""
    cause = " ".join(cause.split())[:CAUSE_LENGTH_MAX]
    return NotSentReport(**names_of(order), at_ms=now_ms, recorded_at_ms=order.created_at_ms, cause=cause)


def why_not_sent(outcome: NotSent) -> str:
    """Return the words for an outcome. What a library says of a connection that did not come about is left out: it
    names hosts and proxies, which are not for clients."""
    is_ours = outcome.cause not in _CONNECTING and outcome.detail
    return outcome.detail if is_ours else _WORDS[outcome.cause]


def not_sent_for_pace(refusal: PaceRefusal, clock: Clock, *, pause: str | None = None) -> NotSent:
    """Return the outcome of a request that the pace of a venue does not let go. `pause` says, if the connector knows
    better, what pause the venue asked for, and until when."""
    match refusal.cause:
        case PaceRefusalCause.FULL:
            return NotSent(NotSentCause.FULL, "too many requests wait already for the pace of the venue")
        case PaceRefusalCause.CLOSED:
            return NotSent(NotSentCause.CLOSED)
        case PaceRefusalCause.TOO_LATE if refusal.hold is None:
            return NotSent(NotSentCause.DEADLINE, "the venue's limits leave no room in time")
        case PaceRefusalCause.TOO_LATE:
            until_ms = clock.now_ms() + refusal.hold.until_ms - clock.monotonic_ms()
            until = datetime.fromtimestamp(-(-until_ms // 1_000), UTC)
            pause = pause or f"the venue asked for a pause until {until:%Y-%m-%d %H:%M:%S} UTC"
            return NotSent(NotSentCause.DEADLINE, f"{pause}: its limit '{refusal.hold.key.kind}' is reached")
