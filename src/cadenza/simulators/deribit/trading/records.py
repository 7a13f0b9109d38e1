"""What the simulator of DERIBIT keeps: orders, trades, positions and money, and the batches in which they change.
Records are immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.exchange import OpenOrder
from cadenza.exchange.records import EngineMemory
from cadenza.simulators.kit.records import Counters, RequestRow

OPEN_STATES = frozenset({"open", "untriggered"})
MARKET_TYPES = frozenset({"market", "stop_market", "take_market", "trailing_stop"})
"""Types without a limit of the client's own."""

TRIGGER_TYPES = frozenset({"stop_limit", "stop_market", "take_limit", "take_market", "trailing_stop"})
AVERAGE_PLACES = 8


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class DeribitOrder:
    """An order in the venue's words. A trigger order has no part in the book; when it triggers it becomes another
    order, whose `trigger_order_id` names it.

    `price` is the limit, for a market order the bound of its executions. `worth` is what was executed: USD amounts
    divided by their prices for an inverse future, amounts times prices for all others. `display` is the shown part of
    an iceberg. `placed` counts its orders in the engine: an edit and each new part of an iceberg make one more. `peak`
    is the best price since a trailing stop follows. `connection` is the socket on which it was placed.
    """

    id: str
    account: str
    instrument: str
    side: Side
    type: str
    original_type: str | None
    time_in_force: str
    amount: Decimal
    price: Decimal | None
    label: str
    is_post_only: bool
    rejects_post_only: bool
    is_reduce_only: bool
    display: Decimal | None
    trigger: str | None
    trigger_price: Decimal | None
    trigger_offset: Decimal | None
    peak: Decimal | None
    state: str
    filled: Decimal = ZERO
    worth: Decimal = ZERO
    cancel_reason: str | None = None
    is_replaced: bool = False
    trigger_order_id: str | None = None
    expire_at_ms: int | None = None
    placed: int = 0
    connection: int | None = None
    created_ms: int
    updated_ms: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its trigger."""
        return self.state == "untriggered"

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.filled

    @property
    def engine_id(self) -> str:
        return f"{self.id}/{self.placed}"

    def average_price(self, *, is_inverse: bool) -> Decimal:
        if not self.filled:
            return ZERO
        return (
            divide(self.filled, self.worth, AVERAGE_PLACES)
            if is_inverse
            else divide(self.worth, self.filled, AVERAGE_PLACES)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitTrade:
    """One side of a trade. `seq` counts per instrument, the number in `id` per currency. `state` is the order's right
    after the trade."""

    id: str
    seq: int
    instrument: str
    order_id: str
    order_type: str
    account: str
    side: Side
    price: Decimal
    amount: Decimal
    is_maker: bool
    fee: Decimal
    fee_currency: str
    profit: Decimal | None
    index_price: Decimal
    mark_price: Decimal
    tick_direction: int
    state: str
    label: str
    is_post_only: bool
    is_reduce_only: bool
    at_ms: int


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class DeribitPosition:
    """A position. `size` is negative for a short one: USD of an inverse future, base units of all others. `cost` is
    what it was bought for, `basis` what its profit of this session is measured from; both as `worth_of` values them.
    `realized` and `funding` are those of this session."""

    account: str
    instrument: str
    size: Decimal = ZERO
    cost: Decimal = ZERO
    basis: Decimal = ZERO
    realized: Decimal = ZERO
    funding: Decimal = ZERO
    settlement_price: Decimal | None = None
    updated_ms: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.account, self.instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitWallet:
    """Money of an account. `session` is what futures realised since the last settlement, which the balance does not
    hold yet."""

    account: str
    currency: str
    balance: Decimal = ZERO
    session: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A movement of money. All entries of a currency, those of the session included, add up to what the account has.
    `amount` moves the balance, `session` what futures realised in this session."""

    number: int
    account: str
    currency: str
    kind: str
    amount: Decimal
    session: Decimal
    instrument: str
    trade_id: str | None
    order_id: str | None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSlice:
    """An open order as its engine needs it to continue."""

    instrument: str
    order: OpenOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentState:
    """The state of an instrument, and the price at which it was delivered."""

    instrument: str
    state: str
    delivery_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePoint:
    """A price that was set: of an index, or the mark price of an instrument (None: it follows the trades again)."""

    name: str
    price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeribitRow:
    """One line of the ledger of truth: what one request or one movement of the market changed. Rows are in their state
    after the change; trades and entries are new. `settled_ms` is the last daily settlement."""

    at_ms: int
    request: RequestRow | None = None
    orders: tuple[DeribitOrder, ...] = ()
    trades: tuple[DeribitTrade, ...] = ()
    positions: tuple[DeribitPosition, ...] = ()
    wallets: tuple[DeribitWallet, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    states: tuple[InstrumentState, ...] = ()
    prices: tuple[PricePoint, ...] = ()
    placed: tuple[PlacedSlice, ...] = ()
    engines: tuple[EngineMemory, ...] = ()
    counters: tuple[Counters, ...] = ()
    settled_ms: int | None = None
    disconnect_cancels: dict[str, bool] | None = None

    @property
    def is_empty(self) -> bool:
        return self == DeribitRow(at_ms=self.at_ms)


def latest_row(rows: list[DeribitRow]) -> DeribitRow:
    """Return one row with the latest state of everything that the rows hold."""
    orders = {order.id: order for row in rows for order in row.orders}
    open_ids = {order.engine_id for order in orders.values() if order.is_open}
    placed = {each.order.order_id: each for row in rows for each in row.placed}
    settings = [row.disconnect_cancels for row in rows if row.disconnect_cancels is not None]
    return DeribitRow(
        at_ms=rows[-1].at_ms if rows else 0,
        orders=tuple(orders.values()),
        trades=tuple(trade for row in rows for trade in row.trades),
        positions=tuple({position.key: position for row in rows for position in row.positions}.values()),
        wallets=tuple({(each.account, each.currency): each for row in rows for each in row.wallets}.values()),
        entries=tuple(entry for row in rows for entry in row.entries),
        states=tuple({each.instrument: each for row in rows for each in row.states}.values()),
        prices=tuple({each.name: each for row in rows for each in row.prices}.values()),
        placed=tuple(each for id, each in placed.items() if id in open_ids),
        engines=tuple({memory.instrument_id: memory for row in rows for memory in row.engines}.values()),
        counters=tuple({each.symbol: each for row in rows for each in row.counters}.values()),
        settled_ms=max((row.settled_ms for row in rows if row.settled_ms is not None), default=None),
        disconnect_cancels=settings[-1] if settings else None,
    )
