"""All wiring, by plain constructor calls, and the order of starting and stopping. There are no rules here."""

import gc
from dataclasses import replace
from functools import partial
from ipaddress import ip_network

import asyncpg
from litestar.types import ASGIApp

from cadenza.adapters.http.app import create_app
from cadenza.adapters.http.limits import HttpLimits
from cadenza.adapters.http.metrics import HttpMetrics
from cadenza.adapters.storage.connections import Connections, HeldConnection
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.jobs import JobRunner
from cadenza.adapters.storage.master_keys import prove_master_keys
from cadenza.adapters.storage.trading import SqlTrading
from cadenza.adapters.storage.venue_memory import SqlVenueMemories
from cadenza.adapters.storage.watch import DatabaseWatch
from cadenza.adapters.vault.keyring import FileKeyRing, KeyRing, derive
from cadenza.adapters.vault.sealer import AesGcmSealer
from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.keep_sessions import KeepSessions
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.may_see_account import MaySeeAccount
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.keep_book import CONFLATE_MS, KeepBook
from cadenza.application.market_data.keep_candles import KeepCandles
from cadenza.application.market_data.need_prices import NeedPrices
from cadenza.application.market_data.note_conditions import NoteConditions
from cadenza.application.market_data.refresh_catalogue import RefreshCatalogue
from cadenza.application.market_data.restore_feeds import RestoreFeeds
from cadenza.application.market_data.run_venues import RunVenues
from cadenza.application.orders.cancel_closed import CANCEL_CLOSED_JOB, CancelClosed
from cadenza.application.orders.committer import CommitterLimits
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.publish_portfolios import PUBLISH_PORTFOLIOS_MS
from cadenza.application.orders.resolve import RESOLVE_JOB, ResolveOrder
from cadenza.application.paging import CursorCodec
from cadenza.application.system.check_health import CheckHealth
from cadenza.application.system.check_ready import CheckReady
from cadenza.application.system.probes import database_probe, in_this_process, running_probe
from cadenza.domain.ids import TradingAccountId, VenueId
from cadenza.network.rate_limiter import TokenBuckets
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.venue import Connectors, VenueMemories
from cadenza.runtime.alarms import LoggedAlarms
from cadenza.runtime.config import Settings
from cadenza.runtime.local import AsyncioConcurrency, LocalWaiters, SystemClock, SystemIds
from cadenza.runtime.supervisor import Supervisor
from cadenza.runtime.wiring.brake import wire_brake
from cadenza.runtime.wiring.identity import wire_identity
from cadenza.runtime.wiring.metrics import (
    Readings,
    add_accounts,
    add_alarms,
    add_books,
    add_committer,
    add_realtime,
    add_venues,
    new_registry,
)
from cadenza.runtime.wiring.realtime import PlatformServices, wire_realtime
from cadenza.runtime.wiring.trading import Outside, wire_trading
from cadenza.runtime.wiring.use_cases import Parts, connect_account, follow_credentials, open_session, wire_use_cases
from cadenza.runtime.wiring.venues import log_condition, wire_connectors

CONNECTIONS_MAX = 10
BATCH_CONNECTIONS_MAX = 5
KEEP_SESSIONS_MS = 500
USED_KEYS_MS = 5_000
FAILED_LOG_INS_MS = 5_000
MAINTAIN_BOOKS_MS = 1_000
NOTE_CONDITIONS_MS = 1_000
WATCH_KEPT_MS = 5_000
MARK_COMPLETE_MS = 5_000
INQUIRE_MS = 500
EXPIRE_ORDERS_MS = 250
RELEASE_HELD_MS = 250
MASS_CANCELS_MS = 500
DEAD_MANS_SWITCHES_MS = 250
MEASURE_DAYS_MS = 5_000
TAKE_SNAPSHOTS_MS = 500
PUBLISH_MISSED_MS = 500
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


