"""What USD-M keeps: orders, trades, positions and money, and the batches in which they change. Records are immutable
values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.exchange import OpenOrder
from cadenza.exchange.records import EngineMemory
from cadenza.simulators.kit.records import Counters, TapeTrade

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
ENTRY_PLACES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesOrderRequest:
    """An order of the matching engine as a client or the algo service asks for it, already checked for form."""

    symbol: str
    side: Side
    position_side: str
    type: str
    time_in_force: str
    quantity: Decimal
    price: Decimal | None = None
    is_reduce_only: bool = False
    good_till_ms: int | None = None
    client_order_id: str | None = None
    algo_type: str | None = None
    trigger_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    is_closing_all: bool = False
    is_liquidation: bool = False

    @property
    def closes_only(self) -> bool:
        """Whether it may only make a position smaller."""
        closing = {"LONG": Side.SELL, "SHORT": Side.BUY}.get(self.position_side)
        return self.is_reduce_only or self.is_closing_all or closing is self.side


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class FuturesOrder:
    """An order in the venue's words. `order_id` counts per symbol. `original_type` is the type under which it was asked
    for, which differs from `type` when the algo service placed it."""

    symbol: str
    order_id: int
    account: str
    client_order_id: str
    side: Side
    position_side: str
    type: str
    original_type: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    stop_price: Decimal
    working_type: str
    is_reduce_only: bool
    closes_only: bool
    is_closing_all: bool
    good_till_ms: int | None
    status: str
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    expiry_reason: str = "0"
    created_ms: int
    updated_ms: int

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def key(self) -> tuple[str, int]:
        return self.symbol, self.order_id

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def average_price(self) -> Decimal:
        return divide(self.cost, self.executed, ENTRY_PLACES) if self.executed else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesTrade:
    """One side of a trade. `trade_id` counts per symbol."""

    symbol: str
    trade_id: int
    order_id: int
    account: str
    side: Side
    position_side: str
    is_maker: bool
    price: Decimal
    quantity: Decimal
    realized: Decimal
    commission: Decimal
    commission_asset: str
    at_ms: int

    @property
    def cost(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class ConditionalOrder:
    """A conditional order. `mark` is the best price since a trailing stop follows, None before its activation.
    `order_id` is the order that it became, None until then."""

    algo_id: int
    account: str
    client_algo_id: str
    symbol: str
    side: Side
    position_side: str
    type: str
    time_in_force: str
    quantity: Decimal
    price: Decimal
    trigger_price: Decimal
    working_type: str
    is_reduce_only: bool
    is_closing_all: bool
    is_protected: bool
    activate_price: Decimal | None
    callback_rate: Decimal | None
    good_till_ms: int | None
    status: str
    mark: Decimal | None = None
    order_id: int | None = None
    trigger_ms: int = 0
    failure: str | None = None
    created_ms: int
    updated_ms: int

    @property
    def is_open(self) -> bool:
        return self.status == "NEW"


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class FuturesPosition:
    """A position: `side` is BOTH, or LONG or SHORT where positions are hedged. `amount` is negative for a short one.
    `cost` is what the amount was bought for, with the amount's sign. `isolated` is the margin that only this position
    may lose."""

    account: str
    symbol: str
    side: str
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    isolated: Decimal = ZERO
    realized: Decimal = ZERO
    updated_ms: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.symbol, self.side

    @property
    def entry_price(self) -> Decimal:
        return divide(self.cost, self.amount, ENTRY_PLACES) if self.amount else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """How much of an asset an account has, without what its open positions would win or lose."""

    account: str
    asset: str
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSetting:
    """Leverage and margin type of an account's positions in a symbol."""

    account: str
    symbol: str
    leverage: int = 20
    is_isolated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSetting:
    """Whether an account's positions are hedged: one long and one short side by side."""

    account: str
    is_hedged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """A movement of a wallet. All movements of a wallet add up to its balance. `info` is the trade id, where there is
    one."""

    account: str
    asset: str
    amount: Decimal
    kind: str
    symbol: str
    info: str
    number: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesExecution:
    """What happened to an order: `order` is its state right after that."""

    type: str
    order: FuturesOrder
    trade: FuturesTrade | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgoChange:
    """What happened to a conditional order. `actual` is the order that it became, as it is now."""

    algo: ConditionalOrder
    actual: FuturesOrder | None = None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletChange:
    """`cross` is the part of the balance that isolated positions do not hold. `change` leaves out profit and fees."""

    asset: str
    balance: Decimal
    cross: Decimal
    change: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesPositionChange:
    position: FuturesPosition
    unrealized: Decimal
    is_isolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesAccountChange:
    """Wallets and positions that changed, each as it is right after that."""

    account: str
    reason: str
    wallets: tuple[WalletChange, ...] = ()
    positions: tuple[FuturesPositionChange, ...] = ()
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverageChange:
    account: str
    symbol: str
    leverage: int
    at_ms: int


FuturesEvent = FuturesExecution | AlgoChange | FuturesAccountChange | LeverageChange


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """An open order as its engine needs it to continue."""

    symbol: str
    order: OpenOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesRow:
    """What one request or one movement of the market changed in USD-M. Rows are in their state after the change; trades
    and incomes are new. `placed` holds what the engines need of those orders that are open."""

    orders: tuple[FuturesOrder, ...] = ()
    algos: tuple[ConditionalOrder, ...] = ()
    trades: tuple[FuturesTrade, ...] = ()
    positions: tuple[FuturesPosition, ...] = ()
    wallets: tuple[Wallet, ...] = ()
    settings: tuple[SymbolSetting, ...] = ()
    accounts: tuple[AccountSetting, ...] = ()
    incomes: tuple[Income, ...] = ()
    placed: tuple[PlacedOrder, ...] = ()
    engines: tuple[EngineMemory, ...] = ()
    counters: tuple[Counters, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == FuturesRow()


@dataclass(frozen=True, slots=True)
class FuturesNews:
    """The events that one batch publishes, in the order in which they happened."""

    events: tuple[FuturesEvent, ...]
    tape: tuple[TapeTrade, ...]
    touched: frozenset[str]

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.tape or self.touched)


def latest(rows: list[FuturesRow]) -> FuturesRow:
    """Return one row with the latest state of everything that the rows hold."""
    orders = {order.key: order for row in rows for order in row.orders}
    placed = {(each.symbol, each.order.order_id): each for row in rows for each in row.placed}
    open_ids = {f"{order.symbol}:{order.order_id}" for order in orders.values() if order.is_open}
    return FuturesRow(
        orders=tuple(orders.values()),
        algos=tuple({algo.algo_id: algo for row in rows for algo in row.algos}.values()),
        trades=tuple(trade for row in rows for trade in row.trades),
        positions=tuple({position.key: position for row in rows for position in row.positions}.values()),
        wallets=tuple({(each.account, each.asset): each for row in rows for each in row.wallets}.values()),
        settings=tuple({(each.account, each.symbol): each for row in rows for each in row.settings}.values()),
        accounts=tuple({each.account: each for row in rows for each in row.accounts}.values()),
        incomes=tuple(income for row in rows for income in row.incomes),
        placed=tuple(each for each in placed.values() if each.order.order_id in open_ids),
        engines=tuple({memory.instrument_id: memory for row in rows for memory in row.engines}.values()),
        counters=tuple({each.symbol: each for row in rows for each in row.counters}.values()),
    )
