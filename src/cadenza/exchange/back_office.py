"""The back office of a simulated exchange: it keeps the orders and the ledger, whatever matched the orders.

It collects what happens as facts, which the venue reports, and as changes, which the venue writes to disk. The venue
must not report a fact before the changes of the same batch are on disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import LiquiditySide, OrderStatus, RejectReason
from cadenza.exchange.ledger import FeeAsset, Ledger, Mark
from cadenza.exchange.records import (
    BalanceFact,
    Fact,
    FactKind,
    OrderFact,
    VenueAccount,
    VenueChanges,
    VenueFill,
    VenueOrder,
    VenueState,
    as_of_instant,
)


class BackOffice:
    """Holds open orders and money in memory. It forgets a closed order when `take_changes` hands over its last
    change."""

    def __init__(
        self,
        instruments: Mapping[InstrumentId, Instrument],
        fee_asset: FeeAsset,
        mark: Mark,
        fee_places: int | None = None,
    ) -> None:
        self.ledger = Ledger(instruments, fee_asset, mark, fee_places)
        self._instruments = instruments
        self._as_of = 0
        self.restore(VenueState())

    def restore(self, state: VenueState) -> None:
        """Replace everything with that state."""
        self.ledger.restore(state.accounts, state.balances, state.positions, state.orders)
        self.facts: list[Fact] = []
        self._trade_sequence = state.trade_sequence
        self._open = {order.venue_order_id: order for order in state.orders}
        self._open_of = Counter((order.external_id, order.instrument_id) for order in state.orders)
        self._changed: dict[str, VenueOrder] = {}
        self._fills: list[VenueFill] = []
        self._accounts: list[VenueAccount] = []

    # Reading

    def order(self, venue_order_id: str) -> VenueOrder | None:
        """Return an open order, or one that this batch closed; None for any other."""
        return self._open.get(venue_order_id) or self._changed.get(venue_order_id)

    def open_orders(self, external_id: str | None = None) -> list[VenueOrder]:
        """Return the open orders of one account, or of all accounts, in the order in which they arrived."""
        return [order for order in self._open.values() if external_id in (None, order.external_id)]

    @property
    def open_orders_count(self) -> int:
        return len(self._open)

    def open_orders_of(self, external_id: str, instrument_id: InstrumentId) -> int:
        """Return how many open orders an account has in an instrument."""
        return self._open_of[external_id, instrument_id]

    def next_trade_id(self) -> str:
        """Return a new trade id. It is unique in this venue for ever, once the batch is on disk."""
        self._trade_sequence += 1
        return str(self._trade_sequence)

    # What happens

    def open_account(self, account: VenueAccount, deposits: Mapping[str, Decimal]) -> None:
        """Open an account with the given balances. An account that is already open stays unchanged."""
        if self.ledger.account(account.external_id) is None:
            self.ledger.open_account(account, deposits)
            self._accounts.append(account)

    def accept(self, order: VenueOrder, cost: Decimal, at_ms: int, pad: Decimal = ZERO) -> VenueOrder | RejectReason:
        """Accept an order if its account can fund `cost` (quote units); else change nothing and return the reason. A
        spot BUY holds the share `pad` more, as far as the balance allows."""
        rate = self.ledger.hold(order, cost, pad)
        if isinstance(rate, RejectReason):
            return rate
        accepted = evolve(order, status=OrderStatus.ACCEPTED, hold_rate=rate, updated_at_ms=at_ms)
        self._put(accepted)
        self._record(FactKind.ACCEPTED, accepted, at_ms)
        return accepted

    def accept_unfunded(self, order: VenueOrder, at_ms: int) -> VenueOrder:
        """Accept a liquidation order, which holds no funds."""
        accepted = evolve(order, status=OrderStatus.ACCEPTED, updated_at_ms=at_ms)
        self._put(accepted)
        self._record(FactKind.ACCEPTED, accepted, at_ms)
        return accepted

    def reject(self, order: VenueOrder, reason: str, at_ms: int) -> None:
        """Reject an order for ever. The rejection is stored, so the venue never accepts the same id later."""
        rejected = evolve(order, status=OrderStatus.REJECTED, reason=reason, updated_at_ms=at_ms)
        self._put(rejected)
        self._record(FactKind.REJECTED, rejected, at_ms)

    def withdraw(self, venue_order_id: str) -> VenueOrder:
        """Undo the acceptance of an order in this batch, leave no trace of it, and return the order."""
        order = self._open[venue_order_id]
        self._leave(order)
        del self._changed[venue_order_id]
        self.ledger.release(order)
        self.facts = [
            f for f in self.facts if not (isinstance(f, OrderFact) and f.order.venue_order_id == venue_order_id)
        ]
        return order

    def fill(
        self, order: VenueOrder, price: Decimal, quantity: Decimal, *, is_maker: bool, trade_id: str, at_ms: int
    ) -> VenueOrder:
        """Execute a part of an order. A closed order can be filled too, because the money moved. An open order with
        nothing left becomes FILLED. The insurance pays the debt of an account that has no position left."""
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
            leverage=booking.leverage,
            at_ms=at_ms,
        )
        self._fills.append(fill)
        self._put(changed)
        self.facts.append(OrderFact(kind=FactKind.FILLED, order=changed, fill=fill, at_ms=at_ms))
        self._cover(order.external_id, self._instruments[order.instrument_id].quote_asset, at_ms)
        return changed

    def take_over(self, order: VenueOrder, price: Decimal, at_ms: int) -> None:
        """Fill what remains of a liquidation at `price`, with the insurance on the other side."""
        trade_id = self.next_trade_id()
        self.ledger.insure(order, price, trade_id, at_ms)
        self.fill(order, price, order.remaining, is_maker=False, trade_id=trade_id, at_ms=at_ms)

    def close(self, order: VenueOrder, status: OrderStatus, reason: str | None, at_ms: int) -> None:
        """Close an open order with `status` CANCELED or EXPIRED."""
        closed = evolve(order, status=status, reason=reason, updated_at_ms=at_ms)
        self._put(closed)
        self._record(FactKind.CLOSED, closed, at_ms)

    def move_trigger(self, order: VenueOrder, stop_price: Decimal, at_ms: int) -> None:
        moved = evolve(order, stop_price=stop_price, updated_at_ms=at_ms)
        self._put(moved)
        self._record(FactKind.TRIGGER_MOVED, moved, at_ms)

    def touch(self, order: VenueOrder) -> None:
        """Store a change of an order that no report mentions."""
        self._put(order)

    def refuse_cancel(self, order: VenueOrder, reason: str, at_ms: int) -> None:
        """Record that a cancel was refused and changed nothing."""
        self.facts.append(OrderFact(kind=FactKind.CANCEL_REFUSED, order=order, reason=reason, at_ms=at_ms))

    # Keeping

    def take_changes(self) -> VenueChanges:
        """Return what changed since the last call. Facts stay until `take_facts` takes them."""
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
        if not order.is_open:
            self._leave(order)
            self.ledger.release(order)
            return
        if order.venue_order_id not in self._open:
            self._open_of[order.external_id, order.instrument_id] += 1
        self._open[order.venue_order_id] = order

    def _leave(self, order: VenueOrder) -> None:
        if self._open.pop(order.venue_order_id, None) is not None:
            key = order.external_id, order.instrument_id
            self._open_of[key] -= 1
            if not self._open_of[key]:
                del self._open_of[key]

    def _record(self, kind: FactKind, order: VenueOrder, at_ms: int) -> None:
        self.facts.append(OrderFact(kind=kind, order=order, at_ms=at_ms))

    def _cover(self, external_id: str, asset: str, at_ms: int) -> None:
        if self.ledger.cover(external_id, asset, at_ms) is not None:
            total = self.ledger.total(external_id, asset)
            self._as_of = self.as_of(at_ms) + 1
            self.facts.append(
                BalanceFact(external_id=external_id, asset=asset, total=total, at_ms=at_ms, as_of=self._as_of)
            )

    def as_of(self, at_ms: int) -> int:
        """Return the `as_of` of a reading of the money at that instant: at least that of every fact so far, and less
        than that of every later one."""
        return max(self._as_of, as_of_instant(at_ms))
