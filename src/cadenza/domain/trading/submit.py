"""The decision about a new order: idempotency, account, quantity, checks, reservation."""

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.accounts.trading_account import PositionMode, PositionSide, TradingAccount
from cadenza.domain.errors import (
    DuplicateClientOrderId,
    IdempotencyKeyReused,
    InstrumentNotFound,
    InvalidLeverage,
    LotSize,
    NoMarketPrice,
    NoPosition,
    QuoteUnusable,
)
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import OrderId, TenantId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import HUNDRED, ONE, ZERO, Rounding, is_multiple, round_to_step, to_plain
from cadenza.domain.trading.checks import (
    check_price_band,
    check_quantity,
    check_request,
    effective_expiry,
    effective_time_in_force,
    lot_of,
)
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import OrderStatus, QuantityType
from cadenza.domain.trading.order import Expiry, Order, Reservation
from cadenza.domain.trading.position import Position, side_of_fill
from cadenza.domain.trading.reservation import (
    MARKET_PAD,
    divide_down,
    mark_of,
    reference_price,
    reserve,
    target_position,
    walk_quantity,
)
from cadenza.domain.trading.risk import check_limits, check_reducing
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.trailing import hold
from cadenza.domain.trading.unconfirmed import makes_positions
from cadenza.domain.trading.venue_spec import EMULATED_TIMES, CountedSentId, FundsCheck, Support


