"""Submit an order: two group commits and one venue call.

Transaction 1 records the intent, our id at the venue and the instant after which the order is not sent any more. Only
then is the venue called, once. Its answer is a report like any other (transaction 2). If the process dies at any point,
or the answer is lost or late, the venue is asked for the outcome (`orders/inquire.py`). No order is sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.read_order import ReadOrder
from cadenza.application.orders.sending import Sending
from cadenza.application.orders.sent_ids import SentIds
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import (
    CadenzaError,
    InternalError,
    TradingAccountNotFound,
    VenueUnavailable,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OrderId, TenantId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.meaning import as_meant
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import NotSentReport, Report, UnknownOutcomeReport, WithdrawnReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.submit import NewOrderNames, Submission, decide_submit, find_repeated
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.ids import Ids
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.waiters import Waiters

AWAIT_CLOSED_MS_MAX = 1_000
"""`awaitClosed` waits at most this long, then answers with the current state."""

SESSION_WAIT_MS_MAX = 5_000
"""An order of an account whose session is being opened waits for it at most this long before it is recorded, and as
long again before it is sent."""

SENT_IDS_MAX = 5
"""How many `sent_id`s are drawn for one order while other orders have them."""

FIRST_ANSWER_WAIT_MS_MAX = 5_000
"""A repeated request waits at most this long for the first one's answer."""


@dataclass(frozen=True, slots=True)
class SubmitChange:
    """The intent to submit, decided in transaction 1."""

    request: SubmitOrderRequest
    names: NewOrderNames
    tenant_id: TenantId
    instrument: Instrument | CadenzaError
    """The instrument, or the cause for which no new order is taken. A repeated request gets its order in both cases."""

    def name_keys(self, keys: BatchKeys) -> None:
        request = self.request
        keys.accounts.add(request.account_id)
        keys.reserving.add(request.account_id)
        keys.orders.add(self.names.order_id)
        keys.new_orders.add(self.names.order_id)
        keys.new_sent_ids.add((request.account_id, self.names.sent_id))
        if request.client_order_id is not None:
            keys.client_orders.add((request.account_id, request.client_order_id))
        if request.idempotency_key is not None:
            keys.idempotency.add((request.account_id, request.idempotency_key))

    def decide(self, state: TradingState) -> Submission | None:
        if state.account(self.request.account_id).tenant_id != self.tenant_id:
            raise TradingAccountNotFound("there is no such trading account")
        meant = as_meant(self.request)
        # If the order exists, an earlier try of this very request created it, and the request is no repeat.
        if state.order(self.names.order_id) is None:
            repeated = find_repeated(state, meant)
            if repeated is not None:
                return Submission(repeated, is_new=False)
        state.account(self.request.account_id).require_active()
        if isinstance(self.instrument, CadenzaError):
            raise self.instrument
        return decide_submit(state, meant, self.names, self.tenant_id, self.instrument)


