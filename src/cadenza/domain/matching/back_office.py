"""The back office of a venue that we run ourselves: it keeps the orders and the ledger, whatever matched them.

What happens is collected as facts (to be told) and as changes (to be written down). Nothing may be told before the
changes of the same batch are on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.matching.ledger import FeeAsset, Ledger, Mark
from cadenza.domain.matching.records import (
    BalanceFact,
    Fact,
    FactKind,
    OrderFact,
    VenueAccount,
    VenueChanges,
    VenueFill,
    VenueOrder,
    VenueState,
)
from cadenza.domain.trading.enums import LiquiditySide, OrderStatus, RejectReason


class BackOffice:
    """Open orders and money in memory. Closed orders are forgotten as soon as their change is taken."""

    def __init__(self, instruments: Mapping[InstrumentId, Instrument], fee_asset: FeeAsset, mark: Mark) -> None:
        self.ledger = Ledger(instruments, fee_asset, mark)
        self.restore(VenueState())

    def restore(self, state: VenueState) -> None:
        """Become that state; what was here before is gone."""
        self.ledger.restore(state.accounts, state.balances, state.positions, state.orders)
        self.facts: list[Fact] = []
        self._trade_sequence = state.trade_sequence
        self._open = {order.venue_order_id: order for order in state.orders}
        self._changed: dict[str, VenueOrder] = {}
        self._fills: list[VenueFill] = []
        self._accounts: list[VenueAccount] = []

    # Reading

    def order(self, venue_order_id: str) -> VenueOrder | None:
        """An open order, or one that this batch closed."""
        return self._open.get(venue_order_id) or self._changed.get(venue_order_id)

    def open_orders(self, external_id: str | None = None) -> list[VenueOrder]:
        """Of one account, or all; in the order in which they came."""
        return [order for order in self._open.values() if external_id in (None, order.external_id)]

    @property
    def open_orders_count(self) -> int:
        return len(self._open)

    def next_trade_id(self) -> str:
        """An id that no other trade of this venue has or will have, once the batch is on disk."""
        self._trade_sequence += 1
        return str(self._trade_sequence)

    # What happens

    def open_account(self, account: VenueAccount, deposits: Mapping[str, Decimal]) -> None:
        """Open an account with the given balances; one that is open stays as it is."""
        if self.ledger.account(account.external_id) is None:
            self.ledger.open_account(account, deposits)
            self._accounts.append(account)

    def accept(self, order: VenueOrder, cost: Decimal, at_ms: int) -> VenueOrder | RejectReason:
        """Take an order whose funds suffice for `cost` (quote units); else return why not, with nothing changed."""
        rate = self.ledger.hold(order, cost)
        if isinstance(rate, RejectReason):
            return rate
        accepted = evolve(order, status=OrderStatus.ACCEPTED, hold_rate=rate, updated_at_ms=at_ms)
        self._put(accepted)
        self._tell(FactKind.ACCEPTED, accepted, at_ms)
        return accepted

    def accept_unfunded(self, order: VenueOrder, at_ms: int) -> VenueOrder:
        """Take an order that holds nothing: a liquidation."""
        accepted = evolve(order, status=OrderStatus.ACCEPTED, updated_at_ms=at_ms)
        self._put(accepted)
        self._tell(FactKind.ACCEPTED, accepted, at_ms)
        return accepted

    def reject(self, order: VenueOrder, reason: str, at_ms: int) -> None:
        """Refuse an order for ever; the refusal is kept, so that its id can never work later."""
        rejected = evolve(order, status=OrderStatus.REJECTED, reason=reason, updated_at_ms=at_ms)
        self._put(rejected)
        self._tell(FactKind.REJECTED, rejected, at_ms)

    def withdraw(self, venue_order_id: str) -> VenueOrder:
        """Take back an acceptance of this very batch as if it had not been; return the order."""
        order = self._open.pop(venue_order_id)
        del self._changed[venue_order_id]
        self.ledger.release(order)
        self.facts = [
            f for f in self.facts if not (isinstance(f, OrderFact) and f.order.venue_order_id == venue_order_id)
        ]
        return order

    def fill(
        self, order: VenueOrder, price: Decimal, quantity: Decimal, *, is_maker: bool, trade_id: str, at_ms: int
    ) -> VenueOrder:
        """Execute a part of an order, open or (the money is real) closed. The whole closes it as FILLED."""
        booking = self.ledger.fill(order, price, quantity, is_maker=is_maker, trade_id=trade_id, at_ms=at_ms)
        remaining = order.remaining - quantity
        is_filled = order.is_open and not remaining
        changed = evolve(
            order,
            remaining=remaining,
            status=OrderStatus.FILLED if is_filled else order.status,
            updated_at_ms=at_ms,
        )
        fill = VenueFill(
            venue_order_id=order.venue_order_id,
            trade_id=trade_id,
            price=price,
            quantity=quantity,
            fees=booking.fees,
            liquidity=LiquiditySide.MAKER if is_maker else LiquiditySide.TAKER,
            position_side=booking.position_side,
            at_ms=at_ms,
        )
        self._fills.append(fill)
        self._put(changed)
        self.facts.append(OrderFact(kind=FactKind.FILLED, order=changed, fill=fill, at_ms=at_ms))
        return changed

    def close(self, order: VenueOrder, status: OrderStatus, reason: str | None, at_ms: int) -> None:
        """CANCELED or EXPIRED."""
        closed = evolve(order, status=status, reason=reason, updated_at_ms=at_ms)
        self._put(closed)
        self._tell(FactKind.CLOSED, closed, at_ms)

    def move_trigger(self, order: VenueOrder, stop_price: Decimal, at_ms: int) -> None:
        moved = evolve(order, stop_price=stop_price, updated_at_ms=at_ms)
        self._put(moved)
        self._tell(FactKind.TRIGGER_MOVED, moved, at_ms)

    def touch(self, order: VenueOrder) -> None:
        """Something that is not told, but must be written down, changed."""
        self._put(order)

    def refuse_cancel(self, order: VenueOrder, reason: str, at_ms: int) -> None:
        """Tell that a cancel did nothing."""
        self.facts.append(OrderFact(kind=FactKind.CANCEL_REFUSED, order=order, reason=reason, at_ms=at_ms))

    def cover(self, external_id: str, asset: str, at_ms: int) -> None:
        """Let the insurance pay a debt, if there is one."""
        if self.ledger.cover(external_id, asset, at_ms) is not None:
            total = self.ledger.total(external_id, asset)
            self.facts.append(BalanceFact(external_id=external_id, asset=asset, total=total, at_ms=at_ms))

    # Keeping

    def take_changes(self) -> VenueChanges:
        """What changed since the last call; facts stay until they are told."""
        money = self.ledger.take_changes()
        changes = VenueChanges(
            trade_sequence=self._trade_sequence,
            accounts=tuple(self._accounts),
            orders=tuple(self._changed.values()),
            fills=tuple(self._fills),
            balances=money.balances,
            positions=money.positions,
            postings=money.postings,
        )
        self._accounts, self._changed, self._fills = [], {}, []
        return changes

    def take_facts(self) -> list[Fact]:
        facts, self.facts = self.facts, []
        return facts

    def _put(self, order: VenueOrder) -> None:
        self._changed[order.venue_order_id] = order
        if order.is_open:
            self._open[order.venue_order_id] = order
        else:
            self._open.pop(order.venue_order_id, None)
            self.ledger.release(order)

    def _tell(self, kind: FactKind, order: VenueOrder, at_ms: int) -> None:
        self.facts.append(OrderFact(kind=kind, order=order, at_ms=at_ms))