@dataclass(frozen=True, slots=True)
class NewOrderNames:
    """The order's id and its `sent_id`, our id for the order at the venue (`VenueSpec.sent_id` is the rule)."""

    order_id: OrderId
    sent_id: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The order, and whether this request created it. Only the request that created an order sends it, and only if it
    is SUBMITTED: an order that the platform holds is sent when it is released."""

    order: Order
    is_new: bool


def decide_submit(
    state: TradingState,
    request: SubmitOrderRequest,
    names: NewOrderNames,
    tenant_id: TenantId,
    instrument: Instrument,
) -> Submission | None:
    """Return the order that the request creates, or that an equal request created before; None when another order has
    the `sent_id`, so that other names must be chosen. Raises the cause of a refusal. `names` were chosen before the
    transaction. If an order with this id exists already, an earlier try of this very request was committed although its
    reply was lost, and nothing was sent. The order then still counts as new, unless it has been closed meanwhile as
    never sent."""
    account = state.account(request.account_id)
    known = state.order(names.order_id)
    if known is not None:
        return Submission(known, is_new=known.status is OrderStatus.SUBMITTED and known.trail is None)
    repeated = find_repeated(state, request)
    if repeated is not None:
        return Submission(repeated, is_new=False)
    if state.order_by_sent_id(account.id, names.sent_id) is not None:
        return None
    account.require_active()
    account.require_not_halted()
    if instrument.venue_id != account.venue_id:
        raise InstrumentNotFound(f"{instrument.id} is not traded on {account.venue_id}")
    state.require_traded(account, instrument)
    spec = state.spec_of(account)
    check_request(request, instrument, spec, state.world.now_ms)
    if request.stop_price is None or instrument.type not in spec.banded_by_trigger:
        check_price_band(request.limit_price, request.side, instrument, mark_of(state, instrument.id))
    if request.type is OrderType.QUOTED:
        raise QuoteUnusable("the quote is unknown")
    order = _with_quantity(_draft(request, names, tenant_id, account, instrument, state), account, instrument, state)
    sent_type = OrderType.MARKET if spec.holds(instrument.type, order.type) else order.type
    check_quantity(order.quantity, reference_price(order, state), sent_type, instrument)
    check_reducing(order, account, state)
    check_limits(order, account, instrument, state)
    if spec.holds(instrument.type, order.type):
        order = hold(order, state)
        if order.is_closed:
            state.put_order(order)
            return Submission(order, is_new=True)
    reservation = None
    if spec.funds_check is FundsCheck.HERE:
        reservation = reserve(order, account, instrument, state)
        state.change_balance(account.id, reservation.asset, locked=reservation.remaining)
    order = _recorded(order, reservation, spec.send_within_ms, state.world.now_ms)
    state.put_order(order)
    return Submission(order, is_new=True)


def _recorded(order: Order, reservation: Reservation | None, send_within_ms: int, now_ms: int) -> Order:
    """Return the order as it is recorded: about to be sent, unless the platform holds it."""
    if order.trail is not None:
        return evolve(order, reservation=reservation)
    send_before_ms = now_ms + send_within_ms
    if order.expiry is not None and order.expire_at_ms is not None:
        send_before_ms = min(send_before_ms, order.expire_at_ms)
    return order.submitted(now_ms, send_before_ms, reservation)


def find_repeated(state: TradingState, request: SubmitOrderRequest) -> Order | None:
    """Return the order that an equal request created. Raises when another request used the idempotency key or the
    client order id."""
    account_id, key, client_id = request.account_id, request.idempotency_key, request.client_order_id
    by_key = state.order_by_key(account_id, key) if key is not None else None
    if by_key is not None:
        if by_key.fingerprint == request.fingerprint():
            return by_key
        raise IdempotencyKeyReused("the idempotency key was used by a request with another body")
    by_client = state.order_by_client_id(account_id, client_id) if client_id is not None else None
    if by_client is None:
        return None
    if key is None and by_client.fingerprint == request.fingerprint():
        return by_client
    raise DuplicateClientOrderId(
        f"the client order id {client_id} is taken by order {by_client.id}", {"tradeOrderId": str(by_client.id)}
    )


def _draft(
    request: SubmitOrderRequest,
    names: NewOrderNames,
    tenant_id: TenantId,
    account: TradingAccount,
    instrument: Instrument,
    state: TradingState,
) -> Order:
    time_in_force = effective_time_in_force(request)
    support = state.spec_of(account).support_of(instrument.type, request.type, time_in_force)
    now_ms = state.world.now_ms
    return Order(
        id=names.order_id,
        sent_id=names.sent_id,
        tenant_id=tenant_id,
        account_id=account.id,
        venue_id=account.venue_id,
        instrument_id=instrument.id,
        base_asset=instrument.base_asset,
        quote_asset=instrument.quote_asset,
        is_inverse=instrument.is_inverse,
        side=request.side,
        type=request.type,
        time_in_force=time_in_force,
        asked_quantity=request.quantity,
        quantity_type=request.quantity_type,
        rounding=request.rounding,
        quantity=request.quantity,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        position_id=request.position_id,
        quote_id=request.quote_id,
        leverage=_leverage(request, account, instrument, state),
        expire_at_ms=effective_expiry(time_in_force, request.expire_at_ms, now_ms),
        expiry=Expiry.HERE if support is Support.EMULATED and time_in_force in EMULATED_TIMES else None,
        client_order_id=request.client_order_id,
        idempotency_key=request.idempotency_key,
        fingerprint=request.fingerprint(),
        recorded_after_ms=_recorded_after(account, state),
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
    )


def _recorded_after(account: TradingAccount, state: TradingState) -> int:
    """Return a lower bound of the venue's present time, for ids that others may have used before, or that were given
    out before a backup was restored. A derived id that is ours alone has never been used, so no time is needed to
    recognise its order."""
    rule = state.spec_of(account).sent_id
    return account.complete_until_ms or 0 if rule.is_shared or isinstance(rule, CountedSentId) else 0


def _leverage(
    request: SubmitOrderRequest, account: TradingAccount, instrument: Instrument, state: TradingState
) -> int | None:
    """Return the order's leverage. None and 0 mean that none was given: a margined order then takes its position's
    leverage, or 1."""
    if not request.leverage:
        return None
    if account.external.type in state.spec_of(account).own_leverage:
        raise InvalidLeverage(
            f"{account.venue_id} keeps the leverage of {account.external.type.value} accounts as a setting of each "
            "instrument: set it there, and leave it out of the order"
        )
    most = allowed = account.external.max_leverage if account.is_margined else 1
    if state.spec_of(account).funds_check is FundsCheck.HERE:
        most = min(most, instrument.leverage_max or most)
    if not 1 <= request.leverage <= most:
        text = f"the leverage must be at least 1 and at most {most} for {instrument.id} in this account"
        raise InvalidLeverage(text if allowed > 1 else "this account takes no leverage", {"maxLeverage": most})
    return request.leverage


def _with_quantity(order: Order, account: TradingAccount, instrument: Instrument, state: TradingState) -> Order:
    """Convert the requested quantity into the instrument's units, then round it to lots."""
    order = _naming_its_position(order, account, state)
    position = target_position(order, account, state) if account.is_margined else None
    if order.position_id is not None and (position is None or position.id != order.position_id):
        raise NoPosition("there is no such open position of this instrument")
    match order.quantity_type:
        case QuantityType.BASE:
            exact, most = order.asked_quantity, None
        case QuantityType.QUOTE:
            exact, most = _quantity_for(order, order.asked_quantity, instrument, state), None
        case QuantityType.POSITION_RATIO:
            exact, most = _share(order, order.asked_quantity, account, instrument, state)
        case QuantityType.POSITION_PERCENTAGE:
            exact, most = _share(order, order.asked_quantity / HUNDRED, account, instrument, state)
    is_sent_as_market = state.spec_of(account).holds(instrument.type, order.type)
    lot_size = lot_of(OrderType.MARKET if is_sent_as_market else order.type, instrument).lot_size
    quantity = round_to_step(exact, lot_size, _rounding(order))
    if most is not None and quantity > most:
        quantity = round_to_step(most, lot_size, Rounding.DOWN)
    if not is_multiple(quantity, lot_size):
        raise LotSize(
            f"{to_plain(quantity)} is not a multiple of the lot size {to_plain(lot_size)}; "
            "choose a quantityRounding such as DOWN to have it rounded",
            {"lotSize": to_plain(lot_size)},
        )
    position_id = None if _opens(order, account, position) else order.position_id
    return evolve(order, quantity=quantity, position_id=position_id)


