"""The platform's order path over a real database, with MOCK at the far side; only the time is the test's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock, FakeConcurrency
from tests.scripted.world import (
    DRAIN_MS_MAX,
    KEYS,
    TENANT,
    FixedMarket,
    RecordingAlarms,
    RecordingPublisher,
    actor_of,
)

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.paper import PostgresExchangeLedger
from cadenza.adapters.storage.trading import SqlTrading
from cadenza.adapters.storage.venue_memory import SqlVenueMemories
from cadenza.adapters.venues.mock import MockConnector
from cadenza.adapters.venues.mock.spec import INSTRUMENTS
from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.keep_sessions import KeepSessions
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.cancel import CancelOrder
from cadenza.application.orders.committer import CommitterLimits
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.submit import SubmitOrder
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import MOCK, CredentialId
from cadenza.domain.market.asset_graph import AssetGraph
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.order import Order
from cadenza.exchange.records import VenueChanges, VenueState
from cadenza.ports.venue import VenueStatus
from cadenza.runtime.local import LocalWaiters, NoFailpoints, SystemIds
from cadenza.runtime.wiring.trading import Outside, wire_trading
from cadenza.runtime.wiring.use_cases import connect_account, follow_credentials, open_session

BTC = INSTRUMENTS[0]
SECRETS = Secrets("key", "secret", None)


@dataclass
class BreakableLedger:
    """MOCK's ledger, whose database goes away when the test says so: what is being written then is not."""

    inner: PostgresExchangeLedger
    is_down: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def commit(self, changes: VenueChanges) -> None:
        self._require()
        await self.inner.commit(changes)

    async def reload(self) -> VenueState:
        self._require()
        return await self.inner.reload()

    def _require(self) -> None:
        if self.is_down:
            raise DatabaseUnavailable("the venue's database is down")


class MockMarket(FixedMarket):
    """MOCK's best prices, as far as orders are checked by them."""

    def top(self, instrument_id: Any) -> TopOfBook | None:
        return TopOfBook(Decimal(59990), Decimal(60010), None, 0)

    known_top = top


