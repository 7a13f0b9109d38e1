"""Loading and saving what the committer changes: many rows at a time, there is no row-by-row way."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.operation import Operation
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.domain.trading.claims import Claim
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.order import Execution, Order
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.reports import Report


@dataclass(slots=True)
class BatchKeys:
    """What a batch needs: its accounts and the orders it names in any of four ways. `new_orders` are those of `orders`
    that this batch makes, unless an earlier try of it did. `reserving` are the accounts in which an order may come that
    is not there yet. `kept` are the venue's ids for which kept reports are wanted."""

    accounts: set[TradingAccountId] = field(default_factory=set)
    reserving: set[TradingAccountId] = field(default_factory=set)
    orders: set[OrderId] = field(default_factory=set)
    new_orders: set[OrderId] = field(default_factory=set)
    kept: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    venue_orders: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    client_orders: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    idempotency: set[tuple[TradingAccountId, str]] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class BatchRows:
    """The rows of one moment: every balance and every open position of the accounts, and the orders asked for with
    their executions, and the kept reports that name one of the venue order ids. Unknown ids are simply absent.
    `claims` are of all open orders of the margined ones among the `reserving` accounts, and of no others. `versions`
    say which moment it was, account by account; `keeping` are the accounts that have any kept report. Remembered rows
    may be of a moment that is over."""

    accounts: Sequence[TradingAccount]
    balances: Sequence[Balance]
    positions: Sequence[Position]
    orders: Sequence[Order]
    unmatched: Sequence[Report]
    claims: Sequence[Claim]
    reserving: frozenset[TradingAccountId]
    versions: Mapping[TradingAccountId, str]
    keeping: frozenset[TradingAccountId] = frozenset()
    is_remembered: bool = False


@dataclass(slots=True, kw_only=True)
class BatchChanges:
    """What to write: `created` orders are inserted, `updated` ones overwrite; the rest is inserted or overwritten.
    Kept reports that `matched` orders explain are deleted. `operations` are PENDING rows that end with this
    transaction."""

    created: Sequence[Order]
    updated: Sequence[Order]
    executions: Sequence[Execution]
    balances: Sequence[Balance]
    positions: Sequence[Position]
    accounts: Sequence[TradingAccount]
    events: Sequence[AccountEvent]
    unmatched: Sequence[Report]
    matched: Sequence[Order]
    operations: Sequence[Operation]


class TradingRepository(Protocol):
    """Law: `save` writes all or nothing, in one transaction; and nothing, and says False, unless every account that
    it writes is still at the version that `rows` have of it, and no id or key of a created order is taken. Whatever
    changes anything of an account writes its row, so then all that was decided on its rows is true, though no lock was
    held meanwhile. What was decided without changing the account (a refusal, an order only read) is true when the rows
    are fresh. Unique keys (client order id, idempotency key, trade id) are enforced by the database as well.

    `load` may answer from memory unless asked for fresh rows; `save` keeps the memory. Both raise
    `DatabaseUnavailable`; after it, whether `save` wrote is not known.
    """

    async def load(self, keys: BatchKeys, *, is_fresh: bool = False) -> BatchRows: ...

    async def save(self, rows: BatchRows, changes: BatchChanges) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders; None means any. `start_ms` <= created_at < `end_ms`."""

    tenant_id: TenantId
    order_id: OrderId | None = None
    status: str | None = None
    account_id: TradingAccountId | None = None
    instrument_id: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What tells whether a report about a closed order is news."""

    venue_order_id: str | None
    trade_ids: frozenset[str]


class OrderQueries(Protocol):
    """Reading orders. Law: newest first unless `ascending`, by (created_at, id); a page costs the same at any depth
    when it is asked for by key."""

    async def page(
        self, filter: OrderFilter, *, ascending: bool, after: tuple[int, OrderId] | None, offset: int, limit: int
    ) -> Sequence[Order]: ...

    async def count(self, filter: OrderFilter) -> int: ...

    async def get(self, order_id: OrderId) -> Order | None: ...

    async def unresolved(self, account_id: TradingAccountId) -> Sequence[Order]:
        """Return the account's open orders, oldest first."""

    async def settled(self, order_ids: Collection[OrderId]) -> Mapping[OrderId, Settled]:
        """Return those among these orders that are closed, without reading them wholly."""

    async def unanswered(self, before_ms: int, limit: int) -> Sequence[Order]:
        """Return orders of all accounts that wait for a venue's answer (CREATED, SUBMITTED,
        PENDING_CANCEL) and have not changed since, at most `limit`, the longest waiting first."""


@dataclass(frozen=True, slots=True)
class UnmatchedSummary:
    """How many reports are kept because they fit no order, and the venue's instant of the oldest; None without any."""

    count: int
    oldest_at_ms: int | None


class UnmatchedReports(Protocol):
    """Reading the reports that fit no order, of all accounts."""

    async def summary(self) -> UnmatchedSummary: ...

    async def oldest(self, limit: int) -> Sequence[Report]:
        """Return at most `limit` of them, the oldest first."""


class EventLog(Protocol):
    """Reading accounts' logs. Law: sequences of an account have no gap."""

    async def after(self, account_id: TradingAccountId, sequence: int, limit: int) -> Sequence[AccountEvent]: ...

    async def last_at_ms(self, account_id: TradingAccountId) -> int | None:
        """Return the instant of the account's newest event; None when it has none."""

    async def epoch(self) -> str:
        """Return the installation's id, the same for its whole life."""
