"""The brake: mass cancels, trading states, risk limits, dead-man's switches."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.brake.mass_cancel import MassCancelView
from cadenza.application.brake.trading_modes import TradingModes
from cadenza.application.use_cases import UseCases
from cadenza.domain.accounts.dead_mans_switch import DeadMansSwitch
from cadenza.domain.accounts.risk_limits import ORDERS_PER_SECOND_MAX, QUANTITY_LIMITS_MAX, RiskLimits
from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, MassCancelId, TradingAccountId
from cadenza.domain.money import ONE, ZERO, to_plain
from cadenza.domain.trading.order import Order
from cadenza.wire import enums as e
from cadenza.wire.base import (
    IDS_MAX,
    PAGE_ITEMS_DEFAULT,
    DateTime,
    DecimalIn,
    DecimalText,
    Instant,
    InstrumentIdText,
    Limit,
    Offset,
    Query,
    Request,
    Response,
)
from cadenza.wire.envelope import Success
from cadenza.wire.operation import get, post
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.values import decimal_of, optional, optional_plain, optional_rfc3339, rfc3339

_BRAKE = "Brake"
PERIOD_S_MAX = 86_400

Currency = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9_.-]*$")]


# --- mass cancels


class MassCancelRequest(Request, kw_only=True, frozen=True):
    """Which open orders to cancel; what is left out selects all."""

    trading_account_id: UUID | None = None
    instrument_id: InstrumentIdText | None = None
    order_side: e.SideIn | None = None


class GetMassCancelQuery(Query, kw_only=True, frozen=True):
    """Which mass cancel, and which page of its orders."""

    mass_cancel_id: UUID | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    offset: Offset = 0


class MassCanceledOrder(Response, kw_only=True, frozen=True):
    """One order of a mass cancel, as it is now."""

    trade_order_id: UUID
    trading_account_id: UUID
    instrument_id: InstrumentIdText
    order_status: e.OrderStatusOut
    executed_quantity: DecimalText


class MassCancelModel(Response, kw_only=True, frozen=True):
    """A mass cancel and what became of its orders until now. It has finished when all of them are closed."""

    mass_cancel_id: UUID
    requested_at: Instant
    requested_at_date_time: DateTime
    finished_at: Instant | UnsetType = UNSET
    finished_at_date_time: DateTime | UnsetType = UNSET
    total: Annotated[int, Meta(description="Orders that it selected")]
    open: Annotated[int, Meta(description="Those that are not closed yet")]
    statuses: Annotated[dict[str, int], Meta(description="How many orders are in each status now")]
    orders: Annotated[list[MassCanceledOrder], Meta(description="A page of them")]


def mass_cancel(view: MassCancelView) -> MassCancelModel:
    asked, outcome = view.mass_cancel, view.outcome
    finished_ms = asked.finished_at_ms
    return MassCancelModel(
        mass_cancel_id=asked.id,
        requested_at=asked.requested_at_ms,
        requested_at_date_time=rfc3339(asked.requested_at_ms),
        finished_at=optional(finished_ms),
        finished_at_date_time=optional_rfc3339(finished_ms),
        total=outcome.total,
        open=outcome.open_count,
        statuses={e.ORDER_STATUS.write(status): count for status, count in outcome.counts.items()},
        orders=[_mass_canceled(order) for order in view.orders],
    )


def _mass_canceled(order: Order) -> MassCanceledOrder:
    return MassCanceledOrder(
        trade_order_id=order.id,
        trading_account_id=order.account_id,
        instrument_id=order.instrument_id,
        order_status=e.ORDER_STATUS.write(order.status),
        executed_quantity=to_plain(order.executed_quantity),
    )


async def _mass_cancel(use_cases: UseCases, actor: Actor, asked: MassCancelRequest) -> Success[MassCancelModel]:
    view = await use_cases.mass_cancel_orders(
        actor,
        account_id=_account(asked.trading_account_id),
        instrument_id=None if asked.instrument_id is None else InstrumentId(asked.instrument_id),
        side=e.SIDE.read_optional("orderSide", asked.order_side),
    )
    return Success(data=mass_cancel(view))


async def _get_mass_cancel(use_cases: UseCases, actor: Actor, asked: GetMassCancelQuery) -> Success[MassCancelModel]:
    if asked.mass_cancel_id is None:
        raise InvalidRequest("massCancelId: needed", {"field": "massCancelId"})
    id = MassCancelId(asked.mass_cancel_id)
    return Success(data=mass_cancel(await use_cases.get_mass_cancel(actor, id, offset=asked.offset, limit=asked.limit)))


# --- trading states


class SetTradingStateRequest(Request, kw_only=True, frozen=True):
    """The trading state of an account, or without one of the whole tenant. ACTIVE takes all orders; REDUCING those that
    only close what the account holds; HALTED none. Halting also cancels what is on its way to a venue; `cancelOpen`
    cancels what rests there too."""

    trading_account_id: UUID | None = None
    trading_state: e.TradingModeIn
    cancel_open: bool = False


class TradingStateQuery(Query, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None


class TradingStateModel(Response, kw_only=True, frozen=True):
    """The trading states that were set; the stricter one counts. `massCancel` says what was canceled."""

    tenant_trading_state: e.TradingModeOut
    trading_account_id: UUID | UnsetType = UNSET
    trading_state: e.TradingModeOut | UnsetType = UNSET
    mass_cancel: MassCancelModel | UnsetType = UNSET


def _trading_state(modes: TradingModes) -> TradingStateModel:
    return TradingStateModel(
        tenant_trading_state=e.TRADING_MODE.write(modes.tenant),
        trading_account_id=UNSET if modes.account_id is None else modes.account_id,
        trading_state=UNSET if modes.account is None else e.TRADING_MODE.write(modes.account),
        mass_cancel=UNSET if modes.mass_cancel is None else mass_cancel(modes.mass_cancel),
    )


async def _set_state(use_cases: UseCases, actor: Actor, asked: SetTradingStateRequest) -> Success[TradingStateModel]:
    mode: TradingMode = e.TRADING_MODE.read("tradingState", asked.trading_state)
    modes = await use_cases.set_trading_mode(
        actor, _account(asked.trading_account_id), mode, cancel_open=asked.cancel_open
    )
    return Success(data=_trading_state(modes))


async def _get_state(use_cases: UseCases, actor: Actor, asked: TradingStateQuery) -> Success[TradingStateModel]:
    return Success(data=_trading_state(await use_cases.get_trading_mode(actor, _account(asked.trading_account_id))))


# --- risk limits


class QuantityLimit(Request, kw_only=True, frozen=True):
    """The largest quantity of one order in an instrument, in its units."""

    instrument_id: InstrumentIdText
    quantity: DecimalIn


class SetRiskLimitsRequest(Request, kw_only=True, frozen=True):
    """The limits of an account's new orders. A call replaces all of them; what is left out is not limited, and nothing
    is when all are left out. Values are in `currency`."""

    trading_account_id: UUID
    currency: Currency = "USDT"
    order_quantity_max: Annotated[tuple[QuantityLimit, ...], Meta(max_length=QUANTITY_LIMITS_MAX)] = ()
    order_value_max: Annotated[DecimalIn, Meta(description="What one order may be worth")] | None = None
    price_collar: (
        Annotated[DecimalIn, Meta(description="How far beyond the best opposite price an order may trade; 0.05 is 5 %")]
        | None
    ) = None
    open_orders_max: Annotated[int, Meta(ge=1, le=1_000_000, description="Open or in flight")] | None = None
    gross_position_max: Annotated[DecimalIn, Meta(description="The sum of all positions")] | None = None
    net_position_max: Annotated[DecimalIn, Meta(description="Each position")] | None = None
    daily_loss_max: (
        Annotated[DecimalIn, Meta(description="How far the equity may fall below that of the day's start (UTC)")] | None
    ) = None
    orders_per_second_max: Annotated[int, Meta(ge=1, le=ORDERS_PER_SECOND_MAX)] | None = None
    excluded_assets: Annotated[tuple[Currency, ...], Meta(max_length=IDS_MAX)] = ()

    def to_limits(self) -> RiskLimits | None:
        """Return the limits; None when nothing is limited. Raises `InvalidRequest`."""
        quantities = {
            InstrumentId(each.instrument_id): _positive("orderQuantityMax", each.quantity)
            for each in self.order_quantity_max
        }
        if len(quantities) < len(self.order_quantity_max):
            raise InvalidRequest("orderQuantityMax: an instrument is given more than once")
        limits = RiskLimits(
            currency=self.currency,
            order_quantity_max=quantities,
            order_value_max=_optional_positive("orderValueMax", self.order_value_max),
            price_collar=_optional_positive("priceCollar", self.price_collar),
            open_orders_max=self.open_orders_max,
            gross_position_max=_optional_positive("grossPositionMax", self.gross_position_max),
            net_position_max=_optional_positive("netPositionMax", self.net_position_max),
            daily_loss_max=_optional_positive("dailyLossMax", self.daily_loss_max),
            orders_per_second_max=self.orders_per_second_max,
            excluded_assets=frozenset(self.excluded_assets),
        )
        if limits.price_collar is not None and limits.price_collar >= ONE:
            raise InvalidRequest("priceCollar: a ratio below 1, such as 0.05 for 5 %", {"field": "priceCollar"})
        return limits if limits.limits_anything else None


class RiskLimitsQuery(Query, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None


class QuantityLimitModel(Response, kw_only=True, frozen=True):
    instrument_id: InstrumentIdText
    quantity: DecimalText


class RiskLimitsModel(Response, kw_only=True, frozen=True):
    """The limits that are set; a field is left out where nothing is limited."""

    trading_account_id: UUID
    currency: Currency | UnsetType = UNSET
    order_quantity_max: list[QuantityLimitModel] | UnsetType = UNSET
    order_value_max: DecimalText | UnsetType = UNSET
    price_collar: DecimalText | UnsetType = UNSET
    open_orders_max: int | UnsetType = UNSET
    gross_position_max: DecimalText | UnsetType = UNSET
    net_position_max: DecimalText | UnsetType = UNSET
    daily_loss_max: DecimalText | UnsetType = UNSET
    orders_per_second_max: int | UnsetType = UNSET
    excluded_assets: list[str] | UnsetType = UNSET


def risk_limits(account_id: TradingAccountId, limits: RiskLimits | None) -> RiskLimitsModel:
    if limits is None:
        return RiskLimitsModel(trading_account_id=account_id)
    quantities = [
        QuantityLimitModel(instrument_id=id, quantity=to_plain(most)) for id, most in limits.order_quantity_max.items()
    ]
    return RiskLimitsModel(
        trading_account_id=account_id,
        currency=limits.currency,
        order_quantity_max=quantities or UNSET,
        order_value_max=optional_plain(limits.order_value_max),
        price_collar=optional_plain(limits.price_collar),
        open_orders_max=optional(limits.open_orders_max),
        gross_position_max=optional_plain(limits.gross_position_max),
        net_position_max=optional_plain(limits.net_position_max),
        daily_loss_max=optional_plain(limits.daily_loss_max),
        orders_per_second_max=optional(limits.orders_per_second_max),
        excluded_assets=sorted(limits.excluded_assets) or UNSET,
    )


async def _set_limits(use_cases: UseCases, actor: Actor, asked: SetRiskLimitsRequest) -> Success[RiskLimitsModel]:
    account_id = TradingAccountId(asked.trading_account_id)
    limits = await use_cases.set_risk_limits(actor, account_id, asked.to_limits())
    return Success(data=risk_limits(account_id, limits))


async def _get_limits(use_cases: UseCases, actor: Actor, asked: RiskLimitsQuery) -> Success[RiskLimitsModel]:
    if asked.trading_account_id is None:
        raise InvalidRequest("tradingAccountId: needed", {"field": "tradingAccountId"})
    account_id = TradingAccountId(asked.trading_account_id)
    return Success(data=risk_limits(account_id, await use_cases.get_risk_limits(actor, account_id)))


# --- dead-man's switches


class ArmDeadMansSwitchRequest(Request, kw_only=True, frozen=True):
    """Cancel all orders of the account, or without one of the whole tenant, unless this is called again in time."""

    trading_account_id: UUID | None = None
    period_seconds: Annotated[int, Meta(ge=1, le=PERIOD_S_MAX, description="Seconds until it fires")]
    restart: Annotated[bool, Meta(description="Arm it again although it has fired")] = False


class DisarmDeadMansSwitchRequest(Request, kw_only=True, frozen=True):
    trading_account_id: UUID | None = None


class DeadMansSwitchModel(Response, kw_only=True, frozen=True):
    """A switch. It fires at `dueAt` unless it is armed again before; `firedAt` is there once it has."""

    trading_account_id: UUID | UnsetType = UNSET
    period_seconds: int
    armed_at: Instant
    armed_at_date_time: DateTime
    due_at: Instant
    due_at_date_time: DateTime
    fired_at: Instant | UnsetType = UNSET
    fired_at_date_time: DateTime | UnsetType = UNSET
    mass_cancel_id: Annotated[UUID, Meta(description="What it canceled")] | UnsetType = UNSET


def dead_mans_switch(switch: DeadMansSwitch) -> DeadMansSwitchModel:
    return DeadMansSwitchModel(
        trading_account_id=UNSET if switch.account_id is None else switch.account_id,
        period_seconds=switch.period_ms // 1000,
        armed_at=switch.armed_at_ms,
        armed_at_date_time=rfc3339(switch.armed_at_ms),
        due_at=switch.due_at_ms,
        due_at_date_time=rfc3339(switch.due_at_ms),
        fired_at=optional(switch.fired_at_ms),
        fired_at_date_time=optional_rfc3339(switch.fired_at_ms),
        mass_cancel_id=UNSET if switch.mass_cancel_id is None else switch.mass_cancel_id,
    )


async def _arm(use_cases: UseCases, actor: Actor, asked: ArmDeadMansSwitchRequest) -> Success[DeadMansSwitchModel]:
    switch = await use_cases.arm_dead_mans_switch(
        actor, _account(asked.trading_account_id), asked.period_seconds * 1000, again=asked.restart
    )
    return Success(data=dead_mans_switch(switch))


class DisarmedModel(Response, kw_only=True, frozen=True):
    """`removed` is the switch as it was, absent when there was none. Look whether it had fired."""

    removed: DeadMansSwitchModel | UnsetType = UNSET


async def _disarm(use_cases: UseCases, actor: Actor, asked: DisarmDeadMansSwitchRequest) -> Success[DisarmedModel]:
    removed = await use_cases.disarm_dead_mans_switch(actor, _account(asked.trading_account_id))
    return Success(data=DisarmedModel(removed=UNSET if removed is None else dead_mans_switch(removed)))


async def _list_switches(use_cases: UseCases, actor: Actor, asked: None) -> Success[list[DeadMansSwitchModel]]:
    return Success(data=[dead_mans_switch(each) for each in await use_cases.list_dead_mans_switches(actor)])


def _account(id: UUID | None) -> TradingAccountId | None:
    return None if id is None else TradingAccountId(id)


def _positive(field: str, text: str) -> Decimal:
    value = decimal_of(field, text)
    if value <= ZERO:
        raise InvalidRequest(f"{field}: must be above 0; leave it out to set no limit", {"field": field})
    return value


def _optional_positive(field: str, text: str | None) -> Decimal | None:
    return None if text is None else _positive(field, text)


MASS_CANCEL = post(
    "massCancelTradeOrders",
    "/tradeOrder/massCancel",
    _BRAKE,
    "Cancel all open orders of the tenant, an account, an instrument, a side; answers what became of each.",
    MassCancelRequest,
    MassCancelModel,
)
GET_MASS_CANCEL = get(
    "getMassCancel",
    "/tradeOrder/massCancel/get",
    _BRAKE,
    "Show what became of a mass cancel.",
    MassCancelModel,
    query=GetMassCancelQuery,
)
SET_TRADING_STATE = post(
    "setTradingState",
    "/tradingState/set",
    _BRAKE,
    "Set which new orders are taken: ACTIVE, REDUCING, HALTED. A stricter state needs the scope `write`, any other "
    "`admin`.",
    SetTradingStateRequest,
    TradingStateModel,
)
GET_TRADING_STATE = get(
    "getTradingState",
    "/tradingState/get",
    _BRAKE,
    "Show which new orders are taken.",
    TradingStateModel,
    query=TradingStateQuery,
)
SET_RISK_LIMITS = post(
    "setRiskLimits",
    "/riskLimit/set",
    _BRAKE,
    "Replace the limits of an account's new orders.",
    SetRiskLimitsRequest,
    RiskLimitsModel,
    scope=Scope.ADMIN,
)
GET_RISK_LIMITS = get(
    "getRiskLimits",
    "/riskLimit/get",
    _BRAKE,
    "Show the limits of an account's new orders.",
    RiskLimitsModel,
    query=RiskLimitsQuery,
)
ARM_DEAD_MANS_SWITCH = post(
    "armDeadMansSwitch",
    "/deadMansSwitch/arm",
    _BRAKE,
    "Cancel all orders unless this is called again within the period.",
    ArmDeadMansSwitchRequest,
    DeadMansSwitchModel,
)
DISARM_DEAD_MANS_SWITCH = post(
    "disarmDeadMansSwitch",
    "/deadMansSwitch/disarm",
    _BRAKE,
    "Remove a dead-man's switch; answers it as it was.",
    DisarmDeadMansSwitchRequest,
    DisarmedModel,
)
LIST_DEAD_MANS_SWITCHES = get(
    "listDeadMansSwitches",
    "/deadMansSwitch/list",
    _BRAKE,
    "List the dead-man's switches.",
    list[DeadMansSwitchModel],
)

BRAKE_OPERATIONS = (
    OwnOperation(MASS_CANCEL, "command.trade_order.mass_cancel", _mass_cancel),
    OwnOperation(GET_MASS_CANCEL, "query.trade_order.mass_cancel", _get_mass_cancel),
    OwnOperation(SET_TRADING_STATE, "command.trading_state.set", _set_state),
    OwnOperation(GET_TRADING_STATE, "query.trading_state.get", _get_state),
    OwnOperation(SET_RISK_LIMITS, "command.risk_limit.set", _set_limits),
    OwnOperation(GET_RISK_LIMITS, "query.risk_limit.get", _get_limits),
    OwnOperation(ARM_DEAD_MANS_SWITCH, "command.dead_mans_switch.arm", _arm),
    OwnOperation(DISARM_DEAD_MANS_SWITCH, "command.dead_mans_switch.disarm", _disarm),
    OwnOperation(LIST_DEAD_MANS_SWITCHES, "query.dead_mans_switch.list", _list_switches),
)
