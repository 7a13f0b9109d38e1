"""What spot keeps: orders, trades and the batches in which they change. Records are immutable values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.exchange.records import EngineMemory, LedgerBalance, Posting, VenueAccount, VenueOrder
from cadenza.simulators.kit.records import Counters

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
class MarginTerms:
    """What an order of a margin account does to its loans. `borrowed` was lent for this order; what of it the order did
    not use is repaid when the order is canceled, if `repays_at_cancel`."""

    side_effect: str
    repays_at_cancel: bool
    borrowed: Decimal = ZERO
    borrowed_asset: str = ""


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
    margin: MarginTerms | None = None

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
class Loan:
    """What an account owes of an asset."""

    account: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanChange:
    """A loan, or with a negative amount a repayment."""

    account: str
    asset: str
    amount: Decimal
    number: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRow:
    """What one request or one movement of the market changed in the books of spot. `executions` is how many executions
    the market has counted since its first start.

    Rows are in their state after the change; trades, deposits and postings are new. `venue_orders` hold what an order
    needs to continue after a restart.
    """

    accounts: tuple[VenueAccount, ...] = ()
    orders: tuple[SpotOrder, ...] = ()
    venue_orders: tuple[VenueOrder, ...] = ()
    trades: tuple[SpotTrade, ...] = ()
    deposits: tuple[SpotDeposit, ...] = ()
    loans: tuple[Loan, ...] = ()
    loan_changes: tuple[LoanChange, ...] = ()
    balances: tuple[LedgerBalance, ...] = ()
    postings: tuple[Posting, ...] = ()
    engines: tuple[EngineMemory, ...] = ()
    counters: tuple[Counters, ...] = ()
    executions: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.orders or self.trades or self.balances or self.counters)


def latest(rows: Iterable[SpotRow]) -> SpotRow:
    """Return one row with the latest state of everything that the rows hold: all orders and trades, the open orders'
    venue orders, and the present balances."""
    orders, venue_orders, accounts, balances, engines, counters = {}, {}, {}, {}, {}, {}
    trades: list[SpotTrade] = []
    deposits: list[SpotDeposit] = []
    loans: dict[tuple[str, str], Loan] = {}
    loan_changes: list[LoanChange] = []
    executions = 0
    for row in rows:
        orders.update({order.key: order for order in row.orders})
        venue_orders.update({order.venue_order_id: order for order in row.venue_orders})
        accounts.update({account.external_id: account for account in row.accounts})
        balances.update({(balance.owner, balance.asset): balance for balance in row.balances})
        engines.update({memory.instrument_id: memory for memory in row.engines})
        counters.update({counter.symbol: counter for counter in row.counters})
        trades.extend(row.trades)
        deposits.extend(row.deposits)
        loans.update({(loan.account, loan.asset): loan for loan in row.loans})
        loan_changes.extend(row.loan_changes)
        executions = max(executions, row.executions)
    return SpotRow(
        accounts=tuple(accounts.values()),
        orders=tuple(orders.values()),
        venue_orders=tuple(order for order in venue_orders.values() if order.is_open),
        trades=tuple(trades),
        deposits=tuple(deposits),
        loans=tuple(loans.values()),
        loan_changes=tuple(loan_changes),
        balances=tuple(balances.values()),
        engines=tuple(engines.values()),
        counters=tuple(counters.values()),
        executions=executions,
    )
