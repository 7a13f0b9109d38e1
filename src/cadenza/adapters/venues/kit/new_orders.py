"""The new orders of one session: what is reported of each, whatever became of its request."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from cadenza.adapters.venues.kit.doubt import unknown_outcome
from cadenza.adapters.venues.kit.not_sent import not_sent_report, why_not_sent
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, OrderCalls, Reports, SubmitCall
from cadenza.adapters.venues.kit.order_facts import reason_text
from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict, submit_report
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import RejectedReport, Report
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome
from cadenza.ports.clock import Clock


class NewOrders:
    """Submits orders. The session says what it asks of its venue, and what an answer means.

    Law: a refusal that proves that the order does not work is a `RejectedReport`, and so is an order that the venue
    does not have, or that is barred, of which nothing was sent. When no byte left, a `NotSentReport` says why. What
    proves nothing is an `UnknownOutcomeReport`. `look_at_key` takes what every answer proves that is no success.
    """

    def __init__(
        self, calls: OrderCalls, look_at_key: Callable[[ReplyOutcome], None], clock: Clock, venue_clock: VenueClock
    ) -> None:
        self._calls = calls
        self._look_at_key = look_at_key
        self._clock = clock
        self._venue_clock = venue_clock
        self.barred_by: Callable[[], str | None] = lambda: None
        """Says in words why no new order may be sent now; None when it may."""

    async def submit(self, order: Order, work: Callable[[SubmitCall], Coroutine[Any, Any, Reports]]) -> Reports:
        """Do the work, once, unless the order's deadline has passed."""
        if order.send_before_ms is not None and self._clock.now_ms() > order.send_before_ms:
            return [self._not_sent(order, NotSent(NotSentCause.DEADLINE))]

        async def work_unless_barred(call: SubmitCall) -> Reports:
            if (cause := self.barred_by()) is not None:
                return [self._rejected(order, RejectReason.OTHER, cause)]
            return await work(call)

        return await self._calls.submit(order, work_unless_barred)

    def not_tradable(self, order: Order) -> Reports:
        """The venue does not list the instrument, or the account cannot trade it."""
        return [self._rejected(order, RejectReason.INSTRUMENT_NOT_TRADABLE)]

    def leave_by_ms(self, order: Order) -> int:
        """Return the monotonic instant by which an order has to leave: its deadline, or `REPLY_MS_MAX` from now."""
        latest_ms = max(self._clock.now_ms(), order.updated_at_ms)  # our wall clock may have been set back
        left_ms = REPLY_MS_MAX if order.send_before_ms is None else order.send_before_ms - latest_ms
        return self._clock.monotonic_ms() + left_ms

    async def settled(
        self, order: Order, asking: Awaitable[Outcome], read: Callable[[Order, Answered], Reports | ReplyOutcome]
    ) -> Reports:
        """Ask the venue to take an order in, and return what is reported of it. `asking` raises `CadenzaError` when the
        venue has no such orders, before anything is sent. `read` returns the reports of an order that the venue took
        in, or what another answer proves; it raises `UnreadablePayload` when the answer does not say."""
        try:
            outcome = await asking
        except CadenzaError as error:
            return [self._rejected(order, RejectReason.INVALID_ORDER, str(error))]
        if isinstance(outcome, NotSent):
            return [self._not_sent(order, outcome)]
        if not isinstance(outcome, Answered):
            return [unknown_outcome(order, self._clock.now_ms(), outcome)]
        try:
            found = read(order, outcome)
        except UnreadablePayload as error:
            return [unknown_outcome(order, self._clock.now_ms(), outcome, str(error))]
        if not isinstance(found, ReplyOutcome):
            return found
        self._look_at_key(found)
        is_proved = found.verdict is not ReplyVerdict.UNKNOWN
        at_ms = self._venue_clock.earliest_ms() if is_proved else self._clock.now_ms()
        return [submit_report(found, order, at_ms)]

    # Helpers

    def _not_sent(self, order: Order, outcome: NotSent) -> Report:
        return not_sent_report(order, why_not_sent(outcome), self._clock.now_ms())

    def _rejected(self, order: Order, reason: RejectReason, text: str = "") -> Report:
        """The venue has no such orders, so nothing was sent."""
        at_ms = self._venue_clock.earliest_ms()
        return RejectedReport(**names_of(order), at_ms=at_ms, reason=reason_text(reason, text))
