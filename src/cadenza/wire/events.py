"""The event log of an account, which the platform adds to the interface: what happened, and who caused it."""

from typing import Annotated, assert_never
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.orders.list_events import EventQuery
from cadenza.application.use_cases import UseCases
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.origin import Origin
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.money import to_plain
from cadenza.domain.trading.events import (
    AccountEvent,
    AccountUpdated,
    BalanceCorrected,
    EventKind,
    MassCanceled,
    OrderUpdated,
    PositionCorrected,
)
from cadenza.wire import enums as e
from cadenza.wire.base import (
    PAGE_ITEMS_DEFAULT,
    DateTime,
    DecimalText,
    Instant,
    InstrumentIdText,
    Limit,
    Query,
    Response,
)
from cadenza.wire.brake import RiskLimitsModel, risk_limits
from cadenza.wire.envelope import Listing
from cadenza.wire.operation import get
from cadenza.wire.orders import TradeExecution, check_range, trade_execution
from cadenza.wire.own_operation import OwnOperation, listing_in_slices
from cadenza.wire.values import optional_plain, rfc3339


class ListTradingAccountEventsQuery(Query, kw_only=True, frozen=True):
    trading_account_id: UUID
    trade_order_id: Annotated[UUID, Meta(description="Only events of this order")] | None = None
    kind: e.EventKindIn | None = None
    start_time: Annotated[Instant, Meta(description="`at` is at or after it")] | None = None
    end_time: Annotated[Instant, Meta(description="`at` is before it")] | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Annotated[str, Meta(max_length=512, description="A `pagination.cursor` of an earlier page")] | None = None
    ascending: Annotated[bool, Meta(description="Oldest first")] = False

    def to_query(self) -> EventQuery:
        check_range(self.start_time, self.end_time)
        return EventQuery(
            account_id=TradingAccountId(self.trading_account_id),
            order_id=None if self.trade_order_id is None else OrderId(self.trade_order_id),
            kind=e.EVENT_KIND.read_optional("kind", self.kind),
            start_ms=self.start_time,
            end_ms=self.end_time,
            limit=self.limit,
            cursor=self.cursor or None,
            ascending=self.ascending,
        )


class EventOrigin(Response, kw_only=True, frozen=True):
    """The author of an event. USER: a command of a user. OPERATOR: the command line of the installation. PLATFORM: the
    platform acted by itself. VENUE: the venue reported it. Only a USER has the other fields."""

    kind: e.OriginKindOut
    user_id: UUID | UnsetType = UNSET
    api_key_id: Annotated[UUID, Meta(description="The key that was used; absent after a log-in")] | UnsetType = UNSET
    request_id: (
        Annotated[str, Meta(description="The `X-Request-Id`; of an RPC, connection and command")] | UnsetType
    ) = UNSET
    address: Annotated[str, Meta(description="The client's network address")] | UnsetType = UNSET


class OrderEvent(Response, kw_only=True, frozen=True):
    """An order as it was after the event. Totals are cumulative; `executions` are those that the event added or
    corrected."""

    trade_order_id: UUID
    instrument_id: InstrumentIdText
    order_side: e.SideOut
    order_type: e.OrderTypeOut
    status: e.OrderStatusOut
    reject_reason: str | UnsetType = UNSET
    cancel_reason: str | UnsetType = UNSET
    limit_price: DecimalText | UnsetType = UNSET
    stop_price: DecimalText | UnsetType = UNSET
    order_quantity: Annotated[DecimalText, Meta(description="In units of the instrument, rounded to its lots")]
    executed_quantity: DecimalText
    executed_price: Annotated[DecimalText, Meta(description="Average price of the executions")]
    executions: list[TradeExecution]


class AccountStateEvent(Response, kw_only=True, frozen=True):
    """The account as it was after the event. `tradingState` is the account's own, without its tenant's."""

    status: e.AccountStatusOut
    nickname: str
    trading_state: e.TradingModeOut
    risk_limits: RiskLimitsModel | UnsetType = UNSET


class CorrectionEvent(Response, kw_only=True, frozen=True):
    """The venue's balance or position replaced ours, and no report explains the difference. A value that was not known
    is absent. A position's quantity is signed."""

    asset: Annotated[str, Meta(description="Of a balance")] | UnsetType = UNSET
    instrument_id: Annotated[InstrumentIdText, Meta(description="Of a position")] | UnsetType = UNSET
    position_side: Annotated[e.PositionSideOut, Meta(description="Of a position")] | UnsetType = UNSET
    before: DecimalText | UnsetType = UNSET
    after: DecimalText | UnsetType = UNSET
    cause: Annotated[str, Meta(description="What the venue sent")]


class MassCancelEvent(Response, kw_only=True, frozen=True):
    """All orders of the account that a mass cancel selected are closed."""

    mass_cancel_id: UUID
    statuses: Annotated[dict[str, int], Meta(description="How many orders ended in each status")]