@dataclass
class MockWorld:
    """One process with one trading account at MOCK."""

    pool: Any
    clock: FakeClock = field(default_factory=FakeClock)
    numbers: int = 0

    def __post_init__(self) -> None:
        clock, ids, waiters, market = self.clock, SystemIds(), LocalWaiters(), MockMarket()
        connections, failpoints = Connections(self.pool), NoFailpoints()
        self.storage, self.concurrency = SqlStorage(self.pool), FakeConcurrency(clock)
        self.alarms, self.publisher = RecordingAlarms(), RecordingPublisher()
        self.ledger = BreakableLedger(PostgresExchangeLedger(self.pool, MOCK))
        self.connector = MockConnector(ledger=self.ledger, clock=clock, failpoints=failpoints)
        self.catalogue = Catalogue(storage=self.storage)
        catalogue: Any = self.catalogue
        publisher: Any = self.publisher
        self.trading = trading = wire_trading(
            Outside(
                storage=self.storage, trading=SqlTrading(connections), connectors={MOCK: self.connector},
                memories=lambda venue_id: SqlVenueMemories(connections, venue_id), market=market, feeds=market,
                catalogue=catalogue, publisher=publisher, waiters=waiters, alarms=self.alarms, clock=clock, ids=ids,
                concurrency=self.concurrency, failpoints=failpoints, limits=CommitterLimits(retry_delay_ms=1),
            ),
            PortfolioBuilder(
                market=market, instrument=catalogue.instrument, security=lambda _: None,
                asset_graphs=lambda _: [AssetGraph(())],
            ),
        )  # fmt: skip
        prices: Any = SimpleNamespace(of_order=_at_once)
        self.submit_order = SubmitOrder(
            committer=trading.committer, sessions=trading.sessions, catalogue=catalogue,
            sent_ids=trading.sent_ids, send_order=trading.send_order, held=trading.held, prices=prices, waiters=waiters,
            ids=ids, concurrency=self.concurrency, failpoints=failpoints,
        )  # fmt: skip
        self.cancel_order = CancelOrder(
            committer=trading.committer, sessions=trading.sessions, send_cancel=trading.send_cancel, held=trading.held,
            concurrency=self.concurrency,
        )  # fmt: skip
        changer = AccountChanger(storage=self.storage, committer=trading.committer, clock=clock, ids=ids)
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
        nothing: Any = None
        self.connect_account = connect_account(parts)
        self.keeper = KeepSessions(
            storage=self.storage, sessions=trading.sessions, keys=KEYS, open_session=open_session(parts),
            reconcile=trading.reconcile, connect=self.connect_account, disconnect=nothing,
            follow=follow_credentials(parts), changer=changer, first_try=_at_once, clock=clock,
            concurrency=self.concurrency,
        )  # fmt: skip

    async def start(self) -> None:
        await self.connector.start()
        async with self.storage.begin() as uow:
            await uow.catalogue.upsert_instruments((await self.connector.instruments()).instruments)
            await uow.commit()
        await self.catalogue.load()
        self.running = asyncio.create_task(self.trading.committer.run())
        reached = (await self.connector.verify(CredentialType.HMAC, SECRETS)).accounts
        external_id = next(each.external_id for each in reached if each.type is AccountType.SPOT)
        credential = Credential(
            id=CredentialId(UUID(int=9)), tenant_id=TENANT, user_id=actor_of(TENANT).user_id, venue_id=MOCK,
            type=CredentialType.HMAC, nickname="", status=CredentialStatus.CREATED,
            created_at_ms=self.clock.now_ms(), updated_at_ms=self.clock.now_ms(),
        )  # fmt: skip
        async with self.storage.begin() as uow:
            await uow.credentials.add(credential, KEYS.seal(credential, SECRETS))
            await uow.commit()
        view = await self.connect_account(actor_of(TENANT), (credential.id,), external_id, None)
        self.account: TradingAccount = view.account
        await self.tick()

    async def stop(self) -> None:
        self.concurrency.crash()
        self.running.cancel()
        await self.connector.stop()
        await asyncio.gather(self.running, return_exceptions=True)

    # --- time

    async def tick(self) -> None:
        """One round of what the server does again and again; returns when all that it began has ended."""
        await self.keeper.tick()
        await self.trading.inquire.tick()

    async def pass_time(self, duration_ms: int, step_ms: int = 100) -> None:
        """Let time pass as it does for a running server; what happened at the venue meanwhile has been booked."""
        runner = self.connector._runner

        def has_turned() -> bool:
            runner._news.set()
            return runner._now_ms >= self.clock.now_ms()

        for _ in range(0, duration_ms, step_ms):
            self.clock.advance(step_ms)
            if not self.ledger.is_down:
                await until(has_turned, "the venue's turn")
                await until(self._has_delivered, "the delivery of what the venue reported")
            await self.tick()
            if not self.ledger.is_down and not self.is_sending:
                assert await self.concurrency.drain(DRAIN_MS_MAX) == 0

    def _has_delivered(self) -> bool:
        sessions = self.trading.sessions
        return not sessions.is_open(self.account.id) or sessions.get(self.account.id).is_caught_up()

    async def repair(self) -> None:
        """The venue's database is there again; return when the venue is."""

        def is_back() -> bool:
            self.clock.advance(50)
            return self.connector.status() is VenueStatus.ONLINE

        self.ledger.is_down = False
        await until(is_back, "the venue's return")

    is_sending = False
    """Whether a request of the test waits; what it spawned cannot end before more time has passed."""

    # --- a user

    def request(self, script: str, **changes: Any) -> SubmitOrderRequest:
        """A BUY of 0.1 BTC at a price that the book meets."""
        self.numbers += 1
        return SubmitOrderRequest(
            account_id=self.account.id, instrument_id=BTC.id, side=Side.BUY, type=OrderType.LIMIT,
            quantity=Decimal("0.1"), limit_price=Decimal(70000), client_order_id=f"{script}#{self.numbers}", **changes,
        )  # fmt: skip

    async def submit(self, script: str, **changes: Any) -> Order:
        return await self.submit_order(actor_of(TENANT), self.request(script, **changes))

    async def cancel(self, order: Order) -> Order:
        return await self.cancel_order(actor_of(TENANT), self.account.id, order.id)

    async def order(self, order: Order) -> Order:
        """The order as it is on disk."""
        async with self.storage.read() as uow:
            found = await uow.orders.get(order.id)
        assert found is not None
        return found

    async def balances(self) -> dict[str, Balance]:
        async with self.storage.read() as uow:
            return {balance.asset: balance for balance in await uow.accounts.balances([self.account.id])}


async def _at_once(asked: object) -> None:
    return None


@asynccontextmanager
async def mock_world(dsn: str) -> AsyncIterator[MockWorld]:
    pool = await open_pool(dsn, connections_max=8)
    world = MockWorld(pool)
    await world.start()
    try:
        yield world
    finally:
        await world.stop()
        await pool.close()