class SubmitOrder:
    """The use case. Returns the order as last committed; raises the cause when it is refused before it is sent.

    While the account does not reach its venue, a new order is refused (`VenueUnavailable`), and nothing is recorded.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        intake: ReportIntake,
        sessions: Sessions,
        catalogue: Catalogue,
        sent_ids: SentIds,
        sending: Sending,
        prices: NeedPrices,
        waiters: Waiters,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
        failpoints: Failpoints,
    ) -> None:
        self._committer = committer
        self._intake = intake
        self._sessions = sessions
        self._catalogue = catalogue
        self._sent_ids = sent_ids
        self._sending = sending
        self._prices = prices
        self._waiters = waiters
        self._clock = clock
        self._ids = ids
        self._concurrency = concurrency
        self._failpoints = failpoints
        # The answers of requests under way, for repeated requests; bounded by the requests served at a time.
        self._answers: dict[OrderId, Promise[Order]] = {}

    async def __call__(self, actor: Actor, request: SubmitOrderRequest) -> Order:
        actor.require(Scope.WRITE)
        await self._sessions.wait_for(request.account_id, actor.tenant_id, SESSION_WAIT_MS_MAX)
        instrument = self._tradable(actor, request)
        if isinstance(instrument, Instrument):
            await self._prices.of_order(request)
        order_id = OrderId(self._ids.new())
        watch = self._waiters.watch(order_id)
        answer: Promise[Order] = self._concurrency.promise()
        self._answers[order_id] = answer
        try:
            submission = await self._record(actor, request, order_id, instrument)
        except BaseException:  # also when cancelled: nothing may wait for an order that was not recorded
            self._end(order_id)
            watch.release()
            raise
        if not submission.is_new:
            self._end(order_id)
            watch.release()
            return await self._answer_again(submission.order, await_closed=request.await_closed)
        try:
            # A client that hangs up does not stop the work.
            self._concurrency.spawn(f"submit {order_id}", self._send_and_answer(submission.order, answer))
            order = await answer.wait()
            if request.await_closed and not order.is_closed:
                return await watch.closed_within(AWAIT_CLOSED_MS_MAX) or await self._latest(order)
            return order
        finally:
            watch.release()

    async def _record(
        self, actor: Actor, request: SubmitOrderRequest, order_id: OrderId, instrument: Instrument | CadenzaError
    ) -> Submission:
        """Commit the intent. Nothing was sent while the `sent_id` belongs to another order, so another one is drawn."""
        for _ in range(SENT_IDS_MAX):
            names = NewOrderNames(order_id, await self._sent_ids.of(order_id, request.account_id, instrument))
            self._failpoints.reach("submit.after_id")
            submission = await self._committer.commit(SubmitChange(request, names, actor.tenant_id, instrument))
            if submission is not None:
                return submission
            self._sent_ids.see(request.account_id, names.sent_id)
        raise InternalError(f"{SENT_IDS_MAX} ids in a row belong to other orders; nothing was sent")

    def _tradable(self, actor: Actor, request: SubmitOrderRequest) -> Instrument | CadenzaError:
        """Return the instrument, or the cause for which a new order in it is refused."""
        try:
            instrument = self._catalogue.for_tenant(actor.tenant_id, request.instrument_id)
            actor.require_access(instrument.venue_id)
            self._sessions.connector(instrument.venue_id)
        except CadenzaError as refusal:
            return refusal
        if not self._sessions.takes_orders(request.account_id):
            return VenueUnavailable("the trading account does not reach its venue at the moment; nothing was recorded")
        return instrument

    async def _send_and_answer(self, order: Order, answer: Promise[Order]) -> None:
        try:
            with self._sending.awaiting_reply(order.id):
                orders = await self._send_and_apply(order, answer)
            answer.resolve(orders.get(order.id, order))
        except CadenzaError as error:
            answer.fail(error)
            raise
        finally:
            self._end(order.id)

    async def _send_and_apply(self, order: Order, answer: Promise[Order]) -> Mapping[OrderId, Order]:
        """Call the venue once and commit its answer."""
        reports = await self._call_venue(order)
        self._failpoints.reach("submit.after_venue")
        is_complete = self._sessions.has_reported_all(order.account_id)
        return await self._intake.apply(reports, is_complete=is_complete, on_late=answer.fail)

    async def _call_venue(self, order: Order) -> Sequence[Report]:
        has_to_wait = not self._sessions.takes_orders(order.account_id)
        try:  # its session may have been lost, or opened again, since it was decided
            session = await self._sessions.session_for(order.account_id, order.tenant_id, SESSION_WAIT_MS_MAX)
        except VenueUnavailable:
            return [NotSentReport(**_names(order), at_ms=self._clock.now_ms())]
        if has_to_wait and (withdrawn := await self._latest(order)).status is not OrderStatus.SUBMITTED:
            return [WithdrawnReport(**_names(withdrawn), at_ms=self._clock.now_ms())]
        self._failpoints.reach("submit.before_venue")
        spec = self._sessions.spec(order.venue_id)
        self._sending.begin(order, spec)
        reports = await self._concurrency.within(spec.reply_ms_max, session.submit(order))
        if reports is None:
            self._sending.abandon(order, spec)
            cause = f"no reply within {spec.reply_ms_max} ms"
            return [UnknownOutcomeReport(**_names(order), at_ms=self._clock.now_ms(), cause=cause)]
        return reports

    def _end(self, order_id: OrderId) -> None:
        """End the request. An answer that was given before stays."""
        self._answers.pop(order_id).fail(InternalError("the request ended without an answer; look the order up"))

    async def _answer_again(self, order: Order, *, await_closed: bool) -> Order:
        """Answer a repeated request. It may wait for the close, as the first one may."""
        order = await self._first_answer(order)
        if not await_closed or order.is_closed:
            return order
        watch = self._waiters.watch(order.id)
        try:
            order = await self._latest(order)  # it may have closed before it was watched
            if order.is_closed:
                return order
            return await watch.closed_within(AWAIT_CLOSED_MS_MAX) or await self._latest(order)
        finally:
            watch.release()

    async def _first_answer(self, order: Order) -> Order:
        """Wait for the first request if it is under way, so that the repeated one gets the same answer."""
        answer = self._answers.get(order.id)
        if answer is None:
            return order
        return await answer.wait_for(FIRST_ANSWER_WAIT_MS_MAX) or order

    async def _latest(self, order: Order) -> Order:
        """Return the order as last committed."""
        return (await self._committer.commit(ReadOrder(order.account_id, order.id))) or order


def _names(order: Order) -> dict[str, Any]:
    """How a report of our own names the order."""
    return {"account_id": order.account_id, "instrument_id": order.instrument_id, "order_id": order.id}
