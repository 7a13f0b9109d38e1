"""Submit an order: two group commits and one venue call.

Transaction 1 records the intent; only then is the venue called, once; its answer is a report that goes the way of all
reports (transaction 2). If the process dies anywhere, or the answer is lost or does not come in time, `reconcile` asks
the venue. Nothing is ever sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.apply_report import ApplyReports
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.in_flight import VENUE_REPLY_MS_MAX, InFlight
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import (
    CadenzaError,
    DuplicateClientOrderId,
    IdempotencyKeyReused,
    TradingAccountNotFound,
    VenueUnavailable,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.domain.market.enums import TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.checks import effective_time_in_force
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import CancelReason, OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CanceledReport, RejectedReport, Report, UnknownOutcomeReport
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.submit import Submission, decide_submit, find_repeated
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.ids import Ids
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.waiters import Waiters

AWAIT_CLOSED_MS_MAX = 1_000
"""`awaitClosed` waits at most this long, then answers with the state as it is."""

SESSION_WAIT_MS_MAX = 5_000
"""An order of an account whose session is just being opened waits at most this long for it before it is recorded, and
again before it is sent."""

IN_FLIGHT_WAIT_MS_MAX = 5_000
"""A repeated request waits at most this long for the first one's answer."""


@dataclass(frozen=True, slots=True)
class SubmitChange:
    """The intent to submit, decided in transaction 1."""

    request: SubmitOrderRequest
    order_id: OrderId
    tenant_id: TenantId
    instrument: Instrument | CadenzaError
    """Or why the tenant may not trade it, which counts for a new order only: a repeated request gets its order."""

    def name_keys(self, keys: BatchKeys) -> None:
        request = self.request
        keys.accounts.add(request.account_id)
        keys.reserving.add(request.account_id)
        keys.orders.add(self.order_id)
        keys.new_orders.add(self.order_id)
        if request.client_order_id is not None:
            keys.client_orders.add((request.account_id, request.client_order_id))
        if request.idempotency_key is not None:
            keys.idempotency.add((request.account_id, request.idempotency_key))

    def decide(self, state: TradingState) -> Submission:
        if state.account(self.request.account_id).tenant_id != self.tenant_id:
            raise TradingAccountNotFound("there is no such trading account")
        meant = _as_meant(self.request)
        if state.order(self.order_id) is None:  # else an earlier try made it, and it is no repeat
            repeated = _find_repeated(state, meant, self.request)
            if repeated is not None:
                return Submission(repeated, is_new=False)
        if isinstance(self.instrument, CadenzaError):
            raise self.instrument
        return decide_submit(state, meant, self.order_id, self.tenant_id, self.instrument)


