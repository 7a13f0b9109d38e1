"""From parameters to orders: which parameters each type needs, and which it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import is_multiple
from cadenza.simulators.deribit.market.instruments import SPOT, DeribitInstrument
from cadenza.simulators.deribit.trading.records import MARKET_TYPES, TRIGGER_TYPES
from cadenza.simulators.deribit.wire.errors import invalid_params, quantity_too_low
from cadenza.simulators.deribit.wire.params import MethodParams

PLAIN_TYPES = ("limit", "market", "market_limit")
ORDER_TYPES = (*PLAIN_TYPES, "stop_limit", "stop_market", "take_limit", "take_market", "trailing_stop")
TRAILING = "trailing_stop"
MARKET_LIMIT = "market_limit"
GOOD_TIL_CANCELLED = "good_til_cancelled"
GOOD_TIL_DAY = "good_til_day"
TIMES_IN_FORCE = (GOOD_TIL_CANCELLED, GOOD_TIL_DAY, "fill_or_kill", "immediate_or_cancel")
TRIGGERS = ("index_price", "mark_price", "last_price")
ICEBERG_LOTS_MIN, ICEBERG_PARTS_MAX = 100, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitOrderRequest:
    """An order as a client asks for it, already checked for form."""

    instrument: str
    side: Side
    type: str
    amount: Decimal
    time_in_force: str = GOOD_TIL_CANCELLED
    price: Decimal | None = None
    label: str = ""
    is_post_only: bool = False
    rejects_post_only: bool = False
    is_reduce_only: bool = False
    display: Decimal | None = None
    trigger: str | None = None
    trigger_price: Decimal | None = None
    trigger_offset: Decimal | None = None
    valid_until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """What an edit makes of an order; None leaves a value as it is."""

    amount: Decimal | None
    price: Decimal | None
    is_post_only: bool | None
    rejects_post_only: bool
    is_reduce_only: bool | None
    trigger_price: Decimal | None
    trigger_offset: Decimal | None
    valid_until_ms: int | None


def read_order(params: MethodParams, instrument: DeribitInstrument, side: Side) -> DeribitOrderRequest:
    """Return the order that `private/buy` and `private/sell` ask for, or raise the refusal for its form."""
    type = params.choice("type", ORDER_TYPES) or "limit"
    amount = read_amount(params, instrument)
    if amount is None:
        raise invalid_params("amount", "must be provided")
    time_in_force = params.choice("time_in_force", TIMES_IN_FORCE)
    if time_in_force is not None and (type in MARKET_TYPES or type == MARKET_LIMIT):
        raise invalid_params("time_in_force", f"not supported for {type} orders")
    price = _price(params, instrument, type)
    is_post_only, rejects = params.flag("post_only"), params.flag("reject_post_only")
    _check_post_only(type, time_in_force, is_post_only, rejects)
    trigger, trigger_price, offset = _trigger(params, instrument, type)
    is_reduce_only = params.flag("reduce_only")
    if is_reduce_only and instrument.kind == SPOT:
        raise invalid_params("reduce_only", "not supported for spot")
    _read_what_is_not_supported(params)
    return DeribitOrderRequest(
        instrument=instrument.name,
        side=side,
        type=type,
        amount=amount,
        time_in_force=time_in_force or GOOD_TIL_CANCELLED,
        price=price,
        label=params.label() or "",
        is_post_only=is_post_only,
        rejects_post_only=rejects,
        is_reduce_only=is_reduce_only,
        display=_display(params, instrument, type, amount),
        trigger=trigger,
        trigger_price=trigger_price,
        trigger_offset=offset,
        valid_until_ms=params.integer("valid_until"),
    )


def read_change(params: MethodParams, instrument: DeribitInstrument) -> OrderChange:
    """Return what `private/edit` asks for, or raise the refusal for its form."""
    _read_what_is_not_supported(params)
    if params.has("display_amount"):
        raise invalid_params("display_amount", "this simulator cannot edit the shown part of an iceberg")
    rejects = params.flag("reject_post_only")
    is_post_only = params.flag("post_only") if params.has("post_only") else None
    if rejects and not is_post_only:
        raise invalid_params("reject_post_only", "valid only with post_only")
    return OrderChange(
        amount=read_amount(params, instrument),
        price=_on_tick(instrument, "price", params.number("price")),
        is_post_only=is_post_only,
        rejects_post_only=rejects,
        is_reduce_only=params.flag("reduce_only") if params.has("reduce_only") else None,
        trigger_price=_on_tick(instrument, "trigger_price", params.number("trigger_price")),
        trigger_offset=params.number("trigger_offset"),
        valid_until_ms=params.integer("valid_until"),
    )


def read_amount(params: MethodParams, instrument: DeribitInstrument) -> Decimal | None:
    """Return the amount; `contracts` may stand for it, and must match where both are sent."""
    amount, contracts = params.number("amount"), params.number("contracts")
    if contracts is not None:
        by_contracts = contracts * instrument.contract_size
        if amount is not None and amount != by_contracts:
            raise invalid_params("contracts", "amount and contracts do not match")
        amount = by_contracts
    if amount is None:
        return None
    if amount < instrument.lot:
        raise quantity_too_low()
    if not is_multiple(amount, instrument.lot):
        raise invalid_params("amount", "must be a multiple of contract size")
    return amount


def _price(params: MethodParams, instrument: DeribitInstrument, type: str) -> Decimal | None:
    price = params.number("price")
    if type in MARKET_TYPES or type == MARKET_LIMIT:
        if price is not None:
            raise invalid_params("price", f"not supported for {type} orders")
        return None
    if not price:
        raise invalid_params("price", "must be provided")
    return _on_tick(instrument, "price", price)


def _on_tick(instrument: DeribitInstrument, name: str, price: Decimal | None) -> Decimal | None:
    """The gateway checks the smallest tick; the steps above it are the engine's."""
    if price is not None and not is_multiple(price, instrument.tick):
        raise invalid_params(name, "must conform to tick size")
    return price


