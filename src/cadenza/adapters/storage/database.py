"""The connection pool and the unit of work over PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from cadenza.adapters.storage.accounts import AccountSql
from cadenza.adapters.storage.api_keys import ApiKeySql
from cadenza.adapters.storage.audit import AuditSql
from cadenza.adapters.storage.brake import BrakeSql
from cadenza.adapters.storage.catalogue import CatalogueSql
from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.credentials import CredentialSql
from cadenza.adapters.storage.events import EventLogSql
from cadenza.adapters.storage.executions import ExecutionSql
from cadenza.adapters.storage.identity import IdentitySql
from cadenza.adapters.storage.jobs import JobsSql
from cadenza.adapters.storage.kept import KeptReportSql
from cadenza.adapters.storage.news_gaps import NewsGapSql
from cadenza.adapters.storage.operations import OperationSql
from cadenza.adapters.storage.orders import OrderSql
from cadenza.adapters.storage.relay import RelaySql
from cadenza.adapters.storage.subscriptions import SubscriptionSql
from cadenza.adapters.storage.venue_conditions import VenueConditionSql
from cadenza.adapters.storage.watch import DatabaseWatch
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.ports.jobs import Jobs
from cadenza.ports.storage import UnitOfWork
from cadenza.ports.storage.accounts import (
    AccountRepository,
    CredentialRepository,
    OperationRepository,
    SubscriptionRepository,
)
from cadenza.ports.storage.api_keys import ApiKeyRepository, AuditRepository
from cadenza.ports.storage.brake import BrakeRepository
from cadenza.ports.storage.identity import IdentityRepository
from cadenza.ports.storage.market import CatalogueRepository, VenueConditions
from cadenza.ports.storage.relay import RelayRepository
from cadenza.ports.storage.trading import EventLog, ExecutionQueries, KeptReports, NewsGaps, OrderQueries

PING_MS_MAX = 2_000
"""A server that gives no sign of life for this long counts as not answering, whether it is gone, frozen or full."""


class SqlUnitOfWork:
    """The repositories over one connection. See `ports.storage.UnitOfWork` for the law."""

    def __init__(self, connection: asyncpg.Connection, transaction: asyncpg.transaction.Transaction | None) -> None:
        self.orders: OrderQueries = OrderSql(connection)
        self.executions: ExecutionQueries = ExecutionSql(connection)
        self.kept: KeptReports = KeptReportSql(connection)
        self.gaps: NewsGaps = NewsGapSql(connection)
        self.events: EventLog = EventLogSql(connection)
        self.accounts: AccountRepository = AccountSql(connection)
        self.credentials: CredentialRepository = CredentialSql(connection)
        self.operations: OperationRepository = OperationSql(connection)
        self.subscriptions: SubscriptionRepository = SubscriptionSql(connection)
        self.catalogue: CatalogueRepository = CatalogueSql(connection)
        self.venues: VenueConditions = VenueConditionSql(connection)
        self.identity: IdentityRepository = IdentitySql(connection)
        self.api_keys: ApiKeyRepository = ApiKeySql(connection)
        self.audit: AuditRepository = AuditSql(connection)
        self.jobs: Jobs = JobsSql(connection)
        self.relay: RelayRepository = RelaySql(connection)
        self.brake: BrakeRepository = BrakeSql(connection)
        self._transaction = transaction
        self.is_committed = False

    async def commit(self) -> None:
        if self._transaction is None or self.is_committed:
            raise RuntimeError("commit belongs once to a unit begun with storage.begin()")
        self.is_committed = True
        await self._transaction.commit()


class SqlStorage:
    """`ports.storage.Storage` over a pool of at most `connections_max` connections."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._connections = Connections(pool)
        self._ping: asyncio.Task[bool] | None = None
        self.transactions_total = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        async with self._connections.use() as connection:
            transaction = connection.transaction()
            await transaction.start()
            self.transactions_total += 1
            uow = SqlUnitOfWork(connection, transaction)
            try:
                yield uow
            finally:
                if not uow.is_committed:
                    await _end(connection, transaction)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        async with self._connections.use() as connection:
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            try:
                yield SqlUnitOfWork(connection, None)
            finally:
                await _end(connection, transaction)

    async def ping(self) -> None:
        """Ask the server for a sign of life. Raises `DatabaseUnavailable`, at the latest after `PING_MS_MAX`. While an
        earlier ping is not answered, this waits for it and sends no other, so a frozen server costs one connection and
        not one per ping.
        """
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self._is_alive(), name="database ping")
        answered, _ = await asyncio.wait({self._ping}, timeout=PING_MS_MAX / 1000)
        if not answered or not self._ping.result():
            raise DatabaseUnavailable("the database gives no sign of life")

    async def _is_alive(self) -> bool:
        try:
            async with self._connections.use() as connection:
                await connection.execute("SELECT 1")
        except DatabaseUnavailable:
            return False
        return True


async def _end(connection: asyncpg.Connection, transaction: asyncpg.transaction.Transaction) -> None:
    """Roll the transaction back. If its connection is gone, it has ended already."""
    if not connection.is_closed():
        await transaction.rollback()


async def open_pool(
    dsn: str,
    *,
    connections_max: int,
    statement_timeout_ms: int = 30_000,
    is_for_batches: bool = False,
    watch: DatabaseWatch | None = None,
) -> asyncpg.Pool:
    """Connect. The pool keeps prepared statements per connection and cancels statements over the timeout.

    `is_for_batches`: for callers with few statements that look up by key, whatever their parameters are. Their plans
    are made once, because planning costs three times as much as running them. The plans always use the keys: a plan
    that was made while a table was small (also that of a foreign key's check) would go on scanning the whole table.
    Statements of lists are planned for their parameters.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=connections_max,
        command_timeout=statement_timeout_ms / 1000,
        server_settings=_SESSION | (_BY_KEY if is_for_batches else {}),
        reset=_keep_as_it_is,
        init=None if watch is None else watch.watch,
    )


_SESSION = {
    "application_name": "cadenza",
    "jit": "off",
    # Random reads cost no more on an SSD. Without this, the plan for a small table scans all of it, and is kept.
    "random_page_cost": "1.1",
}

_BY_KEY = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


async def _keep_as_it_is(connection: asyncpg.Connection) -> None:
    """Our transactions leave nothing in a session (no locks, cursors, listeners or settings), so a connection needs no
    reset between two uses. An open transaction has been rolled back before."""