class Platform:
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
        self._database = database_probe(self.storage.ping)
        self.key_ring = open_key_ring(settings)
        self._pools = pool, batches
        self._watch = watch
        self._gc_threshold = gc.get_threshold()
        self._batches = Connections(batches)
        self._failpoints = failpoints
        self._committer_connection, self._desk_connection = HeldConnection(batches), HeldConnection(batches)
        self.connectors: Connectors = wire_connectors(
            settings,
            pool=batches,
            desk=self._desk_connection,
            clock=self.clock,
            failpoints=failpoints,
            memories=self._memories,
        )
        self.catalogue = Catalogue(storage=self.storage)
        self._wire_market()
        self._wire_trading()
        self.identity = wire_identity(
            settings,
            storage=self.storage,
            keys=self.key_ring,
            clock=self.clock,
            ids=self.ids,
            concurrency=self.concurrency,
        )
        self.identity.sessions.on_revoked = self.realtime.sessions_ended
        resolve_order = ResolveOrder(storage=self.storage, committer=self.trading.committer, intake=self.trading.intake)
        cancel_closed = CancelClosed(
            storage=self.storage,
            sessions=self.trading.sessions,
            send_cancel=self.trading.send_cancel,
        )
        self.jobs = JobRunner(
            dsn,
            {**self.identity.job_handlers, RESOLVE_JOB: resolve_order, CANCEL_CLOSED_JOB: cancel_closed},
            on_given_up=self.alarms.job_given_up,
        )
        self._wire_edges()

    @classmethod
    async def build(cls, settings: Settings, *, dsn: str, failpoints: Failpoints) -> "Platform":
        """Connect to the database and put everything together; nothing runs yet."""
        watch = DatabaseWatch(dsn)
        pool = await open_pool(dsn, connections_max=CONNECTIONS_MAX, watch=watch)
        batches = await open_pool(dsn, connections_max=BATCH_CONNECTIONS_MAX, is_for_batches=True, watch=watch)
        platform = cls(settings, dsn=dsn, pool=pool, batches=batches, watch=watch, failpoints=failpoints)
        async with pool.acquire() as connection:
            await prove_master_keys(connection, platform.key_ring)
        return platform

    async def open(self) -> None:
        """Start the parts from the inside out; afterwards requests may come. Connectors are being started then, and
        sessions opened: orders wait for theirs, and /readyz for the first try of each."""
        await self.catalogue.load()
        await self.trading.release_held.load()
        await self.realtime.start(self.supervisor)
        self.supervisor.start("watch database", self._watch.run)
        self.supervisor.start("committer", self.trading.committer.run)
        self.supervisor.repeat("committer deadlines", DEADLINES_MS, self.trading.committer.answer_late)
        await self.restore_feeds()
        for venue_id in self.connectors:
            self.supervisor.start(f"venue {venue_id}", partial(self.run_venues.run, venue_id))
        self.supervisor.repeat("note conditions", NOTE_CONDITIONS_MS, self.note_conditions.tick)
        self.supervisor.repeat("publish books", CONFLATE_MS, self.books.flush)
        self.supervisor.repeat("maintain books", MAINTAIN_BOOKS_MS, self.books.maintain)
        await self.keep_sessions.finish_operations()
        await self.keep_sessions.find_due()
        self.supervisor.repeat("keep sessions", KEEP_SESSIONS_MS, self.keep_sessions.tick)
        self.supervisor.repeat("inquire", INQUIRE_MS, self.trading.inquire.tick)
        self.supervisor.repeat("expire orders", EXPIRE_ORDERS_MS, self.trading.expire_orders.tick)
        self.supervisor.repeat("release held orders", RELEASE_HELD_MS, self.trading.release_held.tick)
        self.supervisor.repeat("mass cancels", MASS_CANCELS_MS, self.brake.cancel_orders.tick)
        self.supervisor.repeat("dead-man's switches", DEAD_MANS_SWITCHES_MS, self.brake.switches.tick)
        self.supervisor.repeat("measure days", MEASURE_DAYS_MS, self.brake.measure_days.tick)
        self.supervisor.repeat("take snapshots", TAKE_SNAPSHOTS_MS, self.trading.snapshots.tick)
        self.supervisor.repeat("mark complete", MARK_COMPLETE_MS, self.trading.mark_complete.tick)
        self.supervisor.repeat("publish missed", PUBLISH_MISSED_MS, self.trading.publish_missed.tick)
        self.supervisor.repeat("publish portfolios", PUBLISH_PORTFOLIOS_MS, self.trading.publish_portfolios.tick)
        self.supervisor.repeat("watch kept reports", WATCH_KEPT_MS, self.trading.watch_kept.tick)
        self.supervisor.repeat("note used keys", USED_KEYS_MS, self.identity.used_keys.tick)
        self.supervisor.repeat("note failed log-ins", FAILED_LOG_INS_MS, self.identity.failed_log_ins.tick)
        await self.jobs.start()
        await self.identity.purge.schedule()

    async def first_tries(self) -> None:
        """Wait, a bounded time, until every venue has been tried once. What was made until then lives as long as the
        process, so the garbage collector does not look at it again."""
        await self.run_venues.first_tries()
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_NEW_OBJECTS, *gc.get_threshold()[1:])

    async def close(self) -> None:
        """End the parts from the outside in: clients learn of it, work under way is finished, then the rest stops."""
        await self.realtime.shutdown()
        await self.concurrency.drain(DRAIN_MS_MAX)
        await self.jobs.stop()
        for loop in (
            "keep sessions",
            "inquire",
            "expire orders",
            "release held orders",
            "mass cancels",
            "dead-man's switches",
            "take snapshots",
        ):
            await self.supervisor.cancel(loop)
        await self.trading.sessions.close_all()
        for venue_id in self.connectors:
            await self.supervisor.cancel(f"venue {venue_id}")
        for connector in self.connectors.values():
            await connector.stop()
        await self.supervisor.stop(DRAIN_MS_MAX)
        await self.realtime.close()
        for held in (self._committer_connection, self._desk_connection):
            await held.release()
        for pool in self._pools:
            await pool.close()
        gc.unfreeze()
        gc.set_threshold(*self._gc_threshold)

    # --- wiring

    def _wire_market(self) -> None:
        self.realtime = wire_realtime(
            self.settings,
            PlatformServices(
                authenticate=lambda token, client: self.use_cases.authenticate(token, client),
                session_actor=lambda session_id: self.use_cases.authenticate.of_session(session_id),
                may_see_account=MaySeeAccount(storage=self.storage),
                instrument_exists=self.catalogue.exists_for,
                hold_feed=lambda instrument_id: self.books.hold(instrument_id, self.realtime),
                release_feed=lambda instrument_id: self.books.release(instrument_id, self.realtime),
                read_book=lambda instrument_id, depth: self.books.snapshot(instrument_id, depth),
                request_portfolio=self._request_portfolio,
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
        )
        self.run_venues = RunVenues(
            connectors=self.connectors,
            catalogue=self.catalogue,
            refresh=RefreshCatalogue(
                storage=self.storage,
                connectors=self.connectors,
                catalogue=self.catalogue,
                concurrency=self.concurrency,
            ),
            books=self.books,
            clock=self.clock,
            concurrency=self.concurrency,
            on_change=log_condition,
            on_online=lambda venue_id: self.keep_sessions.try_again(),
        )
        self.note_conditions = NoteConditions(storage=self.storage, venues=self.run_venues, clock=self.clock)
        self.restore_feeds = RestoreFeeds(storage=self.storage, books=self.books)
        self.portfolios = PortfolioBuilder(
            market=self.books,
            instrument=self.catalogue.instrument,
            security=self.catalogue.security,
            asset_graphs=self.catalogue.asset_graphs,
        )

    def _request_portfolio(self, account_id: TradingAccountId, *, delay_ms: int) -> None:
        self.trading.publish_portfolios.request(account_id, delay_ms=delay_ms)

    def _memories(self, venue_id: VenueId) -> VenueMemories:
        return SqlVenueMemories(self._batches, venue_id)

    def _wire_trading(self) -> None:
        self.waiters = LocalWaiters()
        self.alarms = LoggedAlarms()
        self.key_rights = WatchKeyRights(alarms=self.alarms)
        orders = self.settings.orders
        outside = Outside(
            storage=self.storage,
            trading=SqlTrading(self._committer_connection),
            memories=self._memories,
            connectors=self.connectors,
            market=self.books,
            feeds=self.books,
            catalogue=self.catalogue,
            publisher=self.realtime.publisher,
            waiters=self.waiters,
            alarms=self.alarms,
            clock=self.clock,
            ids=self.ids,
            concurrency=self.concurrency,
            failpoints=self._failpoints,
            limits=CommitterLimits(waiting_max=orders.committer_queue_max, batch_max=orders.committer_batch_max),
        )
        self.trading = wire_trading(outside, self.portfolios)
        self.books.on_public_trade = self.trading.release_held.on_trade
        self.brake = wire_brake(self.storage, self.trading, self.catalogue, self.clock, self.ids, self.concurrency)

    def _wire_edges(self) -> None:
        parts = self._parts()
        self.use_cases = wire_use_cases(parts, self.identity, self._check_health())
        self.keep_sessions = KeepSessions(
            storage=self.storage,
            sessions=self.trading.sessions,
            keys=parts.keys,
            open_session=open_session(parts),
            reconcile=self.trading.reconcile,
            connect=connect_account(parts),
            disconnect=self.use_cases.disconnect_account,
            follow=follow_credentials(parts),
            changer=parts.changer,
            first_try=self.run_venues.first_try,
            clock=self.clock,
            concurrency=self.concurrency,
        )
        self.app = self._wire_http()

    def _parts(self) -> Parts:
        return Parts(
            storage=self.storage,
            connectors=self.connectors,
            catalogue=self.catalogue,
            venues=self.run_venues,
            books=self.books,
            prices=NeedPrices(books=self.books, concurrency=self.concurrency),
            alarms=self.alarms,
            key_rights=self.key_rights,
            candles=self.candles,
            trading=self.trading,
            brake=self.brake,
            keys=Keys(sealer=AesGcmSealer(self.key_ring)),
            changer=AccountChanger(
                storage=self.storage, committer=self.trading.committer, clock=self.clock, ids=self.ids
            ),
            portfolios=self.portfolios,
            cursors=CursorCodec(derive(self.key_ring.active().secret, "cursors")),
            waiters=self.waiters,
            clock=self.clock,
            ids=self.ids,
            concurrency=self.concurrency,
            failpoints=self._failpoints,
        )

    def _http_limits(self) -> HttpLimits:
        return HttpLimits(
            cors_origins=self.settings.http.cors_origins,
            trusted_proxies=tuple(map(ip_network, self.settings.http.trusted_proxies)),
        )

    def _wire_http(self) -> ASGIApp:
        per_s = self.settings.limits.flood_requests_per_s
        return create_app(
            self.use_cases,
            limits=replace(
                self._http_limits(),
                flood_exempt=frozenset(path for route in self.realtime.routes for path in route.paths),
            ),
            flood=TokenBuckets(
                burst=per_s,
                interval_ms=max(1, 1000 // per_s),
                keys_max=FLOOD_KEYS_MAX,
                monotonic_ms=self.clock.monotonic_ms,
            ),
            metrics=HttpMetrics(new_registry(self._readings())),
            is_ready=self._check_ready(),
            clock=self.clock,
            ids=self.ids,
            more_routes=self.realtime.routes,
        )

    def _check_health(self) -> CheckHealth:
        return CheckHealth(
            probes={
                "database": self._database,
                "jobs": running_probe(lambda: self.jobs.is_running),
                "cache": in_this_process,
                "realtime": self.realtime.health,
            },
            clock=self.clock,
        )

    def _check_ready(self) -> CheckReady:
        return CheckReady(
            database=self._database,
            first_tries=[lambda: self.run_venues.has_tried_all, lambda: self.keep_sessions.has_tried_all],
        )

    def _readings(self) -> Readings:
        readings = Readings()
        add_committer(readings, self.trading.committer, self.concurrency)
        add_accounts(readings, self.keep_sessions, self.trading)
        add_alarms(readings, self.alarms)
        add_venues(readings, self.run_venues, self.clock)
        add_books(readings, self.books)
        add_realtime(readings, self.realtime)
        return readings
