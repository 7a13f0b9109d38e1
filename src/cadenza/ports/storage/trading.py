"""Loads and saves the rows that the committer changes, many at a time. There is no row-by-row way."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Protocol

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.operation import Operation
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import ExecutionId, InstrumentId, OrderId, TenantId, TradingAccountId, VenueId
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.claims import Claim
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import AccountEvent, EventKind
from cadenza.domain.trading.execution import Execution
from cadenza.domain.trading.kept import KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.reports import Report


class OtherName(NamedTuple):
    """The venue's id of an order, in a report that names the order by one of our ids as well. If `sent_id` is given,
    that is our id in the report. Then the order with that `sent_id` is meant; if there is none, or if the venue calls
    it otherwise, the order with this `venue_order_id` is meant (`TradingState.order_of`). If `sent_id` is None, the
    report names the order by our order id, which alone decides which order is meant."""

    account_id: TradingAccountId
    instrument_id: InstrumentId
    venue_order_id: str
    sent_id: str | None


@dataclass(slots=True)
class BatchKeys:
    """The rows that a batch needs: its accounts, and the orders that it names by any of their ids. `new_orders` are
    those of `orders` that this batch creates, unless an earlier try of the batch did. `new_sent_ids` are the `sent_id`s
    that the batch gives to new orders. If an order has one of them already, fresh rows contain that order; remembered
    rows may lack it. `reserving` are the accounts in which the batch may create an order. `limiting` are the accounts
    that the batch gives risk limits to. `other_names` are the venue's
    ids in reports that name the order by one of our ids as well. `kept` are ids of orders (any kind of id, as text)
    whose kept reports are needed. `needs_fresh`: remembered rows will not do, because a decision depends on whether a
    key is taken and creates no order, so that `save` does not find it out."""

    accounts: set[TradingAccountId] = field(default_factory=set)
    reserving: set[TradingAccountId] = field(default_factory=set)
    limiting: set[TradingAccountId] = field(default_factory=set)
    orders: set[OrderId] = field(default_factory=set)
    new_orders: set[OrderId] = field(default_factory=set)
    kept: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    sent_orders: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    new_sent_ids: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    venue_orders: set[tuple[TradingAccountId, InstrumentId, str]] = field(default_factory=set)
    other_names: set[OtherName] = field(default_factory=set)
    client_orders: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    idempotency: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    needs_fresh: bool = False


@dataclass(slots=True, kw_only=True)
class BatchRows:
    """The rows of one moment: every balance and every open position of the accounts, the requested orders with their
    executions, and the curable kept reports that name one of these orders or one of the requested ids. Of the positions
    that the venue closed, the newest of each row comes along, for its `as_of`. Unknown ids are absent. `claims` are
    those of all open orders of the `limiting` accounts, and of the `reserving` ones that need claims
    (`TradingAccount.needs_claims`). `versions` are the versions of the
    accounts at that moment; `keeping` are the accounts that have any curable kept report. Remembered rows may be out of
    date."""

    accounts: Sequence[TradingAccount]
    balances: Sequence[Balance]
    positions: Sequence[Position]
    orders: Sequence[Order]
    kept: Sequence[KeptReport]
    claims: Sequence[Claim]
    reserving: frozenset[TradingAccountId]
    limiting: frozenset[TradingAccountId] = frozenset()
    versions: Mapping[TradingAccountId, str]
    keeping: frozenset[TradingAccountId] = frozenset()
    is_remembered: bool = False


@dataclass(slots=True, kw_only=True)
class BatchChanges:
    """The rows to write. `created` orders are inserted, `updated` ones overwritten; all other rows are inserted or
    overwritten. The `taken` kept reports are deleted. `operations` are PENDING rows that end with this transaction."""

    created: Sequence[Order]
    updated: Sequence[Order]
    executions: Sequence[Execution]
    balances: Sequence[Balance]
    positions: Sequence[Position]
    accounts: Sequence[TradingAccount]
    events: Sequence[AccountEvent]
    kept: Sequence[KeptReport]
    taken: Sequence[KeptReport]
    operations: Sequence[Operation]


class TradingRepository(Protocol):
    """Law: `save` writes all or nothing, in one transaction. It writes nothing and returns False if an account that it
    writes is not at the version in `rows` any more, or if an id or key of a created order is taken, or the `sent_id` of
    one that we place. Every change of an account or of its orders, balances and positions writes the account's row. So
    a successful `save` proves the rows on which the batch was decided, although no lock was held. A decision that
    changes nothing (a refusal, or an order that is only read) is proved only by fresh rows. Unique keys (client order
    id, idempotency key, trade id) are enforced by the database as well.

    `load` may answer from memory unless fresh rows are requested (`is_fresh`, or `BatchKeys.needs_fresh`); `save`
    updates the memory. Both raise `DatabaseUnavailable`; it is then unknown whether `save` wrote.
    """

    async def load(self, keys: BatchKeys, *, is_fresh: bool = False) -> BatchRows: ...

    async def save(self, rows: BatchRows, changes: BatchChanges) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Selects orders; None means any, and no statuses mean any status. `start_ms` <= created_at < `end_ms`.
    `account_id` selects one account, and `account_ids` several."""

    tenant_id: TenantId
    order_id: OrderId | None = None
    statuses: frozenset[OrderStatus] = frozenset()
    is_open: bool | None = None
    account_id: TradingAccountId | None = None
    account_ids: frozenset[TradingAccountId] | None = None
    instrument_id: str | None = None
    side: Side | None = None
    type: OrderType | None = None
    client_order_id: str | None = None
    idempotency_key: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    accounts: Collection[TradingAccountId] | None = None


