"""Claims: the quantities that open orders of margined accounts may still execute, and so the parts of positions that
they would close.

Two orders cannot close the same part of a position. So a new order counts as closing only for the quantity that no
other open order of its side and row claims. The rest opens a position and needs margin.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.ids import InstrumentId, PositionId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.domain.trading.journal import Journal
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import PositionSide


@dataclass(frozen=True, slots=True)
class Claim:
    """The sum of what an account's open orders of one side may still execute in an instrument, in base units.

    `position_id` is the position that the orders name, if they name one; `position_side` is the row of that position.
    """

    account_id: TradingAccountId
    instrument_id: InstrumentId
    side: Side
    position_id: PositionId | None
    position_side: PositionSide | None
    quantity: Decimal


_Line = tuple[TradingAccountId, InstrumentId, Side]


class Claims:
    """The claims of a batch. They start as loaded and follow each decision of the batch."""

    def __init__(self, claims: Iterable[Claim], journal: Journal) -> None:
        self._journal = journal
        self._lines: dict[_Line, dict[PositionId | None, Decimal]] = {}
        self._rows: dict[PositionId, PositionSide] = {}
        for claim in claims:
            line = self._lines.setdefault((claim.account_id, claim.instrument_id, claim.side), {})
            line[claim.position_id] = line.get(claim.position_id, ZERO) + claim.quantity
            if claim.position_id is not None and claim.position_side is not None:
                self._rows[claim.position_id] = claim.position_side

    def know_position(self, position_id: PositionId, row: PositionSide) -> None:
        """Remember the row of a position. It is needed even after the position is closed, because orders may still name
        it."""
        self._journal.put(self._rows, position_id, row)

    def move(self, before: Order | None, after: Order) -> None:
        """Update the claims for an order that is new or has changed."""
        if before is not None:
            self._add(before, -before.leaves_quantity)
        self._add(after, after.leaves_quantity)

    def of(
        self, account_id: TradingAccountId, instrument_id: InstrumentId, side: Side
    ) -> Iterator[tuple[PositionSide | None, Decimal]]:
        """Yield (row named, or None; quantity) of the open orders of that side."""
        for position_id, quantity in self._lines.get((account_id, instrument_id, side), {}).items():
            yield None if position_id is None else self._rows.get(position_id), quantity

    def all(self) -> Iterator[Claim]:
        """Yield the claims as they are now."""
        for (account_id, instrument_id, side), line in self._lines.items():
            for position_id, quantity in line.items():
                if quantity:
                    row = None if position_id is None else self._rows.get(position_id)
                    yield Claim(account_id, instrument_id, side, position_id, row, quantity)

    def _add(self, order: Order, quantity: Decimal) -> None:
        key = (order.account_id, order.instrument_id, order.side)
        line = self._lines.get(key)
        if line is None:
            line = {}
            self._journal.put(self._lines, key, line)
        self._journal.put(line, order.position_id, line.get(order.position_id, ZERO) + quantity)
