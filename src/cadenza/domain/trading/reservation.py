"""How much an order locks, and how much of that stays locked while the order is filled.

Spot BUY locks quote units: quantity at the order's price plus the taker fee; without a limit the price is the cost of
taking the book now, padded, but never padded beyond what is free. Spot SELL locks the base quantity. A margined order
locks, in the settlement asset, the initial margin of the part that opens a position, plus the taker fee. An order that
adds to a position at a lower leverage locks too what the whole position needs more at that leverage. An order counts as
closing only for the quantity that no other open order of the account claims already. The amount that an order locks is
fixed when the order is taken, and is released by its fills. It does not follow the position. When another order closes
the position first, an order that counted as closing opens a position instead, and the margin is then that of the new
position.
"""

from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import InsufficientBalance, InsufficientMargin, NoMarketPrice
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ONE, RATIO_SCALE, ZERO, divide, to_plain
from cadenza.domain.trading.order import Order, Reservation
from cadenza.domain.trading.portfolio import margin_of_leverage, position_margin
from cadenza.domain.trading.position import Position, side_of_fill, split_fill
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.unconfirmed import unconfirmed_of_row

MARKET_PAD = Decimal("0.02")
"""By how much a spot BUY without a limit price locks more than its cost at the current book, or at its trigger, as far
as the balance allows. PAPER holds as much for an order that waits for its trigger."""

_STEP = ONE.scaleb(-RATIO_SCALE)


def reference_price(order: Order, state: TradingState) -> Decimal | None:
    """Return the price (quote units) at which an unfilled order is valued: its limit, else its trigger, else the best
    opposite price."""
    if order.limit_price is not None or order.stop_price is not None:
        return order.limit_price or order.stop_price
    top = state.world.top(order.instrument_id)
    if top is None:
        return None
    return (top.ask if order.side is Side.BUY else top.bid) or top.estimate


def reserve(order: Order, account: TradingAccount, instrument: Instrument, state: TradingState) -> Reservation:
    """Return what the order locks. Raises `InsufficientBalance` or `InsufficientMargin` when the account has less than
    that free."""
    if account.is_margined:
        return _reserve_margin(order, account, instrument, state)
    if order.side is Side.SELL:
        return _from_balance(state, order, order.base_asset, order.quantity, order.quantity)
    cost = _spot_cost(order, state)
    least = cost * (ONE + max(instrument.taker_fee, ZERO))
    padded = least if order.limit_price is not None else least * (ONE + MARKET_PAD)
    return _from_balance(state, order, order.quote_asset, least, padded)


def fee_within(order: Order, account: TradingAccount, instrument: Instrument, state: TradingState) -> Decimal:
    """Return the taker fee that is part of what a new order locks, at the price at which the order is valued. A spot
    SELL locks none: its fee is paid from the proceeds."""
    rate = max(instrument.taker_fee, ZERO)
    if account.is_margined:
        price = reference_price(order, state)
        return ZERO if price is None else instrument.cost(order.quantity, price) * rate
    return ZERO if order.side is Side.SELL else _spot_cost(order, state) * rate


def remaining_after(order: Order, reservation: Reservation) -> Decimal:
    """Return what stays locked for an order's leaves quantity: its share, rounded up; zero once the order is closed."""
    if order.is_closed:
        return ZERO
    return divide_up(reservation.locked * order.leaves_quantity, order.quantity)


def divide_up(numerator: Decimal, denominator: Decimal) -> Decimal:
    return (numerator / denominator).quantize(_STEP, rounding=ROUND_UP)


def divide_down(numerator: Decimal, denominator: Decimal) -> Decimal:
    return (numerator / denominator).quantize(_STEP, rounding=ROUND_DOWN)


def release(state: TradingState, order: Order) -> Order:
    """Reduce what the order and the balance have locked to what the leaves quantity needs; return the order."""
    reservation = order.reservation
    if reservation is None:
        return order
    remaining = remaining_after(order, reservation)
    if remaining == reservation.remaining:
        return order
    state.change_balance(order.account_id, reservation.asset, locked=remaining - reservation.remaining)
    return evolve(order, reservation=replace(reservation, remaining=remaining))


def walk_cost(book: BookSnapshot, side: Side, quantity: Decimal) -> Decimal | None:
    """Return the cost of taking `quantity` from a book. Quantity beyond the book is valued at its worst price. None
    when the book is empty."""
    levels = book.asks if side is Side.BUY else book.bids
    left, cost, price = quantity, ZERO, None
    for price, available in levels:
        taken = min(left, available)
        cost += taken * price
        left -= taken
        if left == 0:
            return cost
    return None if price is None else cost + left * price


