"""Positions of margined accounts, and how a fill changes one.

The sign of the quantity is the side. A position keeps its entry cost instead of an average price, so that opening cost,
realised profit and closing proceeds always add up. The remainder of an uneven division stays in the position until it
is closed. Costs and profits are in the instrument's settlement asset, so every function that values a position takes
the instrument. A quantity of an inverse contract costs quantity / price.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cadenza.domain.accounts.trading_account import PositionMode, PositionSide
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, PositionId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.money import ZERO, divide


class PositionStatus(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    LIQUIDATED = "LIQUIDATED"


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class Position:
    """A holding of a margined instrument. A closed position is kept as history, and the next one gets a new id.

    `quantity` is in the instrument's units. `entry_cost` (settlement asset) has the sign of `quantity`.
    `closed_quantity` and `closed_cost` are the sums over all closed parts; the exit price is made of them.
    `realized_pnl` is in the settlement asset, before fees; None where the position is as a venue stated it, so that it
    is unknown what was realised before. `leverage` is None where the venue keeps it and has not
    stated it. `maintenance_margin` (settlement asset) is the venue's last statement; None where the venue states none,
    and the instrument's rate counts. `settled_cost` (settlement asset, signed like `quantity`) is what the profit
    counts from that is not in the account's cash yet, where the venue pays profits out while the position is open; None
    elsewhere: all of the profit since `entry_cost` is not in the cash. `as_of` is the venue's instant or sequence of
    the newest report that set it; 0 when no report did.
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
    realized_pnl: Decimal | None = ZERO
    leverage: int | None = 1
    maintenance_margin: Decimal | None = None
    settled_cost: Decimal | None = None
    as_of: int = 0
    created_at_ms: int
    updated_at_ms: int
    closed_at_ms: int | None = None

    @property
    def leverage_at_least(self) -> int:
        """The leverage; 1, which needs the most margin, where it is unknown."""
        return self.leverage or 1

    def entry_price(self, instrument: Instrument) -> Decimal:
        """Return the average price of what is held, in quote units per base unit."""
        return instrument.average_price(self.entry_cost, self.quantity)

    def exit_price(self, instrument: Instrument) -> Decimal:
        """Return the average price of what was closed."""
        return instrument.average_price(self.closed_cost, self.closed_quantity)

    def unrealized_pnl(self, instrument: Instrument, mark: Decimal) -> Decimal:
        """Return the profit if it were closed at `mark`, in the settlement asset."""
        return instrument.profit(self.entry_cost, instrument.cost(self.quantity, mark))

    def equity(self, instrument: Instrument, mark: Decimal) -> Decimal:
        """Return what the position adds at `mark` to the account's cash, in the settlement asset. An option was paid
        for with cash, so it adds what it is worth; one that was sold takes that away. Any other position adds the
        profit that the cash does not hold yet."""
        worth = instrument.cost(self.quantity, mark)
        if instrument.type is InstrumentType.OPTION:
            return worth
        since = self.entry_cost if self.settled_cost is None else self.settled_cost
        return instrument.profit(since, worth)


@dataclass(frozen=True, slots=True)
class PositionChange:
    """The effect of a part of a fill: the position afterwards, and the realised profit (settlement asset)."""

    position: Position
    realized_pnl: Decimal


def increase(
    position: Position, instrument: Instrument, side: Side, quantity: Decimal, price: Decimal, at_ms: int
) -> PositionChange:
    """Add to a position on its own side (or open an empty one)."""
    changed = evolve(
        position,
        quantity=position.quantity + side.sign * quantity,
        entry_cost=position.entry_cost + instrument.cost(side.sign * quantity, price),
        updated_at_ms=at_ms,
    )
    return PositionChange(changed, ZERO)


def reduce(position: Position, instrument: Instrument, quantity: Decimal, price: Decimal, at_ms: int) -> PositionChange:
    """Close `quantity` (at most all) of a position at `price`; the whole closes it."""
    sign = 1 if position.quantity > 0 else -1
    is_whole = quantity == abs(position.quantity)
    share = position.entry_cost if is_whole else divide(position.entry_cost * quantity, abs(position.quantity))
    cost = instrument.cost(quantity, price)
    realized = instrument.profit(share, sign * cost)
    changed = evolve(
        position,
        quantity=position.quantity - sign * quantity,
        entry_cost=position.entry_cost - share,
        closed_quantity=position.closed_quantity + quantity,
        closed_cost=position.closed_cost + cost,
        realized_pnl=None if position.realized_pnl is None else position.realized_pnl + realized,
        updated_at_ms=at_ms,
        status=PositionStatus.CLOSED if is_whole else position.status,
        closed_at_ms=at_ms if is_whole else None,
    )
    return PositionChange(changed, realized)


def closed_unseen(position: Position, at_ms: int) -> Position:
    """Close a position that the venue does not have any more. The closing price is unknown."""
    return evolve(
        position,
        quantity=ZERO,
        entry_cost=ZERO,
        settled_cost=None,
        status=PositionStatus.CLOSED,
        updated_at_ms=at_ms,
        closed_at_ms=at_ms,
    )


def side_of_fill(mode: PositionMode, side: Side, targeted: PositionSide | None) -> PositionSide:
    """Return the row that a fill belongs to. In netting mode it is the net one; in hedge mode the targeted one, else
    the long one for BUY and the short one for SELL."""
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
