"""The dry run of a submit: what would be recorded, locked and sent, or why it would be refused.

The order is decided by the committer, in its turn and on the same rows, by the very decision of a submit. Then the
decision is undone. Nothing is written: no order, no event, no new version of the account. No key, client order id or
`sent_id` is used up. What the venue would answer is not asked.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.orders.committer import Committer
from cadenza.application.orders.held_orders import HeldOrders
from cadenza.application.orders.sessions import Sessions
from cadenza.application.orders.submit import SubmitChange, no_room_for_held
from cadenza.application.orders.tradable import Tradable
from cadenza.domain.errors import CadenzaError, InternalError, RiskNotMeasurable
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import OrderId
from cadenza.domain.market.enums import OrderType
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.held import is_held
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reservation import fee_within
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.submit import NewOrderNames
from cadenza.domain.trading.venue_spec import Support
from cadenza.ports.ids import Ids
from cadenza.ports.storage.trading import BatchKeys


class PreviewOutcome(StrEnum):
    """SEND: the order would be sent at once. HOLD: the platform would hold it until its trigger is reached. REJECT: it
    would be recorded as REJECTED, and not sent. REPEAT: an equal request has created an order, which would be
    answered."""

    SEND = "SEND"
    HOLD = "HOLD"
    REJECT = "REJECT"
    REPEAT = "REPEAT"


@dataclass(frozen=True, slots=True)
class Lock:
    """What an order would lock: a quantity of an asset, of which `fee` is for the taker fee. A fee that is paid from
    the proceeds is not locked."""

    asset: str
    quantity: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPreview:
    """`order` is the order as it would be recorded, under an id that is never used; for REPEAT the existing order.
    `sent_type` is the type that the venue gets, and `support` says whether the platform emulates anything of the order;
    None where the venue takes no such order any more. `lock` is None where the venue checks the funds, and where
    nothing would be locked."""

    outcome: PreviewOutcome
    order: Order
    sent_type: OrderType
    support: Support | None
    lock: Lock | None = None


@dataclass(frozen=True, slots=True)
class PreviewChange:
    """A change that changes nothing: it decides a submit and undoes it."""

    submit: SubmitChange

    def name_keys(self, keys: BatchKeys) -> None:
        self.submit.name_keys(keys)
        keys.needs_fresh = True

    def decide(self, state: TradingState) -> OrderPreview:
        before = state.savepoint()
        submission = self.submit.decide(state)
        if submission is None:
            raise InternalError("the id of a dry run belongs to an order")
        state.roll_back(before)
        order = submission.order
        return _preview(state, order, _outcome(order) if submission.is_new else PreviewOutcome.REPEAT)


class PreviewOrder:
    """The use case. Raises the cause for which a submit of the same request would be refused at this moment."""

    def __init__(
        self,
        *,
        committer: Committer,
        sessions: Sessions,
        catalogue: Catalogue,
        held: HeldOrders,
        prices: NeedPrices,
        ids: Ids,
    ) -> None:
        self._committer = committer
        self._tradable = Tradable(sessions=sessions, catalogue=catalogue, prices=prices)
        self._held = held
        self._ids = ids

    async def __call__(self, actor: Actor, request: SubmitOrderRequest) -> OrderPreview:
        actor.require(Scope.WRITE)
        actor.require_account(request.account_id)
        instrument = await self._tradable.instrument_of(actor, request)
        order_id = OrderId(self._ids.new())
        names = NewOrderNames(order_id, order_id.hex)
        found = self._if_room(request, instrument)
        change = PreviewChange(SubmitChange(request, names, actor.tenant_id, found))
        try:
            return await self._committer.commit(change)
        except RiskNotMeasurable:  # as `submit` does
            await self._tradable.have_price(request)
            return await self._committer.commit(change)

    def _if_room(self, request: SubmitOrderRequest, instrument: Instrument | CadenzaError) -> Instrument | CadenzaError:
        if isinstance(instrument, CadenzaError) or not self._tradable.holds(instrument, request):
            return instrument
        return instrument if self._held.has_room(request.account_id) else no_room_for_held()


def _outcome(order: Order) -> PreviewOutcome:
    if order.is_closed:
        return PreviewOutcome.REJECT
    return PreviewOutcome.HOLD if is_held(order) else PreviewOutcome.SEND


def _preview(state: TradingState, order: Order, outcome: PreviewOutcome) -> OrderPreview:
    account = state.account(order.account_id)
    instrument, spec = state.world.instrument(order.instrument_id), state.spec_of(account)
    is_held_here = instrument is not None and spec.holds(instrument.type, order.type)
    lock = None
    if instrument is not None and order.reservation is not None and outcome is not PreviewOutcome.REPEAT:
        fee = fee_within(order, account, instrument, state)
        lock = Lock(order.reservation.asset, order.reservation.locked, fee)
    return OrderPreview(
        outcome=outcome,
        order=order,
        sent_type=OrderType.MARKET if is_held_here else order.type,
        support=None if instrument is None else spec.support_of(instrument.type, order.type, order.time_in_force),
        lock=lock,
    )
