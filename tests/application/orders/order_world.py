"""The order path over a real database, with a venue session that does what a test asks of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.trading import SqlTrading
from cadenza.adapters.storage.venue_memory import SqlVenueMemories
from cadenza.application.orders.cancel import CancelOrder
from cadenza.application.orders.committer import CommitterLimits
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.sessions import AccountSink
from cadenza.application.orders.submit import SubmitOrder
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import PAPER, Access, CredentialId, SessionId, TradingAccountId, UserId
from cadenza.domain.market.asset_graph import AssetGraph
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    FillReport,
    Report,
    UnknownOutcomeReport,
)
from cadenza.ports.alarms import Alarm
from cadenza.ports.venue import ReplayPiece
from cadenza.runtime.local import AsyncioConcurrency, LocalWaiters, NoFailpoints, SystemClock, SystemIds
from cadenza.runtime.wiring.trading import Outside, wire_trading
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, SPEC, TENANT, D, account, book, instrument

KEY = CredentialId(UUID(int=9))
ACTOR = Actor(
    user_id=UserId(UUID(int=3)),
    tenant_id=TENANT,
    session_id=SessionId(UUID(int=4)),
    scopes=frozenset(Scope),
    access=frozenset(Access),
)

Answer = Callable[[Order], Sequence[Report]]


def named(order: Order) -> dict[str, Any]:
    """How a report names an order by our id."""
    return {
        "account_id": order.account_id, "instrument_id": order.instrument_id, "order_id": order.id, "at_ms": NOW_MS
    }  # fmt: skip


def accepts(order: Order) -> Sequence[Report]:
    return [AcceptedReport(**named(order), venue_order_id=f"V{order.id.hex}", executed_quantity=D(0))]


def fills(order: Order, trade_id: str | None = None) -> Sequence[Report]:
    price = order.limit_price or D(100)
    return [
        *accepts(order),
        FillReport(
            **named(order), venue_order_id=f"V{order.id.hex}", trade_id=trade_id or f"T{order.id.hex}",
            side=order.side, price=price, quantity=order.quantity,
            fees=(Fee("USDT", order.quantity * price * D("0.001")),),
        ),
    ]  # fmt: skip


def loses_the_answer(order: Order) -> Sequence[Report]:
    return [UnknownOutcomeReport(**named(order), cause="timeout")]


def cancels(order: Order) -> Sequence[Report]:
    return [CanceledReport(**named(order), reason=CancelReason.USER, executed_quantity=order.executed_quantity)]


def balance_report(asset: str, total: str, account_id: TradingAccountId = ACCOUNT, as_of: int = NOW_MS) -> Report:
    return BalanceReport(
        account_id=account_id, at_ms=NOW_MS, asset=asset, total=D(total), locked=D(0), borrowed=D(0), as_of=as_of
    )


class ScriptedSession:
    """`ports.venue.ExecutionSession` that counts calls and answers by script."""

    def __init__(self) -> None:
        self.on_submit: Answer = accepts
        self.on_cancel: Answer = cancels
        self.on_lookup: Answer = fills
        self.submitted: list[Order] = []
        self.has_submitted = asyncio.Event()
        self.cancelled: list[Order] = []
        self.looked_up: list[Order] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_idle = True
        self.venue_ms = NOW_MS

    async def submit(self, order: Order) -> Sequence[Report]:
        self.submitted.append(order)
        self.has_submitted.set()
        await self.gate.wait()
        return self.on_submit(order)

    async def cancel(self, order: Order) -> Sequence[Report]:
        self.cancelled.append(order)
        return self.on_cancel(order)

    def withdraw_unsent(self, is_meant: Any) -> None:
        """Every order has left."""

    async def cancel_all(self, instrument_id: Any, orders: Sequence[Order]) -> Sequence[Report]:
        return [report for order in orders for report in await self.cancel(order)]

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        self.looked_up.extend(orders)
        return [report for order in orders for report in self.on_lookup(order)]

    async def identify(self, instrument_id: Any, venue_order_id: str) -> Sequence[Report]:
        return []

    async def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        yield ReplayPiece(reports=[], covers_from_ms=since_ms)

    async def snapshot(self) -> Any:
        raise NotImplementedError

    def venue_time_ms(self) -> int:
        return self.venue_ms

    def is_caught_up(self) -> bool:
        return self.is_idle

    async def close(self) -> None:
        return None


class RecordingPublisher:
    """`ports.publisher.Publisher` that remembers. `subscribed` are the accounts with subscribers."""

    def __init__(self) -> None:
        self.events: list[AccountEvent] = []
        self.portfolios: list[Portfolio] = []
        self.subscribed: set[TradingAccountId] = set()

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self.events.extend(events)

    def portfolio(self, portfolio: Portfolio) -> None:
        self.portfolios.append(portfolio)

    def has_account_subscribers(self, account_id: TradingAccountId) -> bool:
        return account_id in self.subscribed

    def order_book(self, snapshot: Any) -> None: ...

    def trade(self, trade: Any) -> None: ...

    def has_book_subscribers(self, instrument_id: Any) -> bool:
        return False


class FixedMarket:
    """`ports.market.MarketView` with one book."""

    def top(self, instrument_id: Any) -> TopOfBook | None:
        return TopOfBook(D("99.5"), D(100), D(100), NOW_MS)

    known_top = top

    def may_come(self, instrument_id: Any) -> bool:
        return False

    def snapshot(self, instrument_id: Any, depth: int) -> Any:
        return book()

    def cost_to_take(self, instrument_id: Any, side: Any, quantity: Decimal) -> Decimal | None:
        return quantity * 100


def no_prices_needed() -> Any:
    """The market is fixed: its book is always open."""

    async def of_order(request: Any) -> None: ...

    return SimpleNamespace(of_order=of_order)


def credential_of(id: CredentialId) -> Credential:
    return Credential(
        id=id, tenant_id=TENANT, user_id=ACTOR.user_id, venue_id=PAPER, type=CredentialType.HMAC, nickname="",
        status=CredentialStatus.CREATED, created_at_ms=NOW_MS, updated_at_ms=NOW_MS,
    )  # fmt: skip


def secrets_of(which: str, id: CredentialId) -> Secrets:
    return Secrets(f"{which} {id}", "secret", None)


class RecordingAlarms:
    """`ports.alarms.Alarms` that remembers."""

    def __init__(self) -> None:
        self.sounded: list[tuple[Alarm, Mapping[str, object]]] = []

    def sound(self, alarm: Alarm, facts: Mapping[str, object]) -> None:
        self.sounded.append((alarm, facts))


class MovableClock(SystemClock):
    """The wall clock, moved on by `ahead_ms`."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


