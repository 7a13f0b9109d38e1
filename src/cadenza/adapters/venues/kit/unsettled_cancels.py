"""What is reported of a cancel that the venue did not carry out, or did not answer."""

from dataclasses import replace

from cadenza.adapters.venues.kit.doubt import unknown_outcome, unknown_report
from cadenza.adapters.venues.kit.order_calls import Reports
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict, cancel_report
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CancelRefusal, Report
from cadenza.network.outcomes import Answered, Outcome
from cadenza.ports.clock import Clock


class UnsettledCancels:
    """Reports for one session what became of its cancels."""

    def __init__(self, clock: Clock, venue_clock: VenueClock) -> None:
        self._clock = clock
        self._venue_clock = venue_clock

    def refused(self, order: Order, verdict: ReplyOutcome, answered: Answered, end: Reports | None) -> Reports:
        """The venue answered with no success. `end` is how the order ended, if the venue was asked and says that it
        did: venues answer the same to the cancel of an order that was never there and of one that has ended."""
        if end is not None:
            verdict = replace(verdict, refusal=CancelRefusal.TOO_LATE)
        refused = cancel_report(verdict, order, self._venue_clock.earliest_ms())
        if refused is not None:
            return [*(end or ()), refused]
        return [self.unknown(order, answered)] if verdict.verdict is ReplyVerdict.UNKNOWN else ()

    def unknown(self, order: Order, outcome: Outcome, detail: str = "") -> Report:
        """It is not known whether the venue canceled the order. `detail` says why its answer could not be read."""
        return unknown_outcome(order, self._clock.now_ms(), outcome, detail)

    def not_made(self, order: Order, cause: str) -> Report:
        """No cancel was sent, and the order may work. `cause` says why."""
        return unknown_report(order, f"not canceled: {cause}", self._clock.now_ms())

    def not_found(self, order: Order, text: str) -> Reports:
        """No cancel was sent, because the venue was asked and has no such order. `text` says so in words."""
        verdict = ReplyOutcome(verdict=ReplyVerdict.CANCEL_REFUSED, text=text, refusal=CancelRefusal.UNKNOWN_ORDER)
        refused = cancel_report(verdict, order, self._venue_clock.earliest_ms())
        return () if refused is None else [refused]
