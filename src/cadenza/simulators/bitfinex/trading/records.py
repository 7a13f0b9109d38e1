"""What the simulator keeps: orders, trades, positions and wallets, and the batches in which they change. Records are
immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.exchange import OpenOrder
from cadenza.exchange.records import EngineMemory
from cadenza.simulators.bitfinex.wire.numbers import decimal_text
from cadenza.simulators.kit.records import Counters, TapeTrade

HIDDEN, CLOSE, REDUCE_ONLY, POST_ONLY, OCO, NO_VARIABLE_RATES = 64, 512, 1024, 4096, 16384, 524288
FLAGS = HIDDEN | CLOSE | REDUCE_ONLY | POST_ONLY | OCO | NO_VARIABLE_RATES
AVERAGE_PLACES = 8

ON_EXCHANGE = "EXCHANGE "
LIMIT, MARKET, STOP, STOP_LIMIT, TRAILING_STOP, FOK, IOC = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP LIMIT",
    "TRAILING STOP",
    "FOK",
    "IOC",
)
KINDS = (LIMIT, MARKET, STOP, STOP_LIMIT, TRAILING_STOP, FOK, IOC)
"""Types of orders on margin. Those of the exchange wallet begin with `EXCHANGE`."""

WAITING_KINDS = (STOP, STOP_LIMIT, TRAILING_STOP)

EXECUTED, CANCELED, POST_ONLY_CANCELED = "EXECUTED", "CANCELED", "POSTONLY CANCELED"
IOC_CANCELED, FOK_CANCELED = "IOC CANCELED", "FILLORKILL CANCELED"
NO_BALANCE, SLIPPED_BALANCE = "INSUFFICIENT BALANCE (U1)", "INSUFFICIENT BALANCE (G1)"
REDUCE_INCREASES, REDUCE_FLIPS = "RSN_POS_REDUCE_INCR", "RSN_POS_REDUCE_FLIP"
NO_POSITION, PAUSED, DUST = "RSN_POS_NOTFOUND", "RSN_PAUSE", "RSN_DUST"
ENDINGS = (
    EXECUTED,
    CANCELED,
    POST_ONLY_CANCELED,
    IOC_CANCELED,
    FOK_CANCELED,
    NO_BALANCE,
    SLIPPED_BALANCE,
    REDUCE_INCREASES,
    REDUCE_FLIPS,
    NO_POSITION,
    PAUSED,
    DUST,
    "INSUFFICIENT MARGIN",
    "RSN_BOOK_SLIP",
)
"""Words with which an order ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexFill:
    """An execution as the status of an order tells it."""

    price: Decimal
    amount: Decimal


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class BitfinexOrder:
    """An order. `amount` is what was asked for, without a sign. `price` is the limit, or the trigger of an order that
    waits for one; `aux_limit` is the limit of a STOP LIMIT. `held_price` is the price for which it holds funds, 0 when
    the other order of a pair holds them. `oco_id` is the order that one executes or cancels. `ending` is the word with
    which it ended, empty while it is open. `revision` counts its amendments."""

    order_id: int
    account: str
    symbol: str
    gid: int | None
    cid: int
    type: str
    side: Side
    amount: Decimal
    price: Decimal
    trailing: Decimal = ZERO
    aux_limit: Decimal = ZERO
    held_price: Decimal = ZERO
    flags: int = 0
    tif_ms: int | None = None
    leverage: int | None = None
    meta: dict[str, object] = field(default_factory=dict)
    type_before: str | None = None
    oco_id: int | None = None
    is_triggered: bool = False
    fills: tuple[BitfinexFill, ...] = ()
    ending: str = ""
    revision: int = 0
    created_ms: int
    updated_ms: int

    @property
    def client_order_id(self) -> str:
        return str(self.cid)

    @property
    def is_open(self) -> bool:
        return not self.ending

    @property
    def key(self) -> tuple[str, int]:
        return self.symbol, self.order_id

    @property
    def engine_id(self) -> str:
        return f"{self.order_id}.{self.revision}"

    @property
    def kind(self) -> str:
        """The type without the wallet."""
        return self.type.removeprefix(ON_EXCHANGE)

    @property
    def is_on_exchange(self) -> bool:
        """Whether it trades the exchange wallet; else it makes a position."""
        return self.type.startswith(ON_EXCHANGE)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its trigger."""
        return self.kind in WAITING_KINDS and not self.is_triggered

    @property
    def pays_no_more_than_it_holds(self) -> bool:
        """Whether it buys at market from the exchange wallet when its trigger is reached."""
        at_market = self.kind in (STOP, TRAILING_STOP) or (self.kind == MARKET and self.is_triggered)
        return at_market and self.is_on_exchange and self.side is Side.BUY and bool(self.held_price)

    @property
    def is_hidden(self) -> bool:
        return bool(self.flags & HIDDEN)

    @property
    def executed(self) -> Decimal:
        return sum((fill.amount for fill in self.fills), ZERO)

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.executed

    @property
    def average_price(self) -> Decimal:
        """The average price of the executions, 0 without any."""
        executed = self.executed
        if not executed:
            return ZERO
        return divide(sum((fill.price * fill.amount for fill in self.fills), ZERO), executed, AVERAGE_PLACES)

    @property
    def status(self) -> str:
        """The status as the venue tells it, with all executions in it."""
        if self.ending == EXECUTED:
            *before, last = self.fills
            text = f"{EXECUTED} {self._told(last)}"
            return f"{text}: was {self._told_partial(tuple(before))}" if before else text
        partial = self._told_partial(self.fills)
        if not self.ending:
            return partial or "ACTIVE"
        return f"{self.ending} was: {partial}" if partial else self.ending

    def _told_partial(self, fills: tuple[BitfinexFill, ...]) -> str:
        return ", ".join(f"PARTIALLY FILLED {self._told(fill)}" for fill in fills)

    def _told(self, fill: BitfinexFill) -> str:
        return f"@ {decimal_text(fill.price)}({decimal_text(fill.amount * self.side.sign)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexTrade:
    """One side of a trade. `amount` and `fee` have no sign."""

    trade_id: int
    symbol: str
    account: str
    order_id: int
    cid: int
    side: Side
    amount: Decimal
    price: Decimal
    order_type: str
    order_price: Decimal
    is_maker: bool
    fee: Decimal
    fee_currency: str
    at_ms: int


@dataclass(frozen=True, kw_only=True)  # no slots: `evolve`
class BitfinexPosition:
    """A position of a symbol; `amount` is negative for a short one. `base_price` is its average entry. It has an id of
    its own from its opening to its end."""

    account: str
    symbol: str
    position_id: int = 0
    amount: Decimal = ZERO
    base_price: Decimal = ZERO
    leverage: int | None = None
    order_id: int = 0
    trade_price: Decimal = ZERO
    trade_amount: Decimal = ZERO
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.account, self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexWallet:
    """What a wallet holds of a currency. `entry` is the last movement."""

    account: str
    type: str
    currency: str
    balance: Decimal = ZERO
    description: str | None = None
    meta: dict[str, object] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.type, self.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A movement of a wallet. All entries of a wallet add up to its balance."""

    entry_id: int
    account: str
    wallet: str
    currency: str
    amount: Decimal
    balance: Decimal
    description: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedNonce:
    """The last nonce that a key has used."""

    key: str
    nonce: int