class AccountEventModel(Response, kw_only=True, frozen=True):
    """One event of an account's log. It has `order`, `account`, `correction` or `massCancel`, by its kind."""

    trading_account_id: UUID
    sequence: Annotated[int, Meta(description="Counts the account's events from 1, without a gap")]
    at: Instant
    at_date_time: DateTime
    kind: e.EventKindOut
    by: EventOrigin
    order: OrderEvent | UnsetType = UNSET
    account: AccountStateEvent | UnsetType = UNSET
    correction: CorrectionEvent | UnsetType = UNSET
    mass_cancel: MassCancelEvent | UnsetType = UNSET


def account_event(event: AccountEvent) -> AccountEventModel:
    order: OrderEvent | UnsetType = UNSET
    account: AccountStateEvent | UnsetType = UNSET
    correction: CorrectionEvent | UnsetType = UNSET
    mass_cancel: MassCancelEvent | UnsetType = UNSET
    match event.body:
        case OrderUpdated():
            kind, order = EventKind.ORDER, _order(event.body)
        case AccountUpdated(updated):
            kind, account = EventKind.ACCOUNT, _account(updated)
        case BalanceCorrected():
            kind, correction = EventKind.BALANCE_CORRECTED, _balance(event.body)
        case PositionCorrected():
            kind, correction = EventKind.POSITION_CORRECTED, _position(event.body)
        case MassCanceled():
            kind, mass_cancel = EventKind.MASS_CANCELED, _mass_cancel(event.body)
        case _:
            assert_never(event.body)
    return AccountEventModel(
        trading_account_id=event.account_id,
        sequence=event.sequence,
        at=event.at_ms,
        at_date_time=rfc3339(event.at_ms),
        kind=e.EVENT_KIND.write(kind),
        by=_origin(event.origin),
        order=order,
        account=account,
        correction=correction,
        mass_cancel=mass_cancel,
    )


def _mass_cancel(ended: MassCanceled) -> MassCancelEvent:
    statuses = {e.ORDER_STATUS.write(status): count for status, count in ended.counts.items()}
    return MassCancelEvent(mass_cancel_id=ended.mass_cancel_id, statuses=statuses)


def _origin(origin: Origin) -> EventOrigin:
    return EventOrigin(
        kind=e.ORIGIN_KIND.write(origin.kind),
        user_id=origin.user_id or UNSET,
        api_key_id=origin.key_id or UNSET,
        request_id=origin.request_id or UNSET,
        address=origin.client or UNSET,
    )


def _order(body: OrderUpdated) -> OrderEvent:
    order = body.order
    return OrderEvent(
        trade_order_id=order.id,
        instrument_id=order.instrument_id,
        order_side=e.SIDE.write(order.side),
        order_type=e.ORDER_TYPE.write(order.type),
        status=e.ORDER_STATUS.write(order.status),
        reject_reason=UNSET if order.reject_reason is None else order.reject_reason,
        cancel_reason=UNSET if order.cancel_reason is None else order.cancel_reason,
        limit_price=optional_plain(order.limit_price),
        stop_price=optional_plain(order.stop_price),
        order_quantity=to_plain(order.quantity),
        executed_quantity=to_plain(order.executed_quantity),
        executed_price=to_plain(order.executed_price),
        executions=[trade_execution(execution) for execution in body.executions],
    )


def _account(account: TradingAccount) -> AccountStateEvent:
    risk = account.risk
    return AccountStateEvent(
        status=e.ACCOUNT_STATUS.write(account.status),
        nickname=account.nickname,
        trading_state=e.TRADING_MODE.write(account.trading_mode),
        risk_limits=UNSET if risk is None else risk_limits(account.id, risk.limits),
    )


def _balance(body: BalanceCorrected) -> CorrectionEvent:
    return CorrectionEvent(
        asset=body.asset, before=optional_plain(body.before), after=optional_plain(body.after), cause=body.cause
    )


def _position(body: PositionCorrected) -> CorrectionEvent:
    return CorrectionEvent(
        instrument_id=body.instrument_id,
        position_side=e.POSITION_SIDE.write(body.side),
        before=optional_plain(body.before),
        after=optional_plain(body.after),
        cause=body.cause,
    )


async def _list(use_cases: UseCases, actor: Actor, asked: ListTradingAccountEventsQuery) -> Listing[AccountEventModel]:
    return await listing_in_slices(await use_cases.list_events(actor, asked.to_query()), account_event)


LIST_EVENTS = get(
    "listTradingAccountEvents",
    "/tradingAccount/event/list",
    "Trading Account",
    "List the events of an account, newest first: what happened, and who caused it.",
    list[AccountEventModel],
    query=ListTradingAccountEventsQuery,
    is_paged=True,
    lists_details=False,
)

EVENT_OPERATIONS = (OwnOperation(LIST_EVENTS, "query.trading_account.event.list", _list),)
