"""What the simulator keeps: orders, trades, positions and money, and the batches in which they change. Records are
immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.exchange import OpenOrder
from cadenza.exchange.records import EngineMemory
from cadenza.simulators.kit.records import Counters, TapeTrade

OPEN = frozenset({"live", "partially_filled"})
AVERAGE_PLACES = 8
BASE_UNITS, QUOTE_UNITS = "base_ccy", "quote_ccy"


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxOrderRequest:
    """An order as a client or the algo service asks for it, already checked for form. `size` is in `target` units;
    `bans_amend` forbids to shrink a market order to the funds."""

    symbol: str
    instrument_type: str
    trade_mode: str
    side: Side
    position_side: str
    type: str
    size: Decimal
    price: Decimal | None = None
    target: str = ""
    client_order_id: str = ""
    tag: str = ""
    is_reduce_only: bool = False
    stp_mode: str = "cancel_maker"
    bans_amend: bool = False
    algo_id: int | None = None
    algo_client_id: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class SimulatedOrder:
    """An order in the venue's words. `size` is what was asked for, in `target` units; `quantity` is what the engine
    works on, in base units or contracts. `fee` is negative when it was paid. The `last_` fields are of its last
    execution. `revision` counts its amendments."""

    symbol: str
    order_id: int
    account: str
    client_order_id: str
    tag: str
    instrument_type: str
    trade_mode: str
    side: Side
    position_side: str
    type: str
    price: Decimal | None
    size: Decimal
    target: str
    quantity: Decimal
    is_reduce_only: bool
    stp_mode: str
    lever: int | None
    state: str
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    fee_asset: str = ""
    profit: Decimal = ZERO
    category: str = "normal"
    cancel_source: str = ""
    algo_id: int | None = None
    algo_client_id: str = ""
    source: str = ""
    last_price: Decimal | None = None
    last_quantity: Decimal = ZERO
    last_trade_id: int | None = None
    last_fill_ms: int | None = None
    revision: int = 0
    created_ms: int
    updated_ms: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def key(self) -> tuple[str, int]:
        return self.symbol, self.order_id

    @property
    def is_spot(self) -> bool:
        """Whether it moves assets. An order of a margin pair moves a position instead."""
        return self.instrument_type == "SPOT"

    @property
    def engine_id(self) -> str:
        return f"{self.order_id}.{self.revision}"

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def average_price(self) -> Decimal | None:
        return divide(self.cost, self.executed, AVERAGE_PLACES) if self.executed else None

    @property
    def closes_only(self) -> bool:
        """Whether it may only make a position smaller."""
        closing = {"long": Side.SELL, "short": Side.BUY}.get(self.position_side)
        return self.is_reduce_only or closing is self.side


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTrade:
    """One side of a trade. `trade_id` counts per instrument."""

    symbol: str
    trade_id: int
    bill_id: int
    order_id: int
    account: str
    client_order_id: str
    tag: str
    instrument_type: str
    side: Side
    position_side: str
    is_maker: bool
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    profit: Decimal
    at_ms: int


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class SimulatedAlgoOrder:
    """A conditional order: `conditional` and `oco` have stop and take-profit prices, `trigger` one trigger price,
    `move_order_stop` trails by a ratio or a spread. An order price of -1 means at market. `best` is the best price
    since a trailing stop follows, None before its activation. `order_id` is the order that it became, if it did."""

    algo_id: int
    account: str
    client_id: str
    tag: str
    symbol: str
    instrument_type: str
    trade_mode: str
    side: Side
    position_side: str
    type: str
    size: Decimal
    target: str
    is_reduce_only: bool
    take_trigger: Decimal | None = None
    take_price: Decimal | None = None
    take_by: str = ""
    stop_trigger: Decimal | None = None
    stop_price: Decimal | None = None
    stop_by: str = ""
    trigger: Decimal | None = None
    trigger_price: Decimal | None = None
    trigger_by: str = ""
    triggers_on_rise: bool | None = None
    callback_ratio: Decimal | None = None
    callback_spread: Decimal | None = None
    active_price: Decimal | None = None
    best: Decimal | None = None
    state: str = "live"
    actual_side: str = ""
    order_id: int | None = None
    fail_code: str = ""
    trigger_ms: int | None = None
    created_ms: int
    updated_ms: int

    @property
    def is_open(self) -> bool:
        return self.state == "live"

    @property
    def stop(self) -> Decimal | None:
        """Where a trailing stop triggers now; None before its activation."""
        if self.best is None:
            return None
        distance = self.callback_spread if self.callback_ratio is None else self.best * self.callback_ratio
        assert distance is not None
        return self.best + self.side.sign * distance


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class SimulatedPosition:
    """A position in contracts; `amount` is negative for a short one. `cost` is what the amount is worth at its entry,
    with the amount's sign, in the asset that settles. `margin` is what an isolated position may lose at most."""

    account: str
    symbol: str
    side: str
    mode: str
    position_id: int = 0
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO
    realized: Decimal = ZERO
    fee: Decimal = ZERO
    trade_id: int | None = None
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.account, self.symbol, self.mode, self.side


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedBalance:
    """How much of an asset an account has, without what its positions would win or lose. Negative is borrowed."""

    account: str
    asset: str
    cash: Decimal
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxAccountMode:
    account: str
    level: str
    position_mode: str
    borrows: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxLever:
    account: str
    symbol: str
    mode: str
    side: str
    lever: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.account, self.symbol, self.mode, self.side


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxBill:
    """A movement of cash. All bills of an asset add up to its cash."""

    bill_id: int
    account: str
    asset: str
    change: Decimal
    after: Decimal
    type: str
    subtype: str
    symbol: str = ""
    instrument_type: str = ""
    order_id: int | None = None
    trade_id: int | None = None
    fee: Decimal = ZERO
    profit: Decimal = ZERO
    price: Decimal | None = None
    quantity: Decimal | None = None
    mode: str = ""
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """What happened to an order: `order` is its state right after that. `amend_result` is 0 for an amendment."""

    order: SimulatedOrder
    trade: SimulatedTrade | None = None
    amend_result: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgoOrderChange:
    algo: SimulatedAlgoOrder


