"""Claims: the quantities that an account's open orders may still execute, and so the parts of positions that they
would close.

Two orders cannot close the same part of a position. So a new order counts as closing only for the quantity that no
other open order of its side and row claims. The rest opens a position and needs margin. Claims are kept for accounts
whose new orders are decided by them (`TradingAccount.needs_claims`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.ids import InstrumentId, PositionId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.domain.trading.journal import Journal
from cadenza.domain.trading.order import Order


@dataclass(frozen=True, slots=True)
class Claim:
    """The sum of what an account's open orders of one side may still execute in an instrument, in its units, and how
    many orders these are.

    `position_id` is the position that the orders name, if they name one; `position_side` is the row of that position.
    """

    account_id: TradingAccountId
    instrument_id: InstrumentId
    side: Side
    position_id: PositionId | None
    position_side: PositionSide | None
    quantity: Decimal
    count: int
    base_asset: str


_NOTHING = (ZERO, 0)
_Line = tuple[TradingAccountId, InstrumentId, Side]


class Claims:
    """The claims of a batch. They start as loaded and follow each decision of the batch."""

    def __init__(self, claims: Iterable[Claim], journal: Journal) -> None:
        self._journal = journal
        self._lines: dict[_Line, dict[PositionId | None, tuple[Decimal, int]]] = {}
        self._rows: dict[PositionId, PositionSide] = {}
        self._base_assets: dict[InstrumentId, str] = {}
        for claim in claims:
            line = self._lines.setdefault((claim.account_id, claim.instrument_id, claim.side), {})
            quantity, count = line.get(claim.position_id, _NOTHING)
            line[claim.position_id] = quantity + claim.quantity, count + claim.count
            self._base_assets[claim.instrument_id] = claim.base_asset
            if claim.position_id is not None and claim.position_side is not None:
                self._rows[claim.position_id] = claim.position_side

    def know_position(self, position_id: PositionId, row: PositionSide) -> None:
        """Remember the row of a position. It is needed even after the position is closed, because orders may still name
        it."""
        self._journal.put(self._rows, position_id, row)

    def move(self, before: Order | None, after: Order) -> None:
        """Update the claims for an order that is new or has changed."""
        if before is not None and not before.is_closed:
            self._add(before, -before.leaves_quantity, -1)
        if not after.is_closed:
            self._add(after, after.leaves_quantity, 1)

    def of(
        self, account_id: TradingAccountId, instrument_id: InstrumentId, side: Side
    ) -> Iterator[tuple[PositionSide | None, Decimal]]:
        """Yield (row named, or None; quantity) of the open orders of that side."""
        for position_id, (quantity, _) in self._lines.get((account_id, instrument_id, side), {}).items():
            yield None if position_id is None else self._rows.get(position_id), quantity

    def of_account(self, account_id: TradingAccountId) -> Iterator[Claim]:
        """Yield the claims of an account as they are now."""
        return (claim for claim in self.all() if claim.account_id == account_id)

    def all(self) -> Iterator[Claim]:
        """Yield the claims as they are now."""
        for (account_id, instrument_id, side), line in self._lines.items():
            for position_id, (quantity, count) in line.items():
                if count:
                    row = None if position_id is None else self._rows.get(position_id)
                    base_asset = self._base_assets[instrument_id]
                    yield Claim(account_id, instrument_id, side, position_id, row, quantity, count, base_asset)

    def _add(self, order: Order, quantity: Decimal, count: int) -> None:
        self._base_assets[order.instrument_id] = order.base_asset
        key = (order.account_id, order.instrument_id, order.side)
        line = self._lines.get(key)
        if line is None:
            line = {}
            self._journal.put(self._lines, key, line)
        known_quantity, known_count = line.get(order.position_id, _NOTHING)
        self._journal.put(line, order.position_id, (known_quantity + quantity, known_count + count))
