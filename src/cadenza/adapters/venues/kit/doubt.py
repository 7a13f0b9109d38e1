"""What a session reports of an order whose state it could not find out, or that its venue does not know."""

from dataclasses import replace

from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.adapters.venues.kit.unreadable import unreadable_of
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.not_known import NotKnown, meaning_of_not_known
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    CanceledReport,
    RejectedReport,
    Report,
    UndeterminedOutcomeReport,
    UnknownOutcomeReport,
)
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.outcomes import Answered, Outcome
from cadenza.ports.clock import Clock

SECOND_QUESTION_MS = 500
"""An order is dead, or left to an operator, only if the venue, asked a second time after so long, does not know it
either: the query may be behind the matching engine."""


def unknown_report(order: Order, cause: str, now_ms: int) -> UnknownOutcomeReport:
    """The venue could not be asked, or did not say. `now_ms` is our clock."""
    return UnknownOutcomeReport(**names_of(order), at_ms=now_ms, cause=cause)


def undetermined_report(order: Order, cause: str, now_ms: int) -> UndeterminedOutcomeReport:
    """Asking cannot show how the order stands. `now_ms` is our clock."""
    return UndeterminedOutcomeReport(**names_of(order), at_ms=now_ms, cause=cause)


def ended_unfilled_report(order: Order, venue_ms: int) -> CanceledReport:
    """The order ended without an execution, nobody knows when and why. `venue_ms` is the venue's clock."""
    return CanceledReport(
        **names_of(order),
        at_ms=venue_ms,
        venue_order_id=order.venue_order_id,
        reason=CancelReason.VENUE,
        executed_quantity=ZERO,
    )


def not_known_report(
    spec: VenueSpec, type: AccountType, order: Order, *, asked_at_ms: int, now_ms: int, venue_ms: int
) -> Report:
    """What it means that the venue does not know the order (`meaning_of_not_known`). `asked_at_ms` is the instant just
    before the question was sent, `now_ms` the present one, both by our clock; `venue_ms` is the venue's."""
    match meaning_of_not_known(spec, type, order, asked_at_ms):
        case NotKnown.DEAD:
            reason = RejectReason.NOT_FOUND_AT_VENUE.value
            return RejectedReport(**names_of(order), at_ms=venue_ms, reason=reason)
        case NotKnown.ENDED_UNFILLED:
            return ended_unfilled_report(order, venue_ms)
        case NotKnown.FORGOTTEN | NotKnown.MAY_ARRIVE:
            return undetermined_report(order, "that the venue does not know the order proves nothing", now_ms)
        case NotKnown.TOO_EARLY:
            early = unknown_report(order, "the venue does not know the order yet", now_ms)
            return replace(early, is_not_found=True)


def unknown_outcome(order: Order, now_ms: int, outcome: Outcome, detail: str = "") -> UnknownOutcomeReport:
    """Return what is reported of a request about an order whose outcome is not known. `detail` says why an answer could
    not be read."""
    answered = isinstance(outcome, Answered)
    cause = f"status {outcome.status}" if isinstance(outcome, Answered) else outcome.cause.value
    return unknown_report(
        order, f"{cause}: the answer cannot be read, {detail}" if answered and detail else cause, now_ms
    )


class OrderDoubts:
    """What the questions of one account report of orders that its venue does not know, or says nothing of that can be
    read."""

    def __init__(self, spec: VenueSpec, type: AccountType, clock: Clock, venue_clock: VenueClock) -> None:
        self._spec = spec
        self._type = type
        self._clock = clock
        self._venue_clock = venue_clock

    def is_dead(self, order: Order, asked_at_ms: int) -> bool:
        """Whether the order is dead if the venue does not know it. `asked_at_ms` is the instant just before the
        question was sent (our clock)."""
        return self._meaning(order, asked_at_ms) is NotKnown.DEAD

    async def wants_second_question(self, order: Order, asked_at_ms: int) -> bool:
        """Return whether an order that the venue does not know has to be asked about again, once it is time. It has if
        the first answer would end the asking: with its death, or with the work of an operator."""
        if self._meaning(order, asked_at_ms) not in (NotKnown.DEAD, NotKnown.MAY_ARRIVE):
            return False
        await self._clock.sleep_ms(SECOND_QUESTION_MS)
        return True

    def not_known(self, order: Order, asked_at_ms: int) -> Report:
        """The venue does not know the order."""
        return not_known_report(
            self._spec,
            self._type,
            order,
            asked_at_ms=asked_at_ms,
            now_ms=self._clock.now_ms(),
            venue_ms=self._venue_clock.earliest_ms(),
        )

    def unknown(self, order: Order, cause: str) -> Report:
        """The venue could not be asked, or did not say."""
        return unknown_report(order, cause, self._clock.now_ms())

    def undetermined(self, order: Order, cause: str) -> Report:
        """Asking cannot show how the order stands."""
        return undetermined_report(order, cause, self._clock.now_ms())

    def unreadable(self, order: Order, answer: bytes, error: UnreadablePayload) -> list[Report]:
        """The venue knows the order, and its answer cannot be read."""
        odd = unreadable_of(order, answer, error)
        return [odd, self.undetermined(order, "the venue's answer about the order cannot be read")]

    # Helpers

    def _meaning(self, order: Order, asked_at_ms: int) -> NotKnown:
        return meaning_of_not_known(self._spec, self._type, order, asked_at_ms)
