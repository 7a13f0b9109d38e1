"""The far side: a venue in memory with its own clock, ids, orders, fills, balances and positions.

It is the truth that the platform is compared with. It keeps a ledger of every request that reached it and of what it
decided. Whatever happens in an account becomes a line of the account's journal, which streams, polls and replays read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import VenueOrderStatus
from tests.scripted.clock import FakeClock
from tests.scripted.specs import Kind, instruments_of

FEE_RATE = Decimal("0.001")


@dataclass(eq=False)
class VenueFill:
    """One execution as the venue knows it now."""

    trade_id: str
    order: "VenueOrder"
    price: Decimal
    quantity: Decimal
    fees: tuple[Fee, ...]
    at_ms: int
    changed_at_ms: int
    is_busted: bool = False


@dataclass(eq=False, kw_only=True)
class VenueOrder:
    """One order as the venue knows it now. `sent_id` is the client's own id, `former_ids` what it was called before.
    `is_odd`: sessions cannot read what the venue says of it."""

    account: "VenueAccount"
    id: str
    sent_id: str | None
    instrument_id: InstrumentId
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    limit_price: Decimal | None
    expire_at_ms: int | None
    is_by_hand: bool = False
    is_liquidation: bool = False
    status: VenueOrderStatus = VenueOrderStatus.WORKING
    cancel_reason: CancelReason = CancelReason.VENUE
    is_rejected: bool = False
    fills: list[VenueFill] = field(default_factory=list)
    former_ids: list[str] = field(default_factory=list)
    placed_at_ms: int
    changed_at_ms: int = 0
    is_forgotten: bool = False
    is_odd: bool = False

    @property
    def executed(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills if not fill.is_busted), ZERO)

    @property
    def is_working(self) -> bool:
        return self.status is VenueOrderStatus.WORKING


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an account's journal: what happened (`what` names it for tests), and to what. `id` is what the order
    was called then, `former_id` what it was called before a rename."""

    at_ms: int
    what: str
    order: VenueOrder | None = None
    fill: VenueFill | None = None
    asset: str | None = None
    instrument_id: InstrumentId | None = None
    as_of: int = 0
    values: tuple[Decimal, ...] = ()
    id: str = ""
    former_id: str | None = None

    @property
    def about(self) -> InstrumentId | None:
        return self.order.instrument_id if self.order is not None else self.instrument_id


@dataclass(eq=False)
class VenueAccount:
    """One account at the venue. `as_of` counts its changes of balances and positions."""

    external_id: str
    type: AccountType
    totals: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[InstrumentId, tuple[Decimal, Decimal]] = field(default_factory=dict)
    orders: list[VenueOrder] = field(default_factory=list)
    journal: list[Line] = field(default_factory=list)
    listeners: list[Callable[[Line], None]] = field(default_factory=list)
    as_of: int = 0
    nonces: list[int] = field(default_factory=list)

    def fills(self) -> list[VenueFill]:
        return [fill for order in self.orders for fill in order.fills]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that reached the venue, and its decision. Both clocks: the venue's, and ours that never goes back."""

    kind: str
    external_id: str
    names: tuple[str, ...]
    decision: str
    at_ms: int
    elapsed_ms: int


