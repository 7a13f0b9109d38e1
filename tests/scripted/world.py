"""The platform's order path, wired as in earnest over a real database, with scripted venues at the far side.

Only time, the market's prices and the venues are the test's. A `World` outlives its process: `crash` ends the process
without a word, and `start` begins another one over the same database and the same venues.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.trading import SqlTrading
from cadenza.adapters.storage.venue_memory import SqlVenueMemories
from cadenza.adapters.vault.keyring import KEY_BYTES, KeyRing, MasterKey
from cadenza.adapters.vault.sealer import AesGcmSealer
from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.keep_sessions import KeepSessions
from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.cancel import CancelOrder
from cadenza.application.orders.committer import CommitterLimits
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.submit import SubmitOrder
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import (
    Access,
    CredentialId,
    InstrumentId,
    OrderId,
    SessionId,
    TenantId,
    TradingAccountId,
    UserId,
    VenueId,
)
from cadenza.domain.market.asset_graph import AssetGraph
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.kept import KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position
from cadenza.ports.alarms import Alarm
from cadenza.ports.storage.trading import NewsGap, OrderFilter
from cadenza.ports.venue import VenueConnector
from cadenza.runtime.config import Settings
from cadenza.runtime.local import LocalWaiters, SystemIds
from cadenza.runtime.wiring.brake import wire_brake
from cadenza.runtime.wiring.trading import Outside, wire_trading
from cadenza.runtime.wiring.use_cases import connect_account, follow_credentials, open_session
from cadenza.runtime.wiring.venues import ConnectorParts, wire_connectors
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock, FakeConcurrency
from tests.scripted.connector import ScriptedConnector
from tests.scripted.market import FixedMarket, FreshPrices
from tests.scripted.session import Script, ScriptedSession
from tests.scripted.specs import Kind
from tests.scripted.venue import ScriptedVenue, VenueAccount

D = Decimal
KEYS = Keys(sealer=AesGcmSealer(KeyRing((MasterKey(bytes(KEY_BYTES)),))))
DRAIN_MS_MAX = 10_000
SETTLE_S_MAX = 120
TENANT = TenantId(UUID(int=1))
OTHER_TENANT = TenantId(UUID(int=2))


def actor_of(tenant_id: TenantId) -> Actor:
    return Actor(
        user_id=UserId(UUID(int=3)),
        tenant_id=tenant_id,
        session_id=SessionId(UUID(int=4)),
        scopes=frozenset(Scope),
        access=frozenset(Access),
    )


class Died(BaseException):
    """The process died here."""


class ScriptedFailpoints:
    """`ports.failpoints.Failpoints`: the test does something there, once, or the process dies there."""

    def __init__(self) -> None:
        self._actions: dict[str, Callable[[], None]] = {}
        self._deadly: tuple[str, int] | None = None
        self.died = asyncio.Event()

    def on(self, name: str, action: Callable[[], None]) -> None:
        self._actions[name] = action

    def die_at(self, name: str, count: int) -> None:
        """Let the process die at the `count`-th time that it reaches this boundary. Whatever reaches any boundary
        afterwards, until `revive`, dies as well: a dead process does not commit or send."""
        self._deadly = (name, count)

    def revive(self) -> None:
        self._deadly = None
        self.died.clear()

    def reach(self, name: str) -> None:
        if self._deadly is not None and self._deadly[0] == name:
            self._deadly = (name, self._deadly[1] - 1)
            if self._deadly[1] == 0:
                self.died.set()
        if self.died.is_set():
            raise Died(name)
        if name in self._actions:
            self._actions.pop(name)()


class RecordingAlarms:
    """`ports.alarms.Alarms`."""

    def __init__(self) -> None:
        self.sounded: list[tuple[Alarm, Mapping[str, object]]] = []

    def sound(self, alarm: Alarm, facts: Mapping[str, object]) -> None:
        self.sounded.append((alarm, facts))

    def of(self, alarm: Alarm) -> list[Mapping[str, object]]:
        return [facts for kind, facts in self.sounded if kind is alarm]


class RecordingPublisher:
    """`ports.publisher.Publisher`."""

    def __init__(self) -> None:
        self.events: list[AccountEvent] = []

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self.events.extend(events)

    def has_account_subscribers(self, account_id: TradingAccountId) -> bool:
        return False

    def portfolio(self, portfolio: Any) -> None: ...

    def order_book(self, snapshot: Any) -> None: ...

    def trade(self, trade: Any) -> None: ...

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        return False


class Process:
    """One run of the platform's order path."""

    def __init__(self, world: "World", pool: Any) -> None:
        clock = world.clock
        self.pool = pool
        self.concurrency = FakeConcurrency(clock)
        self.storage = SqlStorage(pool)
        self.alarms = world.alarms
        self.catalogue = Catalogue(storage=self.storage)
        connections, market, ids, waiters = Connections(pool), FixedMarket(), SystemIds(), LocalWaiters()
        failpoints, self.market = world.failpoints, market
        self.memories = partial(SqlVenueMemories, connections)
        self.connectors: Any = wire_connectors(
            Settings(), pool=pool, desk=connections, clock=clock, failpoints=failpoints, memories=self.memories,
            makers={id: partial(_connector, world, id) for id in world.venues},
        )  # fmt: skip
        self.trading = wire_trading(
            Outside(
                storage=self.storage, trading=SqlTrading(connections), connectors=self.connectors, market=market,
                feeds=market, memories=self.memories, catalogue=self.catalogue,
                publisher=world.publisher, waiters=waiters, alarms=world.alarms, clock=clock, ids=ids,
                concurrency=self.concurrency, failpoints=failpoints, limits=CommitterLimits(retry_delay_ms=1),
            ),
            PortfolioBuilder(
            market=market, instrument=self.catalogue.instrument, security=lambda _: None,
            asset_graphs=lambda _: [AssetGraph(())],
        ),
        )  # fmt: skip
        trading = self.trading
        self.submit_order = SubmitOrder(
            committer=trading.committer, sessions=trading.sessions, catalogue=self.catalogue,
            sent_ids=trading.sent_ids, send_order=trading.send_order, held=trading.held, prices=FreshPrices(),
            waiters=waiters, ids=ids, concurrency=self.concurrency, failpoints=failpoints,
        )  # type: ignore[arg-type]  # fmt: skip
        self.cancel_order = CancelOrder(
            committer=trading.committer, sessions=trading.sessions, send_cancel=trading.send_cancel, held=trading.held,
            concurrency=self.concurrency,
        )  # fmt: skip
        changer = self.changer = AccountChanger(storage=self.storage, committer=trading.committer, clock=clock, ids=ids)
        parts: Any = SimpleNamespace(
            storage=self.storage,
            trading=trading,
            keys=KEYS,
            changer=changer,
            key_rights=WatchKeyRights(alarms=self.alarms),
            alarms=self.alarms,
            clock=clock,
            ids=ids,
            concurrency=self.concurrency,
        )
        self.brake = wire_brake(self.storage, trading, self.catalogue, clock, ids, self.concurrency)
        nothing: Any = None
        self.connect_account = connect_account(parts)
        self.open_session = open_session(parts)
        self.keeper = KeepSessions(
            storage=self.storage, sessions=trading.sessions, keys=KEYS, open_session=self.open_session,
            reconcile=trading.reconcile, connect=self.connect_account, disconnect=nothing,
            follow=follow_credentials(parts), changer=changer, first_try=_nothing_to_wait_for, clock=clock,
            concurrency=self.concurrency,
        )  # fmt: skip
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        for connector in self.connectors.values():
            await connector.start()
            async with self.storage.begin() as uow:
                await uow.catalogue.upsert_instruments((await connector.instruments()).instruments)
                await uow.commit()
        await self.catalogue.load()
        await self.trading.release_held.load()
        self._running.append(asyncio.create_task(self.trading.committer.run()))

    async def tick(self) -> None:
        """One round of everything that runs again and again; returns when all that it began has ended."""
        for connector in self.connectors.values():
            for session in connector.sessions:
                session.poll()
        await self.keeper.tick()
        await self.trading.inquire.tick()
        await self.trading.expire_orders.tick()
        await self.trading.release_held.tick()
        await self.brake.switches.tick()
        await self.brake.cancel_orders.tick()
        await self.brake.measure_days.tick()
        await self.trading.snapshots.tick()
        await self.trading.mark_complete.tick()
        await self.drain()

    async def drain(self) -> None:
        assert await self.concurrency.drain(DRAIN_MS_MAX) == 0, "something that was spawned does not end"
        for connector in self.connectors.values():
            for session in connector.sessions:
                if not session.is_closed:
                    await session.delivered()

    async def stop(self) -> None:
        self.concurrency.crash()
        for task in self._running:
            task.cancel()
        for connector in self.connectors.values():
            await connector.stop()
        await asyncio.gather(*self._running, return_exceptions=True)
        self.pool.terminate()