class OverdueOrder(NamedTuple):
    """An order that the platform has to expire."""

    account_id: TradingAccountId
    venue_id: VenueId
    expire_at_ms: int
    order_id: OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedOrder:
    """The facts about a closed order that decide whether a report adds anything. `executions` by trade id."""

    order_id: OrderId
    instrument_id: InstrumentId
    side: Side
    sent_id: str | None
    venue_order_id: str | None
    executed_quantity: Decimal
    executions: Mapping[str, Execution]


class OrderQueries(Protocol):
    """Reads orders. Law: they come newest first unless `ascending`, by (created_at, id). A page that is requested by
    key costs the same at any depth. Open orders cost the same however many closed ones there are."""

    async def page(
        self, filter: OrderFilter, *, ascending: bool, after: tuple[int, OrderId] | None, offset: int, limit: int
    ) -> Sequence[Order]: ...

    async def count(self, filter: OrderFilter) -> int: ...

    async def get(self, order_id: OrderId) -> Order | None: ...

    async def unresolved(self, account_id: TradingAccountId) -> Sequence[Order]:
        """Return the account's orders that are open or awaited, oldest first. Those that the platform holds are left
        out: the venue does not know them, and must not be asked about them."""

    async def held(self, after: OrderId | None, limit: int) -> Sequence[Order]:
        """Return orders of all accounts that the platform holds (`held.is_held`), in the order of their ids; those
        after the given one (None: from the first)."""

    async def held_of(self, account_id: TradingAccountId) -> Sequence[OrderId]:
        """Return the account's orders that the platform holds."""

    async def newest_sent_ids(self, account_id: TradingAccountId, limit: int) -> Sequence[str]:
        """Return the `sent_id`s of the account's newest orders, whoever placed them."""

    async def some(self, order_ids: Collection[OrderId]) -> Sequence[Order]:
        """Return those of these orders that exist."""

    async def finished(
        self,
        account_id: TradingAccountId,
        *,
        order_ids: Collection[OrderId],
        sent_ids: Collection[str],
        venue_order_ids: Collection[tuple[InstrumentId, str]],
    ) -> Sequence[FinishedOrder]:
        """Return facts of those orders of the account that one of these ids names and that are closed and not awaited.
        Cheaper than reading the whole orders."""

    async def accounts_awaiting(self) -> Sequence[TradingAccountId]:
        """Return all accounts that have an order about which the venue has to be asked (`Order.is_awaited`)."""

    async def accounts_in_doubt(self) -> Sequence[TradingAccountId]:
        """Return all accounts that have an order in doubt about which the venue has to be asked. An order that is asked
        about only because its cancel is not confirmed does not count."""

    async def awaited(
        self, after: Mapping[TradingAccountId, OrderId | None], limit_per_account: int
    ) -> Mapping[TradingAccountId, Sequence[OrderId]]:
        """Return awaited orders of these accounts in the order of their ids. Each account's orders start after the
        given id (None: from the first)."""

    async def overdue(self, now_ms: int, after: tuple[int, OrderId] | None, limit: int) -> Sequence[OverdueOrder]:
        """Return orders that the platform has to expire (`Order.is_overdue`), the longest overdue first; those after
        the given `expire_at_ms` and id."""

    async def revoked_before_expiry(self, account: TradingAccount) -> Sequence[Order]:
        """Return the orders, without their executions, that the platform had to expire (`Order.expiry`) and that were
        REVOKED because an earlier connection of the account's external account, by the same tenant, was ended."""

    async def in_doubt(self, since_before_ms: int, limit: int) -> Sequence[Order]:
        """Return orders in doubt of all accounts, the oldest first: those whose outcome the venue cannot determine any
        more (`Doubt.UNDETERMINED`), and those whose doubt began before `since_before_ms` (our clock), whatever has
        happened to them since."""

    async def has_order_in_doubt(self, account_id: TradingAccountId) -> bool:
        """Return whether any order of the account is awaited, or its outcome cannot be determined."""

    async def executed_though_rejected_count(self, since_ms: int) -> int:
        """Return how many orders are REJECTED, were executed all the same, and have changed since then (our clock)."""

    async def undetermined_count(self) -> int:
        """Return how many orders are `Doubt.UNDETERMINED`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Selects executions of an account or of an order; one of both is given. None means any. `start_ms` <= executed_at
    < `end_ms`, by the venue's clock."""

    account_id: TradingAccountId | None = None
    order_id: OrderId | None = None
    instrument_id: InstrumentId | None = None
    side: Side | None = None
    is_busted: bool | None = None
    start_ms: int | None = None
    end_ms: int | None = None