def _rounding(order: Order) -> Rounding:
    """An amount to spend or a share of something seldom comes to whole lots: without another wish it is rounded
    down."""
    if order.rounding is Rounding.NONE and order.quantity_type is not QuantityType.BASE:
        return Rounding.DOWN
    return order.rounding


def _naming_its_position(order: Order, account: TradingAccount, state: TradingState) -> Order:
    """Name the position of a hedged order that asks for a share and names none: the one that the order's side closes.
    Without the name, that position would give the order its size and the order would open the other one."""
    is_share = order.quantity_type in (QuantityType.POSITION_RATIO, QuantityType.POSITION_PERCENTAGE)
    is_hedged = makes_positions(account, state) and account.position_mode is PositionMode.HEDGE
    if not is_share or order.position_id or not is_hedged:
        return order
    side = PositionSide.LONG if order.side is Side.SELL else PositionSide.SHORT
    position = state.position(account.id, order.instrument_id, side)
    if position is None:
        raise _no_position(order)
    return evolve(order, position_id=position.id)


def _opens(order: Order, account: TradingAccount, position: Position | None) -> bool:
    """Whether a hedged order names the row that its side opens anyway. For a venue, an order that names a position
    closes it, so the name is then left out."""
    if position is None or account.position_mode is not PositionMode.HEDGE:
        return False
    return position.side is side_of_fill(PositionMode.HEDGE, order.side, None)


def _share(
    order: Order, ratio: Decimal, account: TradingAccount, instrument: Instrument, state: TradingState
) -> tuple[Decimal, Decimal]:
    """Return (ratio of the whole, the whole) in the instrument's units: of the position, or in an account whose fills
    move assets of what is free of its own. A BUY that waits for a trigger leaves room for a price somewhat worse than
    the trigger."""
    if makes_positions(account, state):
        position = target_position(order, account, state)
        if position is None or position.quantity == 0:
            raise _no_position(order)
        whole = abs(position.quantity)
        return whole * ratio, whole
    if order.side is Side.SELL:
        whole = state.balance(account.id, order.base_asset).free_own
    else:
        free = state.balance(account.id, order.quote_asset).free_own
        room = ONE + (MARKET_PAD if order.stop_price is not None and order.limit_price is None else ZERO)
        spent = divide_down(free, room * (ONE + max(instrument.taker_fee, ZERO)))
        whole = _quantity_for(order, spent, instrument, state)
    if whole == 0:
        raise NoPosition("there is no free balance to take a share of")
    return whole * ratio, whole


def _no_position(order: Order) -> NoPosition:
    return NoPosition(f"there is no open position of {order.instrument_id}")


def _quantity_for(order: Order, amount: Decimal, instrument: Instrument, state: TradingState) -> Decimal:
    """Return the quantity for that many quote units: at the order's own price, else by walking the current book level
    by level, as the fill would. The quantity of an inverse contract is in quote units already, whatever the price."""
    if instrument.is_inverse:
        return amount
    book = state.world.book(order.instrument_id)
    if order.limit_price is None and order.stop_price is None and book is not None:
        quantity = walk_quantity(book, order.side, amount)
        if quantity is not None:
            return quantity
    return divide_down(amount, _price(order, state))


def _price(order: Order, state: TradingState) -> Decimal:
    price = reference_price(order, state)
    if price is None or price <= 0:
        raise NoMarketPrice(f"there is no fresh price of {order.instrument_id} to size the order by")
    return price
