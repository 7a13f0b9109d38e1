"""The arithmetic of positions: exact, in the asset that settles.

A position keeps what its amount is worth at its entry, not an average price, so what its trades realise and what is
left of that worth add up to the cash that the trades moved.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.money import ZERO, divide
from cadenza.simulators.okx.instruments import COIN_PLACES, SimulatedInstrument
from cadenza.simulators.okx.trading.records import AVERAGE_PLACES, SimulatedPosition

_STEP = Decimal(1).scaleb(-COIN_PLACES)
MAINTENANCE_RATE = Decimal("0.004")
SHORT_OPTION_RATE = Decimal("0.15")


def entry_price(position: SimulatedPosition, instrument: SimulatedInstrument) -> Decimal | None:
    """Return the average price of what is held; None when nothing is."""
    if not position.amount:
        return None
    size = abs(position.amount) * instrument.face
    worth = abs(position.cost)
    return divide(size, worth, AVERAGE_PLACES) if instrument.is_inverse else divide(worth, size, AVERAGE_PLACES)


def profit_at(position: SimulatedPosition, instrument: SimulatedInstrument, price: Decimal) -> Decimal:
    """Return what closing the position at a price would win."""
    if not position.amount:
        return ZERO
    worth = instrument.value(position.amount, price)
    return position.cost - worth if instrument.is_inverse else worth - position.cost


def after_fill(
    position: SimulatedPosition,
    instrument: SimulatedInstrument,
    sign: int,
    quantity: Decimal,
    price: Decimal,
    lever: int,
) -> tuple[SimulatedPosition, Decimal]:
    """Return the position after an execution of `quantity` in the direction of `sign`, and what that realised."""
    closing = min(quantity, abs(position.amount)) if position.amount * sign < 0 else ZERO
    after, realized = _reduced(position, instrument, closing, price)
    opening = quantity - closing
    if opening:
        worth = instrument.value(quantity, price) - instrument.value(closing, price)
        margin = divide(worth, Decimal(lever), COIN_PLACES) if position.mode == "isolated" else ZERO
        after = evolve(
            after,
            amount=after.amount + sign * opening,
            cost=after.cost + sign * worth,
            margin=after.margin + margin,
        )
    return evolve(after, realized=after.realized + realized), realized


def _reduced(
    position: SimulatedPosition, instrument: SimulatedInstrument, closing: Decimal, price: Decimal
) -> tuple[SimulatedPosition, Decimal]:
    """Return the position after a part was closed, and the profit of that."""
    if not closing:
        return position, ZERO
    held = abs(position.amount)
    is_all = closing == held
    released = position.cost if is_all else divide(position.cost * closing, held, COIN_PLACES)
    margin = position.margin if is_all else (position.margin * closing / held).quantize(_STEP, ROUND_DOWN)
    direction = 1 if position.amount > 0 else -1
    worth = direction * instrument.value(closing, price)
    realized = released - worth if instrument.is_inverse else worth - released
    left = evolve(
        position,
        amount=position.amount - direction * closing,
        cost=position.cost - released,
        margin=position.margin - margin,
    )
    return left, realized


def initial_margin(position: SimulatedPosition, instrument: SimulatedInstrument, mark: Decimal, lever: int) -> Decimal:
    """Return the margin that a cross position needs at a mark price. A long option needs none: it is paid."""
    if instrument.is_option:
        short = -min(position.amount, ZERO)
        return short * instrument.face * SHORT_OPTION_RATE
    return divide(instrument.value(abs(position.amount), mark), Decimal(lever), COIN_PLACES)


def maintenance_margin(position: SimulatedPosition, instrument: SimulatedInstrument, mark: Decimal) -> Decimal:
    if instrument.is_option:
        return initial_margin(position, instrument, mark, 1)
    return instrument.value(abs(position.amount), mark) * MAINTENANCE_RATE
