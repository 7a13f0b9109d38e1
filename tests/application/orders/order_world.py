"""The order path over a real database, with a venue session that does what a test tells it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.trading import SqlTrading
from cadenza.application.orders.apply_report import ApplyReports, SessionSink
from cadenza.application.orders.cancel import CancelOrder
from cadenza.application.orders.committer import Committer, CommitterLimits
from cadenza.application.orders.in_flight import InFlight
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.reconcile import Reconcile
from cadenza.application.orders.sessions import Sessions
from cadenza.application.orders.submit import SubmitOrder
from cadenza.application.orders.tell_missed import TellMissed
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import PAPER, Access, CredentialId, SessionId, TradingAccountId, UserId
from cadenza.domain.market.instrument import TopOfBook
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.order import Fee, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    FillReport,
    Report,
    UnknownOutcomeReport,
)
from cadenza.runtime.here import AsyncioConcurrency, LocalWaiters, NoFailpoints, SystemClock, SystemIds
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, TENANT, D, account, book, instrument

KEY = CredentialId(UUID(int=9))
ACTOR = Actor(
    user_id=UserId(UUID(int=3)),
    tenant_id=TENANT,
    session_id=SessionId(UUID(int=4)),
    scopes=frozenset(Scope),
    access=frozenset(Access),
)

Answer = Callable[[Order], Sequence[Report]]


def accepts(order: Order) -> Sequence[Report]:
    return [
        AcceptedReport(account_id=order.account_id, order_id=order.id, venue_order_id=f"V{order.id.hex}", at_ms=NOW_MS)
    ]


def fills(order: Order, trade_id: str | None = None) -> Sequence[Report]:
    price = order.limit_price or D(100)
    return [
        *accepts(order),
        FillReport(
            account_id=order.account_id, order_id=order.id, venue_order_id=f"V{order.id.hex}", at_ms=NOW_MS,
            trade_id=trade_id or f"T{order.id.hex}", instrument_id=order.instrument_id, side=order.side, price=price,
            quantity=order.quantity, fees=(Fee("USDT", order.quantity * price * D("0.001")),),
        ),
    ]  # fmt: skip


def loses_the_answer(order: Order) -> Sequence[Report]:
    return [
        UnknownOutcomeReport(
            account_id=order.account_id, order_id=order.id, venue_order_id=None, at_ms=NOW_MS, cause="timeout"
        )
    ]


def cancels(order: Order) -> Sequence[Report]:
    return [
        CanceledReport(
            account_id=order.account_id, order_id=order.id, venue_order_id=None, at_ms=NOW_MS, reason=CancelReason.USER
        )
    ]


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
        self.has_told_all = True

    async def submit(self, order: Order) -> Sequence[Report]:
        self.submitted.append(order)
        self.has_submitted.set()
        await self.gate.wait()
        return self.on_submit(order)

    async def cancel(self, order: Order) -> Sequence[Report]:
        self.cancelled.append(order)
        return self.on_cancel(order)

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        self.looked_up.extend(orders)
        return [report for order in orders for report in self.on_lookup(order)]

    async def replay(self, since_ms: int) -> AsyncIterator[Sequence[Report]]:
        yield []

    async def snapshot(self) -> Any:
        raise NotImplementedError

    def is_caught_up(self) -> bool:
        return self.has_told_all

    async def close(self) -> None:
        return None


class RecordingPublisher:
    """`ports.publisher.Publisher` that remembers."""

    def __init__(self) -> None:
        self.events: list[AccountEvent] = []

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self.events.extend(events)

    def order_book(self, snapshot: Any) -> None: ...

    def trade(self, trade: Any) -> None: ...

    def has_book_subscribers(self, instrument_id: Any) -> bool:
        return False


class FixedMarket:
    """`ports.market.MarketView` with one book."""

    def top(self, instrument_id: Any) -> TopOfBook | None:
        return TopOfBook(D("99.5"), D(100), D(100), NOW_MS)

    def snapshot(self, instrument_id: Any, depth: int) -> Any:
        return book()

    def cost_to_take(self, instrument_id: Any, side: Any, quantity: Decimal) -> Decimal | None:
        return quantity * 100


class OrderWorld:
    """Everything of the order path; one account with money and an open session."""

    def __init__(self, storage: SqlStorage, trading: SqlTrading) -> None:
        traded = instrument()
        catalogue = SimpleNamespace(
            instrument=lambda i: traded if i == BTC else None, for_tenant=lambda tenant, i: traded
        )
        self.storage, self.trading = storage, trading
        self.clock, self.ids, self.concurrency = SystemClock(), SystemIds(), AsyncioConcurrency()
        self.publisher, self.waiters = RecordingPublisher(), LocalWaiters()
        self.session = ScriptedSession()
        self.failpoints = NoFailpoints()
        market: Any = FixedMarket()
        self.tell_missed = TellMissed(storage=storage, publisher=self.publisher, clock=self.clock)
        self.committer = Committer(
            trading=trading, market=market, catalogue=catalogue,
            portfolios=PortfolioBuilder(market=market, instrument=catalogue.instrument, security=lambda _: None),
            publisher=self.publisher, missed=self.tell_missed, waiters=self.waiters, clock=self.clock, ids=self.ids,
            concurrency=self.concurrency, failpoints=self.failpoints, limits=CommitterLimits(retry_delay_ms=1),
        )  # fmt: skip
        self.sink = SessionSink(self.committer, lambda account_id: self.sessions.takes_orders(account_id))
        connector: Any = SimpleNamespace(open_session=self._open_session)
        self.sessions = Sessions(connectors={PAPER: connector}, sink=self.sink, concurrency=self.concurrency)
        self.in_flight = InFlight(self.concurrency)
        self.submit_order = SubmitOrder(
            committer=self.committer, sessions=self.sessions, catalogue=catalogue, waiters=self.waiters,
            clock=self.clock, ids=self.ids, concurrency=self.concurrency, in_flight=self.in_flight,
            failpoints=self.failpoints,
        )  # type: ignore[arg-type]  # fmt: skip
        self.cancel_order = CancelOrder(
            committer=self.committer, sessions=self.sessions, concurrency=self.concurrency, failpoints=self.failpoints
        )
        self.reconcile = Reconcile(
            committer=self.committer,
            storage=storage,
            in_flight=self.in_flight,
            clock=self.clock,
            failpoints=self.failpoints,
        )

    async def add_account(self, owner: TradingAccount | None = None, balances: dict[str, str] | None = None) -> None:
        owner = owner or account(credential_ids=(KEY,))
        async with self.storage.begin() as uow:
            await uow.accounts.add(owner)
            await uow.commit()
        held = {"USDT": "1000000", "BTC": "10"} if balances is None else balances
        await self.committer.commit_report(
            ApplyReports(
                [
                    BalanceReport(
                        account_id=owner.id, order_id=None, venue_order_id=None, at_ms=NOW_MS, asset=asset,
                        total=D(total), borrowed=D(0),
                    )
                    for asset, total in held.items()
                ]
            )
        )  # fmt: skip
        await self.sessions.open(owner, None)  # type: ignore[arg-type]
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

    async def _open_session(self, owner: Any, secrets: Any, sink: Any) -> ScriptedSession:
        return self.session


@asynccontextmanager
async def order_world(dsn: str, *, remembers: bool = True) -> AsyncIterator[OrderWorld]:
    pool = await open_pool(dsn, connections_max=5)
    world = OrderWorld(SqlStorage(pool), SqlTrading(Connections(pool), remembers=remembers))
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
    other = OrderWorld(SqlStorage(pool), SqlTrading(Connections(pool)))
    running = asyncio.create_task(other.committer.run())
    try:
        await other.sessions.open(account(), None)  # type: ignore[arg-type]
        yield other
    finally:
        await other.concurrency.drain(5_000)
        running.cancel()
        await pool.close()