class SubmitOrder:
    """The use case. Returns the order as last committed; raises the cause when it is refused before it is sent."""

    def __init__(
        self,
        *,
        committer: Committer,
        sessions: Sessions,
        catalogue: Catalogue,
        waiters: Waiters,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
        in_flight: InFlight,
        failpoints: Failpoints,
    ) -> None:
        self._committer = committer
        self._sessions = sessions
        self._catalogue = catalogue
        self._waiters = waiters
        self._clock = clock
        self._ids = ids
        self._concurrency = concurrency
        self._in_flight = in_flight
        self._failpoints = failpoints

    async def __call__(self, actor: Actor, request: SubmitOrderRequest) -> Order:
        actor.require(Scope.WRITE)
        await self._sessions.wait_for(request.account_id, actor.tenant_id, SESSION_WAIT_MS_MAX)
        instrument = self._tradable(actor, request)
        order_id = OrderId(self._ids.new())
        watch = self._waiters.watch(order_id)
        answer = self._in_flight.begin(order_id)
        try:
            submission = await self._committer.commit(SubmitChange(request, order_id, actor.tenant_id, instrument))
        except BaseException:
            self._in_flight.end(order_id)
            watch.release()
            raise
        if not submission.is_new:
            self._in_flight.end(order_id)
            watch.release()
            return await self._answer_again(submission.order, await_closed=request.await_closed)
        try:
            # The work goes on when the client hangs up.
            self._concurrency.spawn(f"submit {order_id}", self._send_and_apply(submission.order, answer))
            order = await answer.wait()
            if request.await_closed and not order.is_closed:
                return await watch.closed_within(AWAIT_CLOSED_MS_MAX) or await self._latest(order)
            return order
        finally:
            watch.release()

    def _tradable(self, actor: Actor, request: SubmitOrderRequest) -> Instrument | CadenzaError:
        """Return the instrument, or why a new order in it is refused."""
        try:
            instrument = self._catalogue.for_tenant(actor.tenant_id, request.instrument_id)
            actor.require_access(instrument.venue_id)
        except CadenzaError as refusal:
            return refusal
        return instrument

    async def _send_and_apply(self, order: Order, answer: Promise[Order]) -> None:
        """Call the venue once and commit what it says."""
        try:
            reports = await self._call_venue(order)
            self._failpoints.reach("submit.after_venue")
            tells_all = self._sessions.has_told_all(order.account_id)
            orders = await self._committer.commit_report(ApplyReports(reports, tells_all), answer.fail)
            answer.resolve(orders.get(order.id, order))
        except CadenzaError as error:
            answer.fail(error)
            raise
        finally:
            self._in_flight.end(order.id)

    async def _call_venue(self, order: Order) -> Sequence[Report]:
        has_to_wait = not self._sessions.takes_orders(order.account_id)
        try:  # its session may be opened anew since it was decided
            session = await self._sessions.session_for(order.account_id, order.tenant_id, SESSION_WAIT_MS_MAX)
        except VenueUnavailable:
            return [_not_sent(order, self._clock.now_ms())]
        if has_to_wait and (withdrawn := await self._latest(order)).status is not OrderStatus.SUBMITTED:
            return [_withdrawn(withdrawn, self._clock.now_ms())]
        self._failpoints.reach("submit.before_venue")
        reports = await self._concurrency.within(VENUE_REPLY_MS_MAX, session.submit(order))
        return [_not_answered(order)] if reports is None else reports

    async def _answer_again(self, order: Order, *, await_closed: bool) -> Order:
        """Answer a repeated request, which may wait for the close as the first one may."""
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
        """A repeated request is answered as the first one: when that is under way, after it."""
        answer = self._in_flight.answer_of(order.id)
        if answer is None:
            return order
        return await answer.wait_for(IN_FLIGHT_WAIT_MS_MAX) or order

    async def _latest(self, order: Order) -> Order:
        """Return the order as last committed."""
        return (await self._committer.commit(ReadOrder(order.account_id, order.id))) or order


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """A change that changes nothing: read an order behind everything that waits before it."""

    account_id: TradingAccountId
    order_id: OrderId

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.add(self.order_id)

    def decide(self, state: TradingState) -> Order | None:
        return state.order(self.order_id)


def _as_meant(request: SubmitOrderRequest) -> SubmitOrderRequest:
    """Leave out a time in force that says what leaving it out says, so that both have one fingerprint."""
    if request.time_in_force is None:
        return request
    unsaid = replace(request, time_in_force=None)
    # A MARKET order is IOC, and takes GTC for it.
    return unsaid if request.time_in_force in (effective_time_in_force(unsaid), TimeInForce.GTC) else request


def _find_repeated(state: TradingState, meant: SubmitOrderRequest, asked: SubmitOrderRequest) -> Order | None:
    """As `find_repeated`. Orders of older versions have the fingerprint of the words, so these are compared too."""
    try:
        return find_repeated(state, meant)
    except (IdempotencyKeyReused, DuplicateClientOrderId):
        return find_repeated(state, asked)


def _not_answered(order: Order) -> UnknownOutcomeReport:
    """Of the time since the order was recorded nothing is known."""
    return UnknownOutcomeReport(
        account_id=order.account_id,
        order_id=order.id,
        venue_order_id=None,
        at_ms=order.updated_at_ms,
        cause=f"no reply within {VENUE_REPLY_MS_MAX} ms",
    )


def _withdrawn(order: Order, at_ms: int) -> CanceledReport:
    """It was cancelled while it waited to be sent. No byte left, so none does."""
    return CanceledReport(
        account_id=order.account_id, order_id=order.id, venue_order_id=None, at_ms=at_ms, reason=CancelReason.USER
    )


def _not_sent(order: Order, at_ms: int) -> RejectedReport:
    """No byte left: this is proof, and the order is closed by it."""
    return RejectedReport(
        account_id=order.account_id,
        order_id=order.id,
        venue_order_id=None,
        at_ms=at_ms,
        reason=RejectReason.NOT_SENT.value,
    )