class ScriptedVenue:
    """`forgets_before_ms`: what its history has lost, by its own clock. `odd_assets`: sessions cannot read what it says
    of their balances."""

    def __init__(self, kind: Kind, clock: FakeClock) -> None:
        self.kind = kind
        self.clock = clock
        self.instruments = instruments_of(kind.spec)
        self.accounts: dict[str, VenueAccount] = {}
        self.keys: dict[str, list[str]] = {}
        self.ledger: list[Request] = []
        self.forgets_before_ms = 0
        self.balance_comes_first = False
        self.odd_assets: set[str] = set()
        self._numbers: dict[tuple[str, InstrumentId | None], int] = {}

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms() + self.kind.offset_ms

    @property
    def btc(self) -> InstrumentId:
        return self.instruments[0].id

    @property
    def eth(self) -> InstrumentId:
        return self.instruments[1].id

    @property
    def perpetual(self) -> InstrumentId:
        return self.instruments[2].id

    def add_account(self, external_id: str, key: str, type: AccountType = AccountType.SPOT) -> VenueAccount:
        account = self.accounts[external_id] = VenueAccount(external_id, type)
        self.keys.setdefault(key, []).append(external_id)
        return account

    def note(self, kind: str, account: VenueAccount, names: Sequence[str], decision: str) -> None:
        self.ledger.append(
            Request(kind, account.external_id, tuple(names), decision, self.now_ms, self.clock.monotonic_ms())
        )

    def requests(self, kind: str, name: str | None = None) -> list[Request]:
        return [each for each in self.ledger if each.kind == kind and (name is None or name in each.names)]

    def takes_nonce(self, account: VenueAccount, nonce: int) -> bool:
        """Whether a request with this nonce is taken."""
        is_higher = not account.nonces or nonce > account.nonces[-1]
        if is_higher:
            account.nonces.append(nonce)
        return is_higher

    def reset(self) -> None:
        """Forget all orders and what happened, and count from the beginning again. Accounts and keys stay."""
        self._numbers.clear()
        for account in self.accounts.values():
            account.orders.clear()
            account.journal.clear()

    # --- orders

    def find(self, account: VenueAccount, sent_id: str | None) -> VenueOrder | None:
        return next((o for o in account.orders if sent_id and o.sent_id == sent_id and not o.is_forgotten), None)

    def find_by_id(self, account: VenueAccount, instrument_id: InstrumentId, id: str) -> VenueOrder | None:
        return next(
            (
                order
                for order in account.orders
                if order.instrument_id == instrument_id and id in (order.id, *order.former_ids)
                if not order.is_forgotten
            ),
            None,
        )

    def place(
        self,
        account: VenueAccount,
        instrument_id: InstrumentId,
        side: Side,
        quantity: Decimal,
        limit_price: Decimal | None,
        *,
        type: OrderType = OrderType.LIMIT,
        time_in_force: TimeInForce = TimeInForce.GTC,
        sent_id: str | None = None,
        expire_at_ms: int | None = None,
        is_by_hand: bool = True,
        is_liquidation: bool = False,
        is_odd: bool = False,
    ) -> VenueOrder:
        """Take an order in. `is_by_hand`: it did not come from a session of ours."""
        order = VenueOrder(
            account=account, id=str(self._next("order", instrument_id)), sent_id=sent_id, instrument_id=instrument_id,
            side=side, type=type, time_in_force=time_in_force, quantity=quantity, limit_price=limit_price,
            expire_at_ms=expire_at_ms, is_by_hand=is_by_hand, is_liquidation=is_liquidation, placed_at_ms=self.now_ms,
            is_odd=is_odd,
        )  # fmt: skip
        account.orders.append(order)
        self._publish_order(order, "external" if is_by_hand else "accepted")
        return order

    def fill(
        self, order: VenueOrder, quantity: str | Decimal, price: str | Decimal = "100", *, has_late_fee: bool = False
    ) -> VenueFill:
        """Execute a part of an order. With `has_late_fee` its fee is charged and reported by `charge`."""
        quantity, price = Decimal(quantity), Decimal(price)
        fees = () if has_late_fee else (Fee("USDT", quantity * price * FEE_RATE),)
        trade_id = str(self._next("trade", order.instrument_id))
        fill = VenueFill(trade_id, order, price, quantity, fees, self.now_ms, self.now_ms)
        order.fills.append(fill)
        if order.executed >= order.quantity:
            order.status = VenueOrderStatus.FILLED
        order.changed_at_ms = self.now_ms
        self._move(order, fill, 1)
        line = Line(self.now_ms, "fill", order, fill)
        if self.balance_comes_first:
            self._publish_books(order)
        self._publish(order.account, line)
        if not self.balance_comes_first:
            self._publish_books(order)
        return fill

    def charge(self, fill: VenueFill, quantity: str) -> None:
        """Charge the whole fee of an execution, after it."""
        order = fill.order
        self._move(order, fill, -1)
        fill.fees, fill.changed_at_ms = (Fee("USDT", Decimal(quantity)),), self.now_ms
        self._move(order, fill, 1)
        self._publish(order.account, Line(self.now_ms, "fee", order, fill))
        self._publish_books(order)

    def bust(self, fill: VenueFill) -> None:
        """Take an execution back."""
        self._move(fill.order, fill, -1)
        fill.is_busted, fill.changed_at_ms = True, self.now_ms
        self._publish(fill.order.account, Line(self.now_ms, "bust", fill.order, fill))
        self._publish_books(fill.order)

    def correct(self, fill: VenueFill, price: str) -> None:
        """Change an execution's price."""
        self._move(fill.order, fill, -1)
        fill.price, fill.changed_at_ms = Decimal(price), self.now_ms
        self._move(fill.order, fill, 1)
        values = (fill.price, fill.quantity)
        self._publish(fill.order.account, Line(self.now_ms, "correction", fill.order, fill, values=values))
        self._publish_books(fill.order)

    def cancel(
        self, order: VenueOrder, reason: CancelReason = CancelReason.USER, *, says_quantity: bool = True
    ) -> None:
        order.cancel_reason = reason
        self._end(order, VenueOrderStatus.CANCELED, "canceled" if says_quantity else "canceled without quantity")

    def expire(self, order: VenueOrder) -> None:
        self._end(order, VenueOrderStatus.EXPIRED, "expired")

    def reject_rest(self, order: VenueOrder) -> None:
        """Refuse what is left of an order that was partly executed."""
        order.is_rejected = True
        self._end(order, VenueOrderStatus.CANCELED, "rejected")

    def amend(self, order: VenueOrder, quantity: str, limit_price: str) -> None:
        """Somebody changes the order by hand."""
        order.quantity, order.limit_price = Decimal(quantity), Decimal(limit_price)
        self._publish_order(order, "amended")

    def rename(self, order: VenueOrder, id: str) -> None:
        """The venue replaces the order and calls it otherwise from now on."""
        order.former_ids.append(order.id)
        order.id = id
        self._publish_order(order, "renamed")

    def liquidate(self, account: VenueAccount, instrument_id: InstrumentId, price: str) -> VenueOrder:
        """Close a position by an order of the venue's own."""
        quantity, _ = account.positions[instrument_id]
        side = Side.SELL if quantity > 0 else Side.BUY
        order = self.place(
            account, instrument_id, side, abs(quantity), None, type=OrderType.MARKET, time_in_force=TimeInForce.IOC,
            is_liquidation=True,
        )  # fmt: skip
        self.fill(order, abs(quantity), price)
        return order

    def deposit(self, account: VenueAccount, asset: str, quantity: str) -> None:
        account.totals[asset] = account.totals.get(asset, ZERO) + Decimal(quantity)
        account.as_of += 1
        self._publish_balance(account, asset)

    def locked(self, account: VenueAccount, asset: str) -> Decimal:
        """What working orders hold of a balance."""
        held = ZERO
        for order in account.orders:
            if order.is_working and account.type is AccountType.SPOT:
                instrument = next(i for i in self.instruments if i.id == order.instrument_id)
                leaves = order.quantity - order.executed
                if order.side is Side.SELL and instrument.base_asset == asset:
                    held += leaves
                elif order.side is Side.BUY and instrument.quote_asset == asset:
                    held += leaves * (order.limit_price or ZERO)
        return held

    # --- inside

    def _next(self, what: str, instrument_id: InstrumentId) -> int:
        key = (what, instrument_id if self.kind.ids_per_symbol else None)
        self._numbers[key] = self._numbers.get(key, 0) + 1
        return self._numbers[key]

    def _end(self, order: VenueOrder, status: VenueOrderStatus, what: str) -> None:
        order.status = status
        self._publish_order(order, what)
        self._publish_books(order)

    def _move(self, order: VenueOrder, fill: VenueFill, sign: int) -> None:
        account = order.account
        instrument = next(i for i in self.instruments if i.id == order.instrument_id)
        signed = sign * order.side.sign * fill.quantity
        changes = {fee.asset: -sign * fee.quantity for fee in fill.fees}
        if account.type is AccountType.SPOT:
            changes[instrument.base_asset] = changes.get(instrument.base_asset, ZERO) + signed
            changes[instrument.quote_asset] = changes.get(instrument.quote_asset, ZERO) - signed * fill.price
        else:
            quantity, cost = account.positions.get(instrument.id, (ZERO, ZERO))
            now = quantity + signed
            account.positions[instrument.id] = (now, ZERO if now == 0 else cost + signed * fill.price)
            if now == 0:
                paid = -(cost + signed * fill.price)
                changes[instrument.quote_asset] = changes.get(instrument.quote_asset, ZERO) + paid
        for asset, change in changes.items():
            account.totals[asset] = account.totals.get(asset, ZERO) + change
        account.as_of += 1

    def _publish_books(self, order: VenueOrder) -> None:
        instrument = next(i for i in self.instruments if i.id == order.instrument_id)
        assets = {instrument.quote_asset}
        if order.account.type is AccountType.SPOT:
            assets.add(instrument.base_asset)
        else:
            quantity, cost = order.account.positions.get(instrument.id, (ZERO, ZERO))
            line = Line(
                self.now_ms, "position", instrument_id=instrument.id, as_of=order.account.as_of, values=(quantity, cost)
            )
            self._publish(order.account, line)
        for asset in sorted(assets):
            self._publish_balance(order.account, asset)

    def _publish_balance(self, account: VenueAccount, asset: str) -> None:
        values = (account.totals.get(asset, ZERO), self.locked(account, asset))
        self._publish(account, Line(self.now_ms, "balance", asset=asset, as_of=account.as_of, values=values))

    def _publish_order(self, order: VenueOrder, what: str) -> None:
        order.changed_at_ms = self.now_ms
        self._publish(order.account, Line(self.now_ms, what, order, values=(order.executed,)))

    def _publish(self, account: VenueAccount, line: Line) -> None:
        if line.order is not None:
            former_id = line.order.former_ids[-1] if line.what == "renamed" else None
            line = replace(line, id=line.order.id, former_id=former_id)
        account.journal.append(line)
        for listener in list(account.listeners):
            listener(line)