def _connector(world: "World", venue_id: VenueId, parts: ConnectorParts) -> VenueConnector:
    return ScriptedConnector(world.venues[venue_id], world.scripts[venue_id], parts.memories)


async def _nothing_to_wait_for(venue_id: object) -> None:
    return None


@dataclass
class World:
    dsn: str
    clock: FakeClock = field(default_factory=FakeClock)
    alarms: RecordingAlarms = field(default_factory=RecordingAlarms)
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    failpoints: ScriptedFailpoints = field(default_factory=ScriptedFailpoints)
    venues: dict[Any, ScriptedVenue] = field(default_factory=dict)
    scripts: dict[Any, Script] = field(default_factory=dict)
    _process: Process | None = None
    _numbers: Counter[str] = field(default_factory=Counter)

    # --- processes

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    def add_venue(self, kind: Kind) -> ScriptedVenue:
        venue = self.venues[kind.spec.venue_id] = ScriptedVenue(kind, self.clock)
        self.scripts[kind.spec.venue_id] = Script()
        return venue

    async def start(self) -> None:
        pool = await open_pool(self.dsn, connections_max=8)
        self._process = Process(self, pool)
        await self.process.start()

    async def crash(self) -> None:
        """End the process as `kill -9` does, and start another one; nothing in memory is left."""
        await self.process.stop()
        await self.start()

    async def tick(self) -> None:
        await self.process.tick()

    async def pass_time(self, duration_ms: int, step_ms: int = 500) -> None:
        """Let time pass as it does for a running server: one round every `step_ms`."""
        for _ in range(0, duration_ms, step_ms):
            self.clock.advance(step_ms)
            await self.tick()

    async def settle(self) -> None:
        """Let time pass until nothing happens any more: no request, no event, for four seconds."""
        quiet_s = 0
        for _ in range(SETTLE_S_MAX):
            before = self._happened()
            await self.pass_time(1_000, 1_000)
            quiet_s = quiet_s + 1 if self._happened() == before else 0
            if quiet_s == 4:
                return
        raise AssertionError("the platform does not come to rest")

    def _happened(self) -> tuple[int, int]:
        return sum(len(venue.ledger) for venue in self.venues.values()), len(self.publisher.events)

    # --- accounts

    async def connect(
        self,
        venue: ScriptedVenue,
        *,
        tenant_id: TenantId = TENANT,
        type: AccountType = AccountType.SPOT,
        holdings: Mapping[str, str] | None = None,
    ) -> "Trader":
        """Open an account at the venue with some money, and connect it."""
        self._numbers["account"] += 1
        external_id = f"account {self._numbers['account']}"
        at = venue.add_account(external_id, f"key of {external_id}", type)
        for asset, total in ({"USDT": "1000000", "BTC": "10", "ETH": "10"} if holdings is None else holdings).items():
            venue.deposit(at, asset, total)
        credential_id = await self.store_credential(venue, tenant_id, at)
        view = await self.process.connect_account(actor_of(tenant_id), (credential_id,), external_id, None)
        await self.process.drain()
        self.clock.advance(1)  # what happens now is later than the snapshot that the account goes on from
        return Trader(self, venue, at, view.account)

    async def store_credential(self, venue: ScriptedVenue, tenant_id: TenantId, at: VenueAccount) -> CredentialId:
        credential = Credential(
            id=CredentialId(SystemIds().new()), tenant_id=tenant_id, user_id=actor_of(tenant_id).user_id,
            venue_id=venue.kind.spec.venue_id, type=CredentialType.HMAC, nickname="", status=CredentialStatus.CREATED,
            created_at_ms=self.clock.now_ms(), updated_at_ms=self.clock.now_ms(),
        )  # fmt: skip
        secrets = Secrets(f"key of {at.external_id}", "secret", None)
        async with self.process.storage.begin() as uow:
            await uow.credentials.add(credential, KEYS.seal(credential, secrets))
            await uow.commit()
        return credential.id

    # --- the market

    async def trade(self, instrument_id: InstrumentId, *prices: str) -> None:
        """Public trades at these prices; returns when all that they began has ended."""
        for price in prices:
            self.process.market.last[instrument_id] = D(price)
            self.process.trading.release_held.on_trade(
                MarketTrade(
                    instrument_id=instrument_id, trade_id="1", price=D(price), quantity=D(1), aggressor=Side.BUY,
                    at_ms=self.clock.now_ms(),
                )
            )  # fmt: skip
        await self.process.drain()

    # --- reading

    async def kept(self) -> Sequence[KeptReport]:
        async with self.process.storage.read() as uow:
            return await uow.kept.oldest(1_000)

    async def gaps(self) -> Sequence[NewsGap]:
        async with self.process.storage.read() as uow:
            return await uow.gaps.newest(100)