def _check_post_only(type: str, time_in_force: str | None, is_post_only: bool, rejects: bool) -> None:
    if rejects and not is_post_only:
        raise invalid_params("reject_post_only", "valid only with post_only")
    if is_post_only and (type in MARKET_TYPES or type == MARKET_LIMIT):
        raise invalid_params("post_only", f"not supported for {type} orders")
    if is_post_only and time_in_force not in (None, GOOD_TIL_CANCELLED):
        raise invalid_params("post_only", f"valid only with time_in_force {GOOD_TIL_CANCELLED}")


def _trigger(
    params: MethodParams, instrument: DeribitInstrument, type: str
) -> tuple[str | None, Decimal | None, Decimal | None]:
    trigger = params.choice("trigger", TRIGGERS)
    price = _on_tick(instrument, "trigger_price", params.number("trigger_price"))
    offset = params.number("trigger_offset")
    if type not in TRIGGER_TYPES:
        for name, value in (("trigger", trigger), ("trigger_price", price), ("trigger_offset", offset)):
            if value is not None:
                raise invalid_params(name, f"not supported for {type} orders")
        return None, None, None
    if instrument.kind == SPOT:
        raise invalid_params("type", "trigger orders are not supported for spot")
    if trigger is None:
        raise invalid_params("trigger", "must be provided")
    needed, value, other = ("trigger_offset", offset, price) if type == TRAILING else ("trigger_price", price, offset)
    if not value:
        raise invalid_params(needed, "must be provided")
    if other is not None:
        name = "trigger_price" if type == TRAILING else "trigger_offset"
        raise invalid_params(name, f"not supported for {type} orders")
    return trigger, price, offset


def _display(params: MethodParams, instrument: DeribitInstrument, type: str, amount: Decimal) -> Decimal | None:
    """Return the shown part of an iceberg: at least 100 lots, and at least one part in 100 of the amount."""
    display = params.number("display_amount")
    if display is None:
        return None
    is_whole = is_multiple(display, instrument.lot) and display <= amount
    is_large = display >= ICEBERG_LOTS_MIN * instrument.lot and amount <= display * ICEBERG_PARTS_MAX
    if type != "limit" or not is_whole or not is_large:
        raise invalid_params("display_amount", "invalid display amount")
    return display if display < amount else None


def _read_what_is_not_supported(params: MethodParams) -> None:
    """Refuse what this simulator lacks: option prices in USD or volatility, market maker protection, linked orders."""
    for name in ("advanced", "linked_order_type", "trigger_fill_condition", "otoco_config"):
        if params.has(name):
            raise invalid_params(name, "this simulator does not support it")
    if params.flag("mmp"):
        raise invalid_params("mmp", "this simulator does not support it")