# What happens


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexOrderEvent:
    """`kind` is on, ou or oc."""

    kind: str
    order: BitfinexOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexTradeEvent:
    trade: BitfinexTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexPositionEvent:
    """`kind` is pn, pu or pc. `row` is the position as it was then, with what it is worth."""

    kind: str
    account: str
    symbol: str
    row: list[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexNoticeEvent:
    """A notification for one socket."""

    session_id: int
    row: list[object]


BitfinexEvent = BitfinexOrderEvent | BitfinexTradeEvent | BitfinexPositionEvent | BitfinexNoticeEvent


# What is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBitfinexOrder:
    """An open order as its engine needs it to continue."""

    symbol: str
    order: OpenOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexRow:
    """What one request or one movement of the market changed. `placed` holds what the engines need of those orders that
    are open."""

    orders: tuple[BitfinexOrder, ...] = ()
    trades: tuple[BitfinexTrade, ...] = ()
    positions: tuple[BitfinexPosition, ...] = ()
    wallets: tuple[BitfinexWallet, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    nonces: tuple[UsedNonce, ...] = ()
    placed: tuple[PlacedBitfinexOrder, ...] = ()
    engines: tuple[EngineMemory, ...] = ()
    counters: tuple[Counters, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == BitfinexRow()


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexNews:
    """What one batch publishes, in the order in which it happened."""

    events: tuple[BitfinexEvent, ...]
    tape: tuple[TapeTrade, ...]
    books: frozenset[str]
    wallets: dict[tuple[str, str, str], None]

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.tape or self.books or self.wallets)


def latest(rows: list[BitfinexRow]) -> BitfinexRow:
    """Return one row with the latest state of everything that the rows hold."""
    orders = {order.key: order for row in rows for order in row.orders}
    placed = {each.order.order_id: each for row in rows for each in row.placed}
    open_ids = {order.engine_id for order in orders.values() if order.is_open}
    return BitfinexRow(
        orders=tuple(orders.values()),
        trades=tuple(trade for row in rows for trade in row.trades),
        positions=tuple({each.key: each for row in rows for each in row.positions}.values()),
        wallets=tuple({each.key: each for row in rows for each in row.wallets}.values()),
        entries=tuple(entry for row in rows for entry in row.entries),
        nonces=tuple({each.key: each for row in rows for each in row.nonces}.values()),
        placed=tuple(each for each in placed.values() if each.order.order_id in open_ids),
        engines=tuple({memory.instrument_id: memory for row in rows for memory in row.engines}.values()),
        counters=tuple({each.symbol: each for row in rows for each in row.counters}.values()),
    )
