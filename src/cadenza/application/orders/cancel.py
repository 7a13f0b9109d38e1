"""Cancel an order: record the request, ask the venue, and apply its answer like any report."""

from collections.abc import Sequence
from dataclasses import dataclass

from cadenza.application.orders.apply_report import ReportIntake
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.sending import Sending
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError, InternalError, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.domain.trading.cancel import Cancellation, decide_cancel
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.state import TradingState
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.storage.trading import BatchKeys


@dataclass(frozen=True, slots=True)
class CancelChange:
    """The request to cancel, decided in transaction 1."""

    account_id: TradingAccountId
    order_id: OrderId
    tenant_id: TenantId

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(self.account_id)
        keys.orders.add(self.order_id)

    def decide(self, state: TradingState) -> Cancellation:
        if state.account(self.account_id).tenant_id != self.tenant_id:
            raise TradingAccountNotFound("there is no such trading account")
        return decide_cancel(state, self.account_id, self.order_id)


class CancelOrder:
    """The use case. Idempotent; returns the order as last committed (PENDING_CANCEL while the venue has not answered).

    Raises `OrderAlreadyClosed` with the order in the metadata when it was filled or closed otherwise.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        intake: ReportIntake,
        sessions: Sessions,
        sending: Sending,
        concurrency: Concurrency,
        failpoints: Failpoints,
    ) -> None:
        self._committer = committer
        self._intake = intake
        self._sessions = sessions
        self._sending = sending
        self._concurrency = concurrency
        self._failpoints = failpoints

    async def __call__(self, actor: Actor, account_id: TradingAccountId, order_id: OrderId) -> Order:
        actor.require(Scope.WRITE)
        cancellation = await self._committer.commit(CancelChange(account_id, order_id, actor.tenant_id))
        if not cancellation.must_ask or not self._sessions.is_open(account_id):
            return cancellation.order
        answer: Promise[Order] = self._concurrency.promise()
        self._concurrency.spawn(f"cancel {order_id}", self._ask_venue(cancellation.order, answer))
        return await answer.wait()

    async def _ask_venue(self, order: Order, answer: Promise[Order]) -> None:
        try:
            with self._sending.awaiting_reply(order.id):
                self._failpoints.reach("cancel.before_venue")
                reports = await self._reply(order)
                self._failpoints.reach("cancel.after_venue")
                is_complete = self._sessions.has_reported_all(order.account_id)
                orders = await self._intake.apply(reports, is_complete=is_complete, on_late=answer.fail)
            answer.resolve(orders.get(order.id, order))
        except CadenzaError as error:
            answer.fail(error)
            raise
        finally:
            answer.fail(InternalError("the cancel ended without an answer; look the order up"))

    async def _reply(self, order: Order) -> Sequence[Report]:
        """Return the venue's answer; nothing when it does not come in time or the session was closed meanwhile. The
        request to cancel is on disk then, and the venue is asked again."""
        if not self._sessions.is_open(order.account_id):
            return ()
        session = self._sessions.get(order.account_id)
        reply_ms_max = self._sessions.spec(order.venue_id).reply_ms_max
        return await self._concurrency.within(reply_ms_max, session.cancel(order)) or ()
