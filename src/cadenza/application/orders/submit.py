"""Submit an order: two group commits and one venue call.

Transaction 1 records the intent, our id at the venue and the instant after which the order is not sent any more. Only
then is the venue called, once. Its answer is a report like any other (transaction 2). If the process dies at any point,
or the answer is lost or late, the venue is asked for the outcome (`orders/inquire.py`). No order is sent again.
"""

from dataclasses import dataclass

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.held_orders import HELD_ORDERS_PER_ACCOUNT_MAX, HeldOrders
from cadenza.application.orders.read_order import ReadOrder
from cadenza.application.orders.send_order import SendOrder
from cadenza.application.orders.sent_ids import SentIds
from cadenza.application.orders.sessions import Sessions
from cadenza.application.orders.tradable import Tradable
from cadenza.domain.errors import (
    CadenzaError,
    CredentialRejected,
    InternalError,
    RiskNotMeasurable,
    TooManyHeldOrders,
    TradingAccountNotFound,
)
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OrderId, TenantId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.meaning import as_meant
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.submit import NewOrderNames, Submission, decide_submit, find_repeated
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.ids import Ids
from cadenza.ports.storage.trading import BatchKeys
from cadenza.ports.waiters import Waiters

AWAIT_CLOSED_MS_MAX = 1_000
"""`awaitClosed` waits at most this long, then answers with the current state."""

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
        if not isinstance(self.instrument, CredentialRejected):  # that cause says more than the account's status
            state.account(self.request.account_id).require_active()
        if isinstance(self.instrument, CadenzaError):
            raise self.instrument
        return decide_submit(state, meant, self.names, self.tenant_id, self.instrument)


def no_room_for_held() -> TooManyHeldOrders:
    """Return the cause for which an account that holds as many orders as it may is refused one more."""
    return TooManyHeldOrders(f"the account has {HELD_ORDERS_PER_ACCOUNT_MAX} trailing stops that wait")


class SubmitOrder:
    """The use case. Returns the order as last committed; raises the cause when it is refused before it is sent.

    While the account does not reach its venue, a new order is refused, and nothing is recorded: `CredentialRejected`
    where the venue does not accept the account's key, else `VenueUnavailable`.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        sessions: Sessions,
        catalogue: Catalogue,
        sent_ids: SentIds,
        send_order: SendOrder,
        held: HeldOrders,
        prices: NeedPrices,
        waiters: Waiters,
        ids: Ids,
        concurrency: Concurrency,
        failpoints: Failpoints,
    ) -> None:
        self._committer = committer
        self._tradable = Tradable(sessions=sessions, catalogue=catalogue, prices=prices)
        self._sent_ids = sent_ids
        self._send_order = send_order
        self._held = held
        self._waiters = waiters
        self._ids = ids
        self._concurrency = concurrency
        self._failpoints = failpoints
        # The answers of requests under way, for repeated requests; bounded by the requests served at a time.
        self._answers: dict[OrderId, Promise[Order]] = {}

    async def __call__(self, actor: Actor, request: SubmitOrderRequest) -> Order:
        actor.require(Scope.WRITE)
        actor.require_account(request.account_id)
        instrument = await self._tradable.instrument_of(actor, request)
        order_id = OrderId(self._ids.new())
        watch = self._waiters.watch(order_id)
        answer: Promise[Order] = self._concurrency.promise()
        self._answers[order_id] = answer
        try:
            submission = await self._record_if_room(actor, request, order_id, instrument)
        except BaseException:  # also when cancelled: nothing may wait for an order that was not recorded
            self._end(order_id)
            watch.release()
            raise
        order = submission.order
        if not submission.is_new or order.status is not OrderStatus.SUBMITTED:
            answer.resolve(order)
            self._end(order_id)
            watch.release()
            return await self._answer_again(order, await_closed=request.await_closed)
        try:
            # A client that hangs up does not stop the work.
            self._concurrency.spawn(f"submit {order_id}", self._send_and_answer(order, answer))
            order = await answer.wait()
            if request.await_closed and not order.is_closed:
                return await watch.closed_within(AWAIT_CLOSED_MS_MAX) or await self._latest(order)
            return order
        finally:
            watch.release()

    async def _record_if_room(
        self, actor: Actor, request: SubmitOrderRequest, order_id: OrderId, instrument: Instrument | CadenzaError
    ) -> Submission:
        """Commit the intent. An order that the platform holds is followed from then on, if its account has room for
        it."""
        if isinstance(instrument, CadenzaError) or not self._tradable.holds(instrument, request):
            return await self._record(actor, request, order_id, instrument)
        with self._held.entering(request.account_id) as has_room:
            found = instrument if has_room else no_room_for_held()
            submission = await self._record(actor, request, order_id, found)
            self._held.add(submission.order)
            return submission

    async def _record(
        self, actor: Actor, request: SubmitOrderRequest, order_id: OrderId, instrument: Instrument | CadenzaError
    ) -> Submission:
        """Commit the intent. Nothing was sent while the `sent_id` belongs to another order, so another one is drawn."""
        for _ in range(SENT_IDS_MAX):
            names = NewOrderNames(order_id, await self._sent_ids.of(order_id, request.account_id, instrument))
            self._failpoints.reach("submit.after_id")
            change = SubmitChange(request, names, actor.tenant_id, instrument)
            try:
                submission = await self._committer.commit(change, actor.origin)
            except RiskNotMeasurable:  # the account limits what is valued by a price: have it, and decide again
                await self._tradable.have_price(request)
                submission = await self._committer.commit(change, actor.origin)
            if submission is not None:
                return submission
            self._sent_ids.see(request.account_id, names.sent_id)
        raise InternalError(f"{SENT_IDS_MAX} ids in a row belong to other orders; nothing was sent")

    async def _send_and_answer(self, order: Order, answer: Promise[Order]) -> None:
        try:
            orders = await self._send_order(order, on_late=answer.fail)
            answer.resolve(orders.get(order.id, order))
        except CadenzaError as error:
            answer.fail(error)
            raise
        finally:
            self._end(order.id)

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
