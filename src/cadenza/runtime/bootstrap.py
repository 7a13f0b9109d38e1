"""Who is introduced to whom: all wiring, by plain constructor calls, and the order of starting and stopping."""

import gc
from collections.abc import Awaitable, Callable

import asyncpg
from litestar.types import ASGIApp

from cadenza.adapters.http.app import create_app
from cadenza.adapters.http.limits import HttpLimits
from cadenza.adapters.http.metrics import HttpMetrics
from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.jobs import JobRunner
from cadenza.adapters.storage.master_keys import prove_master_keys
from cadenza.adapters.storage.trading import SqlTrading
from cadenza.adapters.storage.watch import DatabaseWatch
from cadenza.adapters.vault.keyring import FileKeyRing, KeyRing, derive
from cadenza.adapters.vault.sealer import AesGcmSealer
from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.keep_sessions import KeepSessions
from cadenza.application.accounts.keys import Keys
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.keep_book import CONFLATE_MS, KeepBook
from cadenza.application.market_data.keep_candles import KeepCandles
from cadenza.application.market_data.restore_feeds import RestoreFeeds
from cadenza.application.orders.apply_report import SessionSink
from cadenza.application.orders.committer import Committer, CommitterLimits
from cadenza.application.orders.in_flight import InFlight
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Sessions
from cadenza.application.orders.tell_missed import TellMissed
from cadenza.application.orders.watch_unmatched import WatchUnmatched
from cadenza.application.paging import CursorCodec
from cadenza.application.system.check_health import CheckHealth, HealthStatus
from cadenza.domain.errors import CadenzaError, DatabaseUnavailable
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import InstrumentId, SessionId, TradingAccountId
from cadenza.domain.market.order_book import BookSnapshot
from cadenza.network.rate_limiter import TokenBuckets
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.venue import Connectors
from cadenza.runtime.config import Settings
from cadenza.runtime.here import AsyncioConcurrency, LocalWaiters, SystemClock, SystemIds
from cadenza.runtime.logging import LogLines
from cadenza.runtime.supervisor import Supervisor
from cadenza.runtime.wiring.identity import wire_identity
from cadenza.runtime.wiring.metrics import Readings, new_registry
from cadenza.runtime.wiring.realtime import Asked, wire_realtime
from cadenza.runtime.wiring.use_cases import Parts, connect_account, follow_credentials, open_session, wire_use_cases
from cadenza.runtime.wiring.venues import wire_connectors

CONNECTIONS_MAX = 10
BATCH_CONNECTIONS_MAX = 3
KEEP_SESSIONS_MS = 500
MAINTAIN_BOOKS_MS = 1_000
WATCH_UNMATCHED_MS = 5_000
TELL_MISSED_MS = 500
DEADLINES_MS = 250
DRAIN_MS_MAX = 5_000
FLOOD_KEYS_MAX = 100_000
GC_NEW_OBJECTS = 20_000
"""The collector looks for cycles after so many new objects. We make hardly any; the default, 700, is less than what one
batch of orders makes, so it would look, and find nothing, all the time."""


def open_key_ring(settings: Settings) -> KeyRing:
    """The master keys: of the setting, else of a 0600 file in the data directory, made at the first start."""
    if settings.master_key:
        return KeyRing.from_text(settings.master_key)
    return FileKeyRing(settings.master_key_file)


