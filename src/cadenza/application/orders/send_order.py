"""Send an order that was recorded for it: call its venue once, and book the reply like any report.

A new order and a trailing stop that is released both go this way; there is no other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cadenza.application.orders.apply_report import OnLate, ReportIntake
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.halted_accounts import HaltedAccounts
from cadenza.application.orders.read_order import ReadOrder
from cadenza.application.orders.sending import Sending
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.held import as_sent, recorded_to_send_at_ms
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import NotSentReport, Report, UnknownOutcomeReport, WithdrawnReport
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.failpoints import Failpoints

SESSION_WAIT_MS_MAX = 5_000
"""An order of an account whose session is being opened waits for it at most this long before it is recorded, and as
long again before it is sent."""


class SendOrder:
    """Must be called once for each commit that makes an order SUBMITTED, by the process that made it. Nothing calls it
    again after a restart, or while the outcome of the call is unknown. A trailing stop of which it is proved that it
    was not sent is held again, and a later release is a commit of its own."""

    def __init__(
        self,
        *,
        committer: Committer,
        intake: ReportIntake,
        sessions: Sessions,
        sending: Sending,
        halted: HaltedAccounts,
        clock: Clock,
        concurrency: Concurrency,
        failpoints: Failpoints,
    ) -> None:
        self._committer = committer
        self._intake = intake
        self._sessions = sessions
        self._sending = sending
        self._halted = halted
        self._clock = clock
        self._concurrency = concurrency
        self._failpoints = failpoints

    async def __call__(self, order: Order, *, on_late: OnLate | None = None) -> Mapping[OrderId, Order]:
        """Return the orders that the reply was about, as committed. `on_late` as in `ReportIntake.apply`."""
        with self._sending.awaiting_reply(order.id):
            reports = await self._call_venue(order)
            self._failpoints.reach("submit.after_venue")
            is_complete = self._sessions.has_reported_all(order.account_id)
            return await self._intake.apply(reports, is_complete=is_complete, on_late=on_late)

    async def _call_venue(self, order: Order) -> Sequence[Report]:
        has_to_wait = not self._sessions.takes_orders(order.account_id)
        try:  # its session may have been lost, or opened again, since it was decided
            session = await self._sessions.session_for(order.account_id, order.tenant_id, SESSION_WAIT_MS_MAX)
            latest = await self._latest(order) if has_to_wait else order
        except CadenzaError as error:
            return [self._not_sent(order, str(error))]
        if latest.status is not OrderStatus.SUBMITTED or self._halted.withholds(order):
            return [WithdrawnReport(**_names(order), at_ms=self._clock.now_ms())]
        self._failpoints.reach("submit.before_venue")
        spec = self._sessions.spec(order.venue_id)
        self._sending.begin(order, spec)
        reports = await self._concurrency.within(spec.reply_ms_max, session.submit(as_sent(order)))
        if reports is None:
            self._sending.abandon(order, spec)
            cause = f"no reply within {spec.reply_ms_max} ms"
            return [UnknownOutcomeReport(**_names(order), at_ms=self._clock.now_ms(), cause=cause)]
        return reports

    def _not_sent(self, order: Order, cause: str) -> Report:
        recorded_at_ms = recorded_to_send_at_ms(order)
        return NotSentReport(**_names(order), at_ms=self._clock.now_ms(), recorded_at_ms=recorded_at_ms, cause=cause)

    async def _latest(self, order: Order) -> Order:
        return (await self._committer.commit(ReadOrder(order.account_id, order.id))) or order


def _names(order: Order) -> dict[str, Any]:
    """How a report of our own names the order."""
    return {"account_id": order.account_id, "instrument_id": order.instrument_id, "order_id": order.id}