OkxEvent = OrderChange | AlgoOrderChange


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOkxOrder:
    """An open order as its engine needs it to continue."""

    symbol: str
    order: OpenOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRow:
    """What changed in positions and money. Rows are in their state after the change; bills are new."""

    positions: tuple[SimulatedPosition, ...] = ()
    balances: tuple[SimulatedBalance, ...] = ()
    modes: tuple[OkxAccountMode, ...] = ()
    levers: tuple[OkxLever, ...] = ()
    bills: tuple[OkxBill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxRow:
    """What one request or one movement of the market changed. `placed` holds what the engines need of those orders that
    are open."""

    orders: tuple[SimulatedOrder, ...] = ()
    algos: tuple[SimulatedAlgoOrder, ...] = ()
    trades: tuple[SimulatedTrade, ...] = ()
    money: MoneyRow = MoneyRow()
    placed: tuple[PlacedOkxOrder, ...] = ()
    engines: tuple[EngineMemory, ...] = ()
    counters: tuple[Counters, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == OkxRow()


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxNews:
    """What one batch publishes, in the order in which it happened."""

    events: tuple[OkxEvent, ...]
    tape: tuple[TapeTrade, ...]
    books: frozenset[str]
    balances: dict[tuple[str, str], None]
    positions: dict[tuple[str, str, str, str], None]

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.tape or self.books or self.balances or self.positions)


def latest(rows: list[OkxRow]) -> OkxRow:
    """Return one row with the latest state of everything that the rows hold."""
    orders = {order.key: order for row in rows for order in row.orders}
    placed = {(each.symbol, each.order.order_id): each for row in rows for each in row.placed}
    open_ids = {order.engine_id for order in orders.values() if order.is_open}
    money = [row.money for row in rows]
    return OkxRow(
        orders=tuple(orders.values()),
        algos=tuple({algo.algo_id: algo for row in rows for algo in row.algos}.values()),
        trades=tuple(trade for row in rows for trade in row.trades),
        money=MoneyRow(
            positions=tuple({each.key: each for row in money for each in row.positions}.values()),
            balances=tuple({(each.account, each.asset): each for row in money for each in row.balances}.values()),
            modes=tuple({each.account: each for row in money for each in row.modes}.values()),
            levers=tuple({each.key: each for row in money for each in row.levers}.values()),
            bills=tuple(bill for row in money for bill in row.bills),
        ),
        placed=tuple(each for each in placed.values() if each.order.order_id in open_ids),
        engines=tuple({memory.instrument_id: memory for row in rows for memory in row.engines}.values()),
        counters=tuple({each.symbol: each for row in rows for each in row.counters}.values()),
    )
