"""Orders and executions."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cadenza.application.orders.list import OrderQuery
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.ids import InstrumentId, OrderId, PositionId, QuoteId, TradingAccountId
from cadenza.domain.money import to_plain
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.execution import Execution, Fee
from cadenza.domain.trading.order import Order
from cadenza.wire import enums as e
from cadenza.wire.base import (
    PAGE_ITEMS_DEFAULT,
    Cursor,
    DateTime,
    DecimalIn,
    DecimalText,
    Instant,
    InstrumentIdText,
    KeyOrEmpty,
    Limit,
    Offset,
    Query,
    Request,
    Response,
    absent_when_empty,
)
from cadenza.wire.values import decimal_of, optional, optional_decimal_of, optional_plain, optional_rfc3339, rfc3339
from cadenza.wire.venues import VenueOut


class SubmitTradeOrderRequest(Request, kw_only=True, frozen=True):
    """A new order. `idempotencyKey` (else `clientOrderId`) makes repeating safe: a repeated request answers the same
    order."""

    trading_account_id: UUID
    instrument_id: InstrumentIdText
    idempotency_key: (
        Annotated[KeyOrEmpty, Meta(description="Repeating a request under its key answers the same order")] | None
    ) = None
    client_order_id: (
        Annotated[KeyOrEmpty, Meta(description="Unique in the account; the idempotency key when none is given")] | None
    ) = None
    order_side: e.SideIn
    order_type: e.OrderTypeIn
    limit_price: DecimalIn | None = None
    stop_price: Annotated[DecimalIn, Meta(description="The trigger; for TRAILING_STOP it sets the distance")] | None = (
        None
    )
    quantity: DecimalIn
    quantity_type: e.QuantityTypeIn | None = None
    quantity_rounding: Annotated[
        e.RoundingIn, Meta(description='To multiples of the lot size; `""` rounds nothing')
    ] = ""
    position_id: UUID | None = None
    time_in_force: e.TimeInForceIn | None = None
    expire_at: (
        Annotated[Instant, Meta(description="In ms since the epoch. Needed by GTD and refused with any other")] | None
    ) = None
    quote_id: Annotated[UUID, Meta(description="Needed by QUOTED")] | None = None
    leverage: Annotated[int, Meta(ge=0, le=1000, description="0 means not given")] | None = None
    await_closed: Annotated[bool, Meta(description="Wait up to 1 s for a closed state before answering")] = False

    def __post_init__(self) -> None:
        if self.idempotency_key == "" or self.client_order_id == "":
            absent_when_empty(self, "idempotency_key", "client_order_id")

    def to_command(self) -> SubmitOrderRequest:
        return SubmitOrderRequest(
            account_id=TradingAccountId(self.trading_account_id),
            instrument_id=InstrumentId(self.instrument_id),
            side=e.SIDE.read("orderSide", self.order_side),
            type=e.ORDER_TYPE.read("orderType", self.order_type),
            quantity=decimal_of("quantity", self.quantity),
            quantity_type=e.QUANTITY_TYPE.read_optional("quantityType", self.quantity_type) or QuantityType.BASE,
            rounding=e.ROUNDING.read("quantityRounding", self.quantity_rounding),
            limit_price=optional_decimal_of("limitPrice", self.limit_price),
            stop_price=optional_decimal_of("stopPrice", self.stop_price),
            position_id=None if self.position_id is None else PositionId(self.position_id),
            quote_id=None if self.quote_id is None else QuoteId(self.quote_id),
            time_in_force=e.TIME_IN_FORCE.read_optional("timeInForce", self.time_in_force),
            expire_at_ms=self.expire_at,
            leverage=self.leverage or None,
            client_order_id=self.client_order_id,
            idempotency_key=self.idempotency_key,
            await_closed=self.await_closed,
        )


class CancelTradeOrderRequest(Request, kw_only=True, frozen=True):
    """An order to cancel. Repeating is safe."""

    trading_account_id: UUID
    trade_order_id: UUID


class ListTradeOrdersQuery(Query, kw_only=True, frozen=True):
    trade_order_id: UUID | None = None
    order_status: e.OrderStatusesIn | None = None
    is_open: Annotated[bool, Meta(description="true: only open orders; false: only closed ones")] | None = (
        msgspec.field(default=None, name="open")
    )
    trading_account_id: UUID | None = None
    instrument_id: InstrumentIdText | None = None
    order_side: e.SideIn | None = None
    order_type: e.OrderTypeFilter | None = None
    client_order_id: KeyOrEmpty | None = None
    idempotency_key: KeyOrEmpty | None = None
    start_time: Annotated[Instant, Meta(description="`createdAt` is at or after it")] | None = None
    end_time: Annotated[Instant, Meta(description="`createdAt` is before it")] | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0
    cursor: Cursor | None = None
    ascending: Annotated[bool, Meta(description="Oldest first")] = False

    def to_query(self) -> OrderQuery:
        check_range(self.start_time, self.end_time)
        return OrderQuery(
            order_id=None if self.trade_order_id is None else OrderId(self.trade_order_id),
            statuses=e.ORDER_STATUS.read_several("orderStatus", self.order_status),
            is_open=self.is_open,
            account_id=None if self.trading_account_id is None else TradingAccountId(self.trading_account_id),
            instrument_id=None if self.instrument_id is None else InstrumentId(self.instrument_id),
            side=e.SIDE.read_optional("orderSide", self.order_side),
            type=e.ORDER_TYPE.read_optional("orderType", self.order_type),
            client_order_id=self.client_order_id or None,
            idempotency_key=self.idempotency_key or None,
            start_ms=self.start_time,
            end_ms=self.end_time,
            limit=self.limit,
            offset=self.offset,
            cursor=self.cursor,
            ascending=self.ascending,
        )


def check_range(start_ms: int | None, end_ms: int | None) -> None:
    """Raise `InvalidRequest` when the range ends before it starts. An empty range (start = end) is allowed."""
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise InvalidRequest("startTime is after endTime", {"field": "startTime"})


class SecurityQuantity(Response, kw_only=True, frozen=True):
    """An amount of an asset; a negative fee is a rebate."""

    security: Annotated[str, Meta(examples=["PAPER:USDT"])]
    asset: Annotated[str, Meta(examples=["USDT"])]
    venue: VenueOut
    quantity: DecimalText


_COST = (
    "Price times quantity, exact; of an inverse contract quantity / price, in the asset that it is settled in, "
    "half-even at the 18th decimal"
)
_AVERAGE = "Average price of the executions; of an inverse contract their harmonic mean"


class TradeExecution(Response, kw_only=True, frozen=True):
    """One fill."""

    execution_id: UUID
    external_trade_id: str
    venue: VenueOut
    instrument_id: InstrumentIdText
    order_side: e.SideOut
    executed_quantity: DecimalText
    executed_price: DecimalText
    executed_cost: Annotated[DecimalText, Meta(description=_COST)]
    fees: list[SecurityQuantity]
    executed_at: Instant
    executed_at_date_time: DateTime


class TradeOrder(Response, kw_only=True, frozen=True):
    """An order as last committed. `quantity` and `orderQuantityType` are those of the request."""

    trade_order_id: UUID
    trading_account_id: UUID
    venue: VenueOut
    position_id: UUID | UnsetType = UNSET
    instrument_id: InstrumentIdText
    quote_id: UUID | UnsetType = UNSET
    base_asset: str
    quote_asset: str
    order_side: e.SideOut
    order_type: e.OrderTypeOut
    time_in_force: e.TimeInForceOut
    status: Annotated[e.OrderStatusOut, Meta(description="SUBMITTED also stands for an outcome that is not known yet")]
    reject_reason: str | UnsetType = UNSET
    cancel_reason: str | UnsetType = UNSET
    limit_price: DecimalText | UnsetType = UNSET
    stop_price: DecimalText | UnsetType = UNSET
    quantity: DecimalText
    order_quantity_type: e.QuantityTypeOut
    quantity_rounding: Annotated[e.RoundingOut, Meta(extra_json_schema={"default": ""})]
    executed_price: Annotated[DecimalText, Meta(description=_AVERAGE)]
    executed_quantity: DecimalText
    executed_cost: Annotated[DecimalText, Meta(description="Sum of the costs of the executions")]
    fees: Annotated[list[SecurityQuantity], Meta(description="Summed per asset")]
    executions: Annotated[list[TradeExecution], Meta(description="By time")]
    created_at: Instant
    created_at_date_time: DateTime
    updated_at: Instant
    updated_at_date_time: DateTime
    expire_at: Instant | UnsetType = UNSET
    expire_at_date_time: DateTime | UnsetType = UNSET
    canceled_at: Instant | UnsetType = UNSET
    canceled_at_date_time: DateTime | UnsetType = UNSET


def _fees(fees: tuple[Fee, ...], venue: str) -> list[SecurityQuantity]:
    return [
        SecurityQuantity(security=f"{venue}:{fee.asset}", asset=fee.asset, venue=venue, quantity=to_plain(fee.quantity))
        for fee in fees
    ]


def trade_execution(execution: Execution) -> TradeExecution:
    venue = str(execution.venue_id)
    return TradeExecution(
        execution_id=execution.id,
        external_trade_id=execution.trade_id,
        venue=venue,
        instrument_id=execution.instrument_id,
        order_side=e.SIDE.write(execution.side),
        executed_quantity=to_plain(execution.quantity),
        executed_price=to_plain(execution.price),
        executed_cost=to_plain(execution.cost),
        fees=_fees(execution.fees, venue),
        executed_at=execution.executed_at_ms,
        executed_at_date_time=rfc3339(execution.executed_at_ms),
    )


def trade_order(order: Order) -> TradeOrder:
    venue = str(order.venue_id)
    return TradeOrder(
        trade_order_id=order.id,
        trading_account_id=order.account_id,
        venue=venue,
        position_id=UNSET if order.position_id is None else order.position_id,
        instrument_id=order.instrument_id,
        quote_id=UNSET if order.quote_id is None else order.quote_id,
        base_asset=order.base_asset,
        quote_asset=order.quote_asset,
        order_side=e.SIDE.write(order.side),
        order_type=e.ORDER_TYPE.write(order.type),
        time_in_force=e.TIME_IN_FORCE.write(order.time_in_force),
        status=e.ORDER_STATUS.write(order.status),
        reject_reason=UNSET if order.reject_reason is None else order.reject_reason,
        cancel_reason=UNSET if order.cancel_reason is None else order.cancel_reason,
        limit_price=optional_plain(order.limit_price),
        stop_price=optional_plain(order.stop_price),
        quantity=to_plain(order.asked_quantity),
        order_quantity_type=e.QUANTITY_TYPE.write(order.quantity_type),
        quantity_rounding=e.ROUNDING.write(order.rounding),
        executed_price=to_plain(order.executed_price),
        executed_quantity=to_plain(order.executed_quantity),
        executed_cost=to_plain(order.executed_cost),
        fees=_fees(order.fees, venue),
        executions=[trade_execution(execution) for execution in order.executions if not execution.is_busted],
        created_at=order.created_at_ms,
        created_at_date_time=rfc3339(order.created_at_ms),
        updated_at=order.updated_at_ms,
        updated_at_date_time=rfc3339(order.updated_at_ms),
        expire_at=optional(order.expire_at_ms),
        expire_at_date_time=optional_rfc3339(order.expire_at_ms),
        canceled_at=optional(order.closed_at_ms),
        canceled_at_date_time=optional_rfc3339(order.closed_at_ms),
    )
