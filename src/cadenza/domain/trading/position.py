"""Positions of margined accounts, and how a fill changes one.

The sign of the quantity is the side. A position keeps its exact entry cost instead of an average price, so that
opening cost, realised profit and closing proceeds always add up: what division cannot split evenly stays in the
position until it is closed.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, PositionId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, average_price, divide


class PositionSide(StrEnum):
    """Which row of an instrument: the net one, or in hedge mode the long or the short one."""

    NET = "NET"
    LONG = "LONG"
    SHORT = "SHORT"


class PositionStatus(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    LIQUIDATED = "LIQUIDATED"


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class Position:
    """A holding of a margined instrument; a closed one is kept as history and a new one gets a new id.

    `entry_cost` is signed like `quantity` (quote units); `closed_quantity` and `closed_cost` sum what was closed, for
    the exit price. `realized_pnl` is in quote units, before fees.
    """

    id: PositionId
    account_id: TradingAccountId
    instrument_id: InstrumentId
    side: PositionSide
    status: PositionStatus = PositionStatus.OPEN
    quantity: Decimal = ZERO
    entry_cost: Decimal = ZERO
    closed_quantity: Decimal = ZERO
    closed_cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    leverage: int = 1
    created_at_ms: int
    updated_at_ms: int
    closed_at_ms: int | None = None

    @property
    def entry_price(self) -> Decimal:
        return average_price(self.entry_cost, self.quantity)

    @property
    def exit_price(self) -> Decimal:
        return average_price(self.closed_cost, self.closed_quantity)

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        """Profit in quote units if it were closed at `mark`."""
        return mark * self.quantity - self.entry_cost


@dataclass(frozen=True, slots=True)
class PositionChange:
    """What a part of a fill did: the position after it and the profit it realised (quote units)."""

    position: Position
    realized_pnl: Decimal


def increase(position: Position, side: Side, quantity: Decimal, price: Decimal, at_ms: int) -> PositionChange:
    """Add to a position on its own side (or open an empty one)."""
    changed = evolve(
        position,
        quantity=position.quantity + side.sign * quantity,
        entry_cost=position.entry_cost + side.sign * quantity * price,
        updated_at_ms=at_ms,
    )
    return PositionChange(changed, ZERO)


def reduce(position: Position, quantity: Decimal, price: Decimal, at_ms: int) -> PositionChange:
    """Close `quantity` (at most all) of a position at `price`; the whole closes it."""
    sign = 1 if position.quantity > 0 else -1
    is_whole = quantity == abs(position.quantity)
    share = position.entry_cost if is_whole else divide(position.entry_cost * quantity, abs(position.quantity))
    realized = sign * quantity * price - share
    changed = evolve(
        position,
        quantity=position.quantity - sign * quantity,
        entry_cost=position.entry_cost - share,
        closed_quantity=position.closed_quantity + quantity,
        closed_cost=position.closed_cost + quantity * price,
        realized_pnl=position.realized_pnl + realized,
        updated_at_ms=at_ms,
        status=PositionStatus.CLOSED if is_whole else position.status,
        closed_at_ms=at_ms if is_whole else None,
    )
    return PositionChange(changed, realized)


def closed_unseen(position: Position, at_ms: int) -> Position:
    """Close a position that the venue does not have any more; at which price is not known here."""
    return evolve(
        position,
        quantity=ZERO,
        entry_cost=ZERO,
        status=PositionStatus.CLOSED,
        updated_at_ms=at_ms,
        closed_at_ms=at_ms,
    )


def side_of_fill(mode: PositionMode, side: Side, targeted: PositionSide | None) -> PositionSide:
    """Say which row a fill belongs to: the targeted one in hedge mode, else BUY opens long and SELL opens short."""
    if mode is PositionMode.NETTING:
        return PositionSide.NET
    if targeted is not None:
        return targeted
    return PositionSide.LONG if side is Side.BUY else PositionSide.SHORT


def split_fill(position: Position | None, side: Side, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Split a fill into (what closes the open position, what opens or increases one on the fill's side)."""
    if position is None or position.quantity == 0 or (position.quantity > 0) == (side is Side.BUY):
        return ZERO, quantity
    closing = min(abs(position.quantity), quantity)
    return closing, quantity - closing
