"""What the venue keeps: orders, trades and the batches in which they change. Records are immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.exchange.records import EngineMemory, LedgerBalance, Posting, VenueAccount, VenueOrder

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotOrderRequest:
    """An order as a client asks for it, already checked for form. `quantity` is None for a MARKET order by
    `quote_quantity`."""

    symbol: str
    side: Side
    type: str
    time_in_force: str
    quantity: Decimal | None
    quote_quantity: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    trailing_delta: int | None
    client_order_id: str | None


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class SpotOrder:
    """An order in the venue's words. `order_id` counts per symbol. `working_ms` is None until the order is on the
    book. A trailing stop has `trailing_delta` in basis points; `trailing_mark` is the best price since it trails, which
    it does since `trailing_ms`.
    """

    symbol: str
    order_id: int
    account: str
    client_order_id: str
    side: Side
    type: str
    time_in_force: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    stop_price: Decimal
    status: str
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    expiry_reason: str | None = None
    created_ms: int
    updated_ms: int
    working_ms: int | None
    trailing_delta: int | None = None
    trailing_mark: Decimal | None = None
    trailing_ms: int | None = None

    @property
    def is_trailing(self) -> bool:
        """Whether the order waits for its trailing stop, outside the engine."""
        return self.is_open and self.trailing_delta is not None and self.working_ms is None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def key(self) -> tuple[str, int]:
        return self.symbol, self.order_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotTrade:
    """One side of a trade. `trade_id` counts per symbol; the two sides of a trade share it."""

    symbol: str
    trade_id: int
    order_id: int
    account: str
    is_buyer: bool
    is_maker: bool
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    at_ms: int

    @property
    def cost(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeTrade:
    """A trade as everyone sees it."""

    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotExecution:
    """What happened to an order: `order` is its state right after that. `cancel_id` is the client's id of a cancel."""

    type: str
    order: SpotOrder
    trade: SpotTrade | None = None
    cancel_id: str | None = None
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotDeposit:
    """Assets that came to an account from outside; negative for a withdrawal."""

    account: str
    asset: str
    amount: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A trading request and what became of it: `OK`, or the refusal's code and text."""

    account: str
    name: str
    parameters: dict[str, str]
    outcome: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The last numbers of a symbol that this batch may have used."""

    symbol: str
    order_id: int
    trade_id_reserved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """One line of the ledger of truth: what one request or one movement of the market changed. `executions` is how many
    executions the venue has counted since its first start.

    Rows are in their state after the change; trades, deposits and postings are new. `venue_orders` hold what an order
    needs to continue after a restart.
    """

    at_ms: int
    request: RequestRow | None = None
    accounts: tuple[VenueAccount, ...] = ()
    orders: tuple[SpotOrder, ...] = ()
    venue_orders: tuple[VenueOrder, ...] = ()
    trades: tuple[SpotTrade, ...] = ()
    deposits: tuple[SpotDeposit, ...] = ()
    balances: tuple[LedgerBalance, ...] = ()
    postings: tuple[Posting, ...] = ()
    engines: tuple[EngineMemory, ...] = ()
    counters: tuple[Counters, ...] = ()
    executions: int = 0

    @property
    def is_empty(self) -> bool:
        return self.request is None and not (self.orders or self.trades or self.balances or self.counters)