def walk_quantity(book: BookSnapshot, side: Side, cost: Decimal) -> Decimal | None:
    """Return the quantity that `cost` quote units take from a book, rounded down: the inverse of `walk_cost`. None when
    the book is empty."""
    levels = book.asks if side is Side.BUY else book.bids
    left, quantity, price = cost, ZERO, None
    for price, available in levels:
        if left <= price * available:
            break
        quantity += available
        left -= price * available
    return None if price is None else quantity + divide_down(left, price)


def free_margin(state: TradingState, account: TradingAccount, asset: str) -> Decimal:
    """Return what a margined account may still use of an asset: free balance + unrealised PnL - margin of open
    positions."""
    free = state.balance(account.id, asset).free
    instruments = state.instruments_of(account.id)
    for position in state.positions(account.id):
        instrument = instruments.get(position.instrument_id)
        if instrument is None or instrument.settled_in != asset:
            continue
        mark = _value_at(state, position, instrument)
        free += position.unrealized_pnl(instrument, mark) - position_margin(position, instrument, mark)
    return free


def mark_of(state: TradingState, instrument_id: InstrumentId) -> Decimal | None:
    """Return the price that positions are valued at; None without a fresh book."""
    top = state.world.top(instrument_id)
    return None if top is None else top.mark


def _value_at(state: TradingState, position: Position, instrument: Instrument) -> Decimal:
    return mark_of(state, position.instrument_id) or position.entry_price(instrument)


def _spot_cost(order: Order, state: TradingState) -> Decimal:
    price = order.limit_price or order.stop_price
    if price is not None:
        return order.quantity * price
    book = state.world.book(order.instrument_id)
    cost = None if book is None else walk_cost(book, order.side, order.quantity)
    if cost is None:
        raise NoMarketPrice(f"there is no fresh price of {order.instrument_id} to value the order at")
    return cost


def _from_balance(state: TradingState, order: Order, asset: str, least: Decimal, wanted: Decimal) -> Reservation:
    free = state.balance(order.account_id, asset).free
    if free < least:
        raise InsufficientBalance(
            f"the order needs {to_plain(least)} {asset}, and {to_plain(max(free, ZERO))} is free",
            {"asset": asset, "needed": to_plain(least), "free": to_plain(free)},
        )
    locked = min(wanted, free)
    return Reservation(asset, locked, locked)


def _reserve_margin(order: Order, account: TradingAccount, instrument: Instrument, state: TradingState) -> Reservation:
    price = reference_price(order, state)
    if price is None:
        raise NoMarketPrice(f"there is no fresh price of {order.instrument_id} to value the order at")
    position = target_position(order, account, state)
    opening = order.quantity - min(closable(order, position, account, state), order.quantity)
    leverage = Decimal(order.leverage or (position.leverage_at_least if position else 1))
    asset = instrument.settled_in
    margin = divide(instrument.cost(opening, price), leverage)
    needed = margin + instrument.cost(order.quantity, price) * max(instrument.taker_fee, ZERO)
    if position is not None and opening > 0:
        mark = _value_at(state, position, instrument)
        needed += margin_of_leverage(position, instrument, order.side, order.leverage, mark)
    free = free_margin(state, account, asset)
    if opening > 0 and free < needed:
        raise InsufficientMargin(
            f"the order needs {to_plain(needed)} {asset} of margin, and {to_plain(max(free, ZERO))} is free",
            {"asset": asset, "needed": to_plain(needed), "free": to_plain(free)},
        )
    return Reservation(asset, needed, needed)


def closable(order: Order, position: Position | None, account: TradingAccount, state: TradingState) -> Decimal:
    """Return how much of `position` (its target) a new order may close, in the instrument's units: what no other
    open order claims, and no unconfirmed fill has closed."""
    if position is None:
        return ZERO
    closing, _ = split_fill(position, order.side, abs(position.quantity))
    own_row = side_of_fill(account.position_mode, order.side, None)
    claimed = (
        quantity
        for row, quantity in state.claims.of(account.id, order.instrument_id, order.side)
        if (row or own_row) is position.side
    )
    closed = unconfirmed_of_row(account, order.instrument_id, order.side, position.side)
    return max(ZERO, closing - closed - sum(claimed, ZERO))


def target_position(order: Order, account: TradingAccount, state: TradingState) -> Position | None:
    """Return the open position that the order's fills will change, by the account's mode and the order's
    `position_id`."""
    targeted = None
    if order.position_id is not None:
        for position in state.positions(account.id):
            if position.id == order.position_id:
                targeted = position.side
    side = side_of_fill(account.position_mode, order.side, targeted)
    return state.position(account.id, order.instrument_id, side)