class OrderWorld:
    """Everything of the order path; one account with money and an open session."""

    def __init__(self, storage: SqlStorage, connections: Connections, *, remembers: bool = True) -> None:
        traded = instrument()
        catalogue: Any = SimpleNamespace(
            instrument=lambda i: traded if i == BTC else None, for_tenant=lambda tenant, i: traded
        )
        self.storage, self.trading = storage, SqlTrading(connections, remembers=remembers)
        self.clock, self.ids, self.concurrency = MovableClock(), SystemIds(), AsyncioConcurrency()
        self.publisher, self.waiters, self.alarms = RecordingPublisher(), LocalWaiters(), RecordingAlarms()
        self.session = ScriptedSession()
        self.failpoints = NoFailpoints()
        market: Any = FixedMarket()
        self.connector = SimpleNamespace(open_session=self._open_session, spec=SPEC)
        connectors: Any = {PAPER: self.connector}
        outside = Outside(
            storage=storage, trading=self.trading,
            memories=lambda venue_id: SqlVenueMemories(connections, venue_id), connectors=connectors,
            market=market, feeds=market, catalogue=catalogue, publisher=self.publisher, waiters=self.waiters,
            alarms=self.alarms, clock=self.clock, ids=self.ids, concurrency=self.concurrency,
            failpoints=self.failpoints, limits=CommitterLimits(retry_delay_ms=1),
        )  # fmt: skip
        portfolios = PortfolioBuilder(
            market=market,
            instrument=catalogue.instrument,
            security=lambda _: None,
            asset_graphs=lambda _: [AssetGraph([instrument()])],
        )
        parts = wire_trading(outside, portfolios)
        self.committer, self.intake, self.sessions = parts.committer, parts.intake, parts.sessions
        self.ask_venue = parts.ask_venue
        self.inquire, self.reconcile, self.snapshots = parts.inquire, parts.reconcile, parts.snapshots
        self.publish_portfolios, self.publish_missed = parts.publish_portfolios, parts.publish_missed
        self.sink = AccountSink(self.sessions, ACCOUNT, self._apply)
        self.submit_order = SubmitOrder(
            committer=self.committer, sessions=self.sessions, catalogue=catalogue,
            sent_ids=parts.sent_ids, send_order=parts.send_order, held=parts.held,
            prices=no_prices_needed(), waiters=self.waiters, ids=self.ids, concurrency=self.concurrency,
            failpoints=self.failpoints,
        )  # fmt: skip
        self.cancel_order = CancelOrder(
            committer=self.committer, sessions=self.sessions, send_cancel=parts.send_cancel, held=parts.held,
            concurrency=self.concurrency,
        )  # fmt: skip

    async def _apply(self, reports: Sequence[Report], is_complete: bool) -> object:
        return await self.intake.apply(reports, is_complete=is_complete)

    async def add_account(self, owner: TradingAccount | None = None, balances: dict[str, str] | None = None) -> None:
        owner = owner or account(credential_ids=(KEY,))
        async with self.storage.begin() as uow:
            await uow.accounts.add(owner)
            await uow.commit()
        held = {"USDT": "1000000", "BTC": "10"} if balances is None else balances
        await self.intake.apply([balance_report(asset, total, owner.id) for asset, total in held.items()])
        await self.sessions.open(owner, secrets_of("first", KEY), credential_of(KEY))
        self.publisher.events.clear()

    async def stored(self, order: Order) -> Order:
        async with self.storage.read() as uow:
            found = await uow.orders.get(order.id)
        assert found is not None
        return found

    async def balance(self, asset: str, account_id: TradingAccountId = ACCOUNT) -> tuple[Decimal, Decimal]:
        """Return (total, locked)."""
        async with self.storage.read() as uow:
            rows = await uow.accounts.balances([account_id])
        return next((row.total, row.locked) for row in rows if row.asset == asset)

    async def _open_session(self, owner: Any, type: Any, secrets: Any, sink: Any) -> ScriptedSession:
        return self.session


@asynccontextmanager
async def order_world(dsn: str, *, remembers: bool = True) -> AsyncIterator[OrderWorld]:
    pool = await open_pool(dsn, connections_max=5)
    world = OrderWorld(SqlStorage(pool), Connections(pool), remembers=remembers)
    running = asyncio.create_task(world.committer.run())
    try:
        await world.add_account()
        yield world
    finally:
        await world.concurrency.drain(5_000)
        running.cancel()
        await pool.close()


@asynccontextmanager
async def another_process(dsn: str) -> AsyncIterator[OrderWorld]:
    """Another process over the same database: nothing in memory of the first."""
    pool = await open_pool(dsn, connections_max=3)
    other = OrderWorld(SqlStorage(pool), Connections(pool))
    running = asyncio.create_task(other.committer.run())
    try:
        await other.sessions.open(account(), secrets_of("first", KEY), credential_of(KEY))
        yield other
    finally:
        await other.concurrency.drain(5_000)
        running.cancel()
        await pool.close()