class House:
    """One server process, put together over a migrated database. `open` starts everything, `close` ends it in order."""

    def __init__(
        self,
        settings: Settings,
        *,
        dsn: str,
        pool: asyncpg.Pool,
        batches: asyncpg.Pool,
        watch: DatabaseWatch,
        failpoints: Failpoints,
    ) -> None:
        self.settings = settings
        self.clock, self.ids = SystemClock(), SystemIds()
        self.concurrency = AsyncioConcurrency()
        self.supervisor = Supervisor()
        self.storage = SqlStorage(pool)
        self.key_ring = open_key_ring(settings)
        self._pools = pool, batches
        self._watch = watch
        self._gc_threshold = gc.get_threshold()
        self._trading = SqlTrading(Connections(batches))
        self._failpoints = failpoints
        self.connectors: Connectors = wire_connectors(settings, pool=batches, clock=self.clock, failpoints=failpoints)
        self.catalogue = Catalogue(storage=self.storage)
        self._wire_market()
        self._wire_trading()
        self.identity = wire_identity(
            settings, storage=self.storage, keys=self.key_ring, clock=self.clock, ids=self.ids
        )
        self.identity.sessions.on_revoked = self.realtime.sessions_ended
        self.jobs = JobRunner(dsn, self.identity.job_handlers)
        self._wire_edges()

    @classmethod
    async def build(cls, settings: Settings, *, dsn: str, failpoints: Failpoints) -> "House":
        """Connect to the database and put everything together; nothing runs yet."""
        watch = DatabaseWatch(dsn)
        pool = await open_pool(dsn, connections_max=CONNECTIONS_MAX, watch=watch)
        batches = await open_pool(dsn, connections_max=BATCH_CONNECTIONS_MAX, is_for_batches=True, watch=watch)
        house = cls(settings, dsn=dsn, pool=pool, batches=batches, watch=watch, failpoints=failpoints)
        async with pool.acquire() as connection:
            await prove_master_keys(connection, house.key_ring)
        return house

    async def open(self) -> None:
        """Start the parts from the inside out; afterwards requests may come. Sessions are being opened then:
        orders wait for theirs, and /readyz for all."""
        for connector in self.connectors.values():
            await connector.start()
        await self._list_in_house_venues()
        await self.realtime.start(self.supervisor)
        self.supervisor.start("watch database", self._watch.run)
        self.supervisor.start("committer", self.committer.run)
        self.supervisor.start("committer deadlines", self._every(DEADLINES_MS, self.committer.tell_late))
        await self.books.open_always()
        await self.restore_feeds()
        self.supervisor.start("publish books", self._every(CONFLATE_MS, self._flush_books))
        self.supervisor.start("maintain books", self._every(MAINTAIN_BOOKS_MS, self.books.maintain))
        await self.keep_sessions.settle_operations()
        await self.keep_sessions.find_due()
        self.supervisor.start("keep sessions", self._every(KEEP_SESSIONS_MS, self.keep_sessions.tick))
        self.supervisor.start("tell missed", self._every(TELL_MISSED_MS, self.tell_missed.tick))
        self.supervisor.start("watch unmatched", self._every(WATCH_UNMATCHED_MS, self.watch_unmatched.tick))
        await self.jobs.start()
        await self.identity.purge.schedule()
        # What was made until now lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_NEW_OBJECTS, *gc.get_threshold()[1:])

    async def close(self) -> None:
        """End the parts from the outside in: clients are told, work under way is finished, then the rest stops."""
        await self.realtime.shutdown()
        await self.concurrency.drain(DRAIN_MS_MAX)
        await self.jobs.stop()
        await self.supervisor.cancel("keep sessions")
        await self.sessions.close_all()
        for connector in self.connectors.values():
            await connector.stop()
        await self.supervisor.stop(DRAIN_MS_MAX)
        await self.realtime.close()
        for pool in self._pools:
            await pool.close()
        gc.unfreeze()
        gc.set_threshold(*self._gc_threshold)

    # --- wiring

    def _wire_market(self) -> None:
        self.realtime = wire_realtime(
            self.settings,
            Asked(
                authenticate=self._authenticate,
                session_actor=self._session_actor,
                may_see_account=self._may_see_account,
                instrument_exists=self._instrument_exists,
                hold_feed=self._hold_feed,
                release_feed=self._release_feed,
                read_book=self._read_book,
                use_cases=lambda: self.use_cases,
            ),
            keys=self.key_ring,
            storage=self.storage,
            clock=self.clock,
            ids=self.ids,
            concurrency=self.concurrency,
            failpoints=self._failpoints,
        )
        self.candles = KeepCandles(self.realtime.publisher)
        self.books = KeepBook(
            connectors=self.connectors,
            catalogue=self.catalogue,
            publisher=self.candles,
            clock=self.clock,
            concurrency=self.concurrency,
            always_open=frozenset(self.connectors),
        )
        self.restore_feeds = RestoreFeeds(storage=self.storage, books=self.books)
        self.portfolios = PortfolioBuilder(
            market=self.books, instrument=self.catalogue.instrument, security=self.catalogue.security
        )

    def _wire_trading(self) -> None:
        self.waiters = LocalWaiters()
        orders = self.settings.orders
        self.tell_missed = TellMissed(storage=self.storage, publisher=self.realtime.publisher, clock=self.clock)
        self.committer = Committer(
            trading=self._trading,
            market=self.books,
            catalogue=self.catalogue,
            portfolios=self.portfolios,
            publisher=self.realtime.publisher,
            missed=self.tell_missed,
            waiters=self.waiters,
            clock=self.clock,
            ids=self.ids,
            concurrency=self.concurrency,
            failpoints=self._failpoints,
            limits=CommitterLimits(waiting_max=orders.committer_queue_max, batch_max=orders.committer_batch_max),
        )
        sink = SessionSink(self.committer, lambda account_id: self.sessions.takes_orders(account_id))
        self.sessions = Sessions(connectors=self.connectors, sink=sink, concurrency=self.concurrency)
        self.in_flight = InFlight(self.concurrency)
        self.watch_unmatched = WatchUnmatched(storage=self.storage, clock=self.clock)
        self.reconcile = Reconcile(
            committer=self.committer,
            storage=self.storage,
            in_flight=self.in_flight,
            clock=self.clock,
            failpoints=self._failpoints,
        )

    def _wire_edges(self) -> None:
        parts = self._parts()
        self.use_cases = wire_use_cases(parts, self.identity, self._check_health())
        self.keep_sessions = KeepSessions(
            storage=self.storage,
            sessions=self.sessions,
            keys=parts.keys,
            open_session=open_session(parts),
            reconcile=self.reconcile,
            connect=connect_account(parts),
            disconnect=self.use_cases.disconnect_account,
            follow=follow_credentials(parts),
            changer=parts.changer,
            clock=self.clock,
            concurrency=self.concurrency,
        )
        self.app = self._wire_http()

    def _parts(self) -> Parts:
        return Parts(
            storage=self.storage,
            connectors=self.connectors,
            catalogue=self.catalogue,
            books=self.books,
            candles=self.candles,
            committer=self.committer,
            sessions=self.sessions,
            keys=Keys(sealer=AesGcmSealer(self.key_ring)),
            changer=AccountChanger(storage=self.storage, committer=self.committer, clock=self.clock, ids=self.ids),
            reconcile=self.reconcile,
            portfolios=self.portfolios,
            cursors=CursorCodec(derive(self.key_ring.active().secret, "cursors")),
            waiters=self.waiters,
            clock=self.clock,
            ids=self.ids,
            concurrency=self.concurrency,
            in_flight=self.in_flight,
            failpoints=self._failpoints,
        )

    def _wire_http(self) -> ASGIApp:
        per_s = self.settings.limits.flood_requests_per_s
        return create_app(
            self.use_cases,
            limits=HttpLimits(flood_exempt=frozenset(path for route in self.realtime.routes for path in route.paths)),
            flood=TokenBuckets(
                burst=per_s,
                interval_ms=max(1, 1000 // per_s),
                keys_max=FLOOD_KEYS_MAX,
                monotonic_ms=self.clock.monotonic_ms,
            ),
            metrics=HttpMetrics(new_registry(self._readings())),
            is_ready=self._is_ready,
            clock=self.clock,
            ids=self.ids,
            more_routes=self.realtime.routes,
        )

    def _check_health(self) -> CheckHealth:
        async def healthy() -> HealthStatus:
            return HealthStatus.HEALTHY  # the cache and the bus are this process's memory

        probes = {"database": self._database_health, "jobs": self._jobs_health, "cache": healthy}
        return CheckHealth(probes=probes | {"realtime": self.realtime.health}, clock=self.clock)

    def _readings(self) -> Readings:
        readings = Readings()
        readings.counter(
            "cadenza_committer_batches", "Transactions of the committer", lambda: self.committer.batches_total
        )
        readings.counter("cadenza_committer_changes", "Changes it committed", lambda: self.committer.changes_total)
        readings.counter("cadenza_log_lines_lost", "Log lines that could not be written", lambda: LogLines.lost_total)
        readings.gauge(
            "cadenza_committer_waiting", "Changes that wait", lambda: self.concurrency.inbox_sizes()["committer"]
        )
        readings.gauge(
            "cadenza_sessions_failing", "Accounts without a session", lambda: len(self.keep_sessions.failing)
        )
        readings.gauge(
            "cadenza_sessions_opening", "Accounts whose session is being opened", lambda: self.sessions.expected_count
        )
        readings.gauge(
            "cadenza_unmatched_reports", "Reports that fit no order and are kept", lambda: self.watch_unmatched.count
        )
        readings.gauge(
            "cadenza_unmatched_reports_oldest_seconds",
            "Age of the oldest of them",
            lambda: self.watch_unmatched.oldest_age_ms / 1000,
        )
        readings.counter(
            "cadenza_background_failures", "Background tasks that failed", lambda: self.concurrency.failures_total
        )
        for told in self.realtime.readings():
            add = readings.gauge if told.kind == "gauge" else readings.counter
            add(told.name, told.meaning, told.read)
        return readings

    # --- what the parts ask of the house

    async def _authenticate(self, token: str) -> Actor:
        return await self.use_cases.authenticate(token)

    async def _session_actor(self, session_id: SessionId) -> Actor:
        return await self.use_cases.authenticate.of_session(session_id)

    async def _may_see_account(self, actor: Actor, account_id: TradingAccountId) -> bool:
        async with self.storage.read() as uow:
            account = await uow.accounts.get(account_id)
        return account is not None and account.tenant_id == actor.tenant_id

    def _instrument_exists(self, actor: Actor, instrument_id: InstrumentId) -> bool:
        try:
            return self.catalogue.for_tenant(actor.tenant_id, instrument_id).venue_id.access in actor.access
        except CadenzaError:
            return False

    async def _hold_feed(self, instrument_id: InstrumentId) -> None:
        await self.books.hold(instrument_id, self.realtime)

    async def _release_feed(self, instrument_id: InstrumentId) -> None:
        await self.books.release(instrument_id, self.realtime)

    def _read_book(self, instrument_id: InstrumentId, depth: int) -> BookSnapshot | None:
        return self.books.snapshot(instrument_id, depth)

    async def _is_ready(self) -> bool:
        return self.keep_sessions.has_tried_all and await self._database_health() is HealthStatus.HEALTHY

    async def _database_health(self) -> HealthStatus:
        try:
            await self.storage.ping()
        except DatabaseUnavailable:
            return HealthStatus.UNHEALTHY
        return HealthStatus.HEALTHY

    async def _jobs_health(self) -> HealthStatus:
        return HealthStatus.HEALTHY if self.jobs.is_running else HealthStatus.DEGRADED

    # --- loops

    async def _list_in_house_venues(self) -> None:
        """The venues that run here are in the catalogue from the start: asking them costs nothing."""
        for connector in self.connectors.values():
            async with self.storage.begin() as uow:
                await uow.catalogue.upsert_instruments(await connector.instruments())
                await uow.catalogue.upsert_securities(await connector.securities())
                await uow.commit()
        await self.catalogue.load()

    async def _flush_books(self) -> None:
        self.books.flush()

    def _every(self, interval_ms: int, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def loop() -> None:
            while True:
                await work()
                await self.clock.sleep_ms(interval_ms)

        return loop
