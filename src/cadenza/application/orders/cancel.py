"""Cancel an order: record the request, ask the venue, and apply its answer like any report."""

from dataclasses import dataclass

from cadenza.application.orders.committer import Committer
from cadenza.application.orders.held_orders import HeldOrders
from cadenza.application.orders.send_cancel import SendCancel
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.errors import CadenzaError, InternalError, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.domain.trading.cancel import Cancellation, decide_cancel
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.state import TradingState
from cadenza.ports.concurrency import Concurrency, Promise
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
        sessions: Sessions,
        held: HeldOrders,
        send_cancel: SendCancel,
        concurrency: Concurrency,
    ) -> None:
        self._committer = committer
        self._sessions = sessions
        self._held = held
        self._send_cancel = send_cancel
        self._concurrency = concurrency
        # The answers of requests under way: cancels of one order at the same time share one request to the venue.
        self._answers: dict[OrderId, Promise[Order]] = {}

    async def __call__(self, actor: Actor, account_id: TradingAccountId, order_id: OrderId) -> Order:
        actor.require(Scope.WRITE)
        actor.require_account(account_id)
        change = CancelChange(account_id, order_id, actor.tenant_id)
        cancellation = await self._committer.commit(change, actor.origin)
        if not cancellation.must_ask:
            self._held.drop(order_id)
        if not cancellation.must_ask or not self._sessions.is_open(account_id):
            return cancellation.order
        answer = self._answers.get(order_id)
        if answer is None:
            answer = self._answers[order_id] = self._concurrency.promise()
            self._concurrency.spawn(f"cancel {order_id}", self._ask_venue(cancellation.order, answer))
        return await answer.wait()

    async def _ask_venue(self, order: Order, answer: Promise[Order]) -> None:
        """Ask the venue, and answer the request. Without a reply the request to cancel is on disk, and the venue is
        asked again."""
        try:
            orders = await self._send_cancel(order, on_late=answer.fail) or {}
            answer.resolve(orders.get(order.id, order))
        except CadenzaError as error:
            answer.fail(error)
            raise
        finally:
            del self._answers[order.id]
            answer.fail(InternalError("the cancel ended without an answer; look the order up"))