class ExecutionQueries(Protocol):
    """Reads executions, each as it is now. Law: they come newest first unless `ascending`, by (executed_at, id). A page
    that is requested by key costs the same at any depth."""

    async def page(
        self, filter: ExecutionFilter, *, ascending: bool, after: tuple[int, ExecutionId] | None, limit: int
    ) -> Sequence[Execution]: ...

    async def count(self, filter: ExecutionFilter) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSummary:
    """How many reports are kept. `curable_count`: their order or execution is not known yet. `refused_count`: they
    contradict what is known, could not be booked or could not be read. `oldest_kept_at_ms` is our clock; None when no
    report is kept."""

    curable_count: int
    refused_count: int
    oldest_kept_at_ms: int | None


class UnknownOrder(NamedTuple):
    """The name of an order that reports are about and that no order of the account has."""

    account_id: TradingAccountId
    instrument_id: InstrumentId
    venue_order_id: str


class KeptReports(Protocol):
    """Reads the kept reports, those that could not be applied, and dismisses them. A dismissed report is no longer
    listed or counted, and waits for nothing. If the venue repeats it, it is not kept again."""

    async def summary(self) -> KeptSummary: ...

    async def oldest(self, limit: int) -> Sequence[KeptReport]:
        """Return at most `limit` of them, the oldest first."""

    async def dismiss(self, name: str) -> bool:
        """Dismiss the report with that name (64 hexadecimal digits, as the operator's listing shows). Return whether
        there was one."""

    async def known(self, reports: Sequence[Report]) -> Collection[Report]:
        """Return those of these reports that are kept already, word for word."""

    async def accounts_without_order(self) -> Sequence[TradingAccountId]:
        """Return all accounts for which `without_order` finds anything."""

    async def without_order(
        self, after: Mapping[TradingAccountId, UnknownOrder | None], limit_per_account: int
    ) -> Mapping[TradingAccountId, Sequence[UnknownOrder]]:
        """Return orders of these accounts that kept reports name by a `venue_order_id` and that are unknown, each once,
        by instrument and id. Orders whose external report was refused or contradicts an order of ours, and orders that
        an unreadable report names, are left out: asking again would bring the same report. Each account's orders start
        after the given one (None: from the first)."""

    async def first_kept_at_ms(self, kept: KeptReport) -> int | None:
        """Return when a report of the same `KeptReport.fact` was kept first (our clock); None if none is kept."""

    async def may_move_money(self, account_id: TradingAccountId) -> bool:
        """Return whether a kept report may still be applied that changes an execution: a fill, its correction, its bust
        or its fee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsGap:
    """A period (the venue's clock) that the venue could not report any more. `found_at_ms` is our clock."""

    account_id: TradingAccountId
    from_ms: int
    until_ms: int
    found_at_ms: int


class NewsGaps(Protocol):
    """The periods that venues could not report."""

    async def add(self, gap: NewsGap) -> bool:
        """Record a gap. It replaces a recorded gap of the account with the same beginning. Return whether there was
        none."""

    async def newest(self, limit: int) -> Sequence[NewsGap]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Selects events of an account; None means any. `start_ms` <= at < `end_ms`, by our clock."""

    account_id: TradingAccountId
    order_id: OrderId | None = None
    kind: EventKind | None = None
    start_ms: int | None = None
    end_ms: int | None = None


class EventSpan(NamedTuple):
    """How many events a filter selects, and sequences between which all of them lie. Without an event, `last` is less
    than `first`."""

    total: int
    first: int
    last: int


class EventLog(Protocol):
    """Reads the accounts' logs. Law: an account's sequences have no gap."""

    async def after(self, account_id: TradingAccountId, sequence: int, limit: int) -> Sequence[AccountEvent]: ...

    async def span(self, filter: EventFilter) -> EventSpan:
        """Return the span of the selected events. Without a filter, or by order or kind, it costs the same for a log of
        any length; by time it costs with the number of events in that time."""

    async def page(
        self, filter: EventFilter, span: EventSpan, *, ascending: bool, limit: int
    ) -> Sequence[AccountEvent]:
        """Return the first selected events within the span, by sequence: the newest first unless `ascending`. It costs
        the same at any depth."""

    async def last_at_ms(self, account_id: TradingAccountId) -> int | None:
        """Return the instant of the account's newest event; None when it has none."""

    async def epoch(self) -> str:
        """Return the epoch of the logs. It changes only when the database turns out to be a restored copy."""