@dataclass
class Trader:
    """One trading account: what its user does and sees, and the account at the venue (`at`)."""

    world: World
    venue: ScriptedVenue
    at: VenueAccount
    account: TradingAccount

    @property
    def id(self) -> TradingAccountId:
        return self.account.id

    @property
    def script(self) -> Script:
        return self.world.scripts[self.account.venue_id]

    @property
    def session(self) -> ScriptedSession:
        return self.world.process.connectors[self.account.venue_id].session(self.at.external_id)

    @property
    def takes_orders(self) -> bool:
        return self.world.process.trading.sessions.takes_orders(self.id)

    async def submit(
        self,
        side: Side = Side.BUY,
        quantity: str = "1",
        price: str | None = "100",
        *,
        type: OrderType | None = None,
        instrument_id: InstrumentId | None = None,
        **changes: Any,
    ) -> Order:
        request = SubmitOrderRequest(
            account_id=self.id, instrument_id=instrument_id or self.venue.btc, side=side,
            type=type or (OrderType.LIMIT if price else OrderType.MARKET), quantity=D(quantity),
            limit_price=D(price) if price else None, **changes,
        )  # fmt: skip
        return await self.world.process.submit_order(actor_of(self.account.tenant_id), request)

    def submitting(self, *args: Any, **changes: Any) -> "asyncio.Task[Order]":
        return asyncio.create_task(self.submit(*args, **changes))

    async def cancel(self, order: Order) -> Order:
        return await self.world.process.cancel_order(actor_of(self.account.tenant_id), self.id, order.id)

    async def answered_late(self, task: "asyncio.Task[Order]") -> Order:
        """Wait for a request whose reply does not come in time."""
        await until(lambda: self.script.waiting > 0, "the request on its way")
        self.world.clock.advance(self.venue.kind.spec.reply_ms_max + 1)
        return await task

    async def order(self, order: Order | OrderId) -> Order:
        """Return the order as it is on disk."""
        order_id = order.id if isinstance(order, Order) else order
        async with self.world.process.storage.read() as uow:
            found = await uow.orders.get(order_id)
        assert found is not None
        return found

    async def orders(self) -> Sequence[Order]:
        """Return all orders of the account, the oldest first."""
        wanted = OrderFilter(tenant_id=self.account.tenant_id, account_id=self.id)
        async with self.world.process.storage.read() as uow:
            return await uow.orders.page(wanted, ascending=True, after=None, offset=0, limit=5_000)

    async def balances(self) -> dict[str, Balance]:
        async with self.world.process.storage.read() as uow:
            return {balance.asset: balance for balance in await uow.accounts.balances([self.id])}

    async def positions(self) -> list[Position]:
        async with self.world.process.storage.read() as uow:
            return list(await uow.accounts.positions([self.id]))

    async def stored(self) -> TradingAccount:
        async with self.world.process.storage.read() as uow:
            found = await uow.accounts.get(self.id)
        assert found is not None
        return found

    def at_venue(self, order: Order) -> Any:
        found = self.venue.find(self.at, order.sent_id)
        assert found is not None, "the venue does not know the order"
        return found

    async def heard(self) -> None:
        """Return when the session has delivered all that it heard, or polled."""
        self.session.poll()
        await self.session.delivered()


@asynccontextmanager
async def running(dsn: str, *kinds: Kind) -> AsyncIterator[World]:
    world = World(dsn)
    for kind in kinds:
        world.add_venue(kind)
    await world.start()
    try:
        yield world
    finally:
        await world.process.stop()
        for script in world.scripts.values():
            for task in script.on_the_wire:
                task.cancel()
