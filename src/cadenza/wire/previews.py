"""The dry run of a submit, which the platform adds to the interface."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.orders.preview import OrderPreview, PreviewOutcome
from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor
from cadenza.domain.money import to_plain
from cadenza.wire import enums as e
from cadenza.wire.base import DateTime, DecimalText, Instant, InstrumentIdText, Response
from cadenza.wire.envelope import Success
from cadenza.wire.operation import post
from cadenza.wire.orders import SubmitTradeOrderRequest
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.values import optional, optional_plain, optional_rfc3339
from cadenza.wire.venues import VenueOut


class OrderLock(Response, kw_only=True, frozen=True):
    """What an order would lock of the account's balance."""

    asset: str
    quantity: DecimalText
    fee: Annotated[DecimalText, Meta(description="The part for the taker fee; 0 where the proceeds pay it")]


class TradeOrderPreview(Response, kw_only=True, frozen=True):
    """What a submit would do. Nothing was recorded, and the venue was not asked. SEND: the order would be sent at once.
    HOLD: the platform would hold it until its trigger is reached. REJECT: it would be recorded as REJECTED. REPEAT: the
    request has created an order before, which a submit would answer."""

    outcome: e.PreviewOutcomeOut
    trade_order_id: Annotated[UUID, Meta(description="The existing order; only with REPEAT")] | UnsetType = UNSET
    status: Annotated[e.OrderStatusOut, Meta(description="As the order would be recorded; with REPEAT, as it is")]
    reject_reason: str | UnsetType = UNSET
    trading_account_id: UUID
    venue: VenueOut
    instrument_id: InstrumentIdText
    order_side: e.SideOut
    order_type: e.OrderTypeOut
    sent_type: Annotated[e.OrderTypeOut, Meta(description="The type that the venue gets")]
    time_in_force: Annotated[e.TimeInForceOut, Meta(description="The effective one")]
    support: (
        Annotated[e.SupportOut, Meta(description="EMULATED: the platform does what the venue cannot")] | UnsetType
    ) = UNSET
    quantity: Annotated[DecimalText, Meta(description="As in the request")]
    order_quantity_type: e.QuantityTypeOut
    quantity_rounding: Annotated[e.RoundingOut, Meta(description="Absent when nothing is rounded")] | UnsetType = UNSET
    order_quantity: Annotated[DecimalText, Meta(description="In units of the instrument, rounded to its lots")]
    limit_price: DecimalText | UnsetType = UNSET
    stop_price: DecimalText | UnsetType = UNSET
    position_id: UUID | UnsetType = UNSET
    leverage: int | UnsetType = UNSET
    expire_at: Instant | UnsetType = UNSET
    expire_at_date_time: DateTime | UnsetType = UNSET
    lock: Annotated[OrderLock, Meta(description="Absent where the venue checks the funds")] | UnsetType = UNSET


def trade_order_preview(preview: OrderPreview) -> TradeOrderPreview:
    order, lock = preview.order, preview.lock
    return TradeOrderPreview(
        outcome=e.PREVIEW_OUTCOME.write(preview.outcome),
        trade_order_id=order.id if preview.outcome is PreviewOutcome.REPEAT else UNSET,
        status=e.ORDER_STATUS.write(order.status),
        reject_reason=UNSET if order.reject_reason is None else order.reject_reason,
        trading_account_id=order.account_id,
        venue=str(order.venue_id),
        instrument_id=order.instrument_id,
        order_side=e.SIDE.write(order.side),
        order_type=e.ORDER_TYPE.write(order.type),
        sent_type=e.ORDER_TYPE.write(preview.sent_type),
        time_in_force=e.TIME_IN_FORCE.write(order.time_in_force),
        support=UNSET if preview.support is None else e.SUPPORT.write(preview.support),
        quantity=to_plain(order.asked_quantity),
        order_quantity_type=e.QUANTITY_TYPE.write(order.quantity_type),
        quantity_rounding=e.ROUNDING.write(order.rounding) or UNSET,
        order_quantity=to_plain(order.quantity),
        limit_price=optional_plain(order.limit_price),
        stop_price=optional_plain(order.stop_price),
        position_id=UNSET if order.position_id is None else order.position_id,
        leverage=optional(order.leverage),
        expire_at=optional(order.expire_at_ms),
        expire_at_date_time=optional_rfc3339(order.expire_at_ms),
        lock=UNSET
        if lock is None
        else OrderLock(asset=lock.asset, quantity=to_plain(lock.quantity), fee=to_plain(lock.fee)),
    )


async def _preview(use_cases: UseCases, actor: Actor, asked: SubmitTradeOrderRequest) -> Success[TradeOrderPreview]:
    return Success(data=trade_order_preview(await use_cases.preview_order(actor, asked.to_command())))


PREVIEW_ORDER = post(
    "previewTradeOrder",
    "/tradeOrder/preview",
    "Trade Order",
    "Say what a submit of the same body would do, or why it would be refused; nothing is recorded or sent.",
    SubmitTradeOrderRequest,
    TradeOrderPreview,
    lists_details=False,
)

PREVIEW_OPERATIONS = (OwnOperation(PREVIEW_ORDER, "command.trade_order.preview", _preview),)
