"""What an order of many fills costs its account's log and its subscribers, in an account with many assets.

    python bench/order_log.py [--assets 300] [--fills 1000]

The committer runs over an embedded PostgreSQL of its own, without HTTP and without a venue: the fills of one order come
one after another, each in a transaction. One account has no subscriber; the other has one, whose publications are
encoded and counted, and whose portfolio is published four times a second. CPU is this process's, without PostgreSQL's.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import asyncpg
import uvloop

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.migrate import migrate
from cadenza.adapters.storage.trading import SqlTrading
from cadenza.adapters.storage.venue_memory import SqlVenueMemories
from cadenza.adapters.venues.paper.spec import SPEC
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.orders.committer import CommitterLimits
from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.application.orders.publish_portfolios import PUBLISH_PORTFOLIOS_MS
from cadenza.domain.accounts.trading_account import AccountStatus, AccountType, ExternalAccount, TradingAccount
from cadenza.domain.ids import PAPER, InstrumentId, TenantId, TradingAccountId, UserId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, SecurityType
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.domain.trading.reports import BalanceReport, ExternalOrderReport, FillReport, Report
from cadenza.runtime.alarms import LoggedAlarms
from cadenza.runtime.embedded import EmbeddedPostgres
from cadenza.runtime.local import AsyncioConcurrency, LocalWaiters, NoFailpoints, SystemClock, SystemIds
from cadenza.runtime.wiring.trading import Outside, Trading, wire_trading
from cadenza.wire.push import encode_account_event, encode_portfolio

BTC_USDT = InstrumentId("PAPER:BTC/USDT")
NOW_MS = 1_790_000_000_000
PRICE, LOT = Decimal(48_000), Decimal("0.001")
INSTRUMENT = Instrument(
    id=BTC_USDT, venue_id=PAPER, symbol="BTC/USDT", external_symbol="BTCUSDT", type=InstrumentType.SPOT,
    status=InstrumentStatus.ACTIVE, base_asset="BTC", quote_asset="USDT", base_security_type=SecurityType.CRYPTO,
    quote_security_type=SecurityType.CRYPTO, base_precision=8, quote_precision=8, lot_size=LOT, pip_size=LOT,
    min_quantity=LOT, max_quantity=Decimal(1_000), min_notional=LOT, max_notional=Decimal(10**9),
    order_types=(OrderType.LIMIT,), time_in_force_options=(TimeInForce.GTC,), maker_fee=Decimal(0),
    taker_fee=Decimal("0.001"), maintenance_margin=Decimal(0), initial_margin=Decimal(0),
)  # fmt: skip


class NoMarket:
    """`ports.market.MarketView` without a book: only USDT has a value."""

    def top(self, instrument_id: InstrumentId) -> None:
        return None

    known_top = top

    def may_come(self, instrument_id: InstrumentId) -> bool:
        return False

    def snapshot(self, instrument_id: InstrumentId, depth: int) -> None:
        return None

    def cost_to_take(self, instrument_id: InstrumentId, side: Side, quantity: Decimal) -> None:
        return None


class CountingPublisher:
    """`ports.publisher.Publisher` that encodes for the accounts with subscribers, and counts."""

    def __init__(self) -> None:
        self.subscribed: set[TradingAccountId] = set()
        self.sizes: list[int] = []
        self.view_sizes: list[int] = []

    def account_events(self, events: Sequence[AccountEvent]) -> None:
        self.sizes += [len(encode_account_event(event)) for event in events if event.account_id in self.subscribed]

    def portfolio(self, portfolio: Portfolio) -> None:
        self.view_sizes.append(len(encode_portfolio(portfolio)))

    def has_account_subscribers(self, account_id: TradingAccountId) -> bool:
        return account_id in self.subscribed

    def order_book(self, snapshot: Any) -> None: ...

    def trade(self, trade: Any) -> None: ...

    def has_book_subscribers(self, instrument_id: InstrumentId) -> bool:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The parts on the way of a fill."""

    storage: SqlStorage
    trading: Trading
    publisher: CountingPublisher
    pool: asyncpg.Pool
    database: asyncpg.Connection

    async def publish_portfolios(self) -> None:
        while True:
            await self.trading.publish_portfolios.tick()
            await asyncio.sleep(PUBLISH_PORTFOLIOS_MS / 1000)


async def wire(dsn: str) -> Platform:
    pool = await open_pool(dsn, connections_max=4)
    storage, clock, publisher, market = SqlStorage(pool), SystemClock(), CountingPublisher(), NoMarket()
    async with storage.begin() as uow:
        await uow.catalogue.upsert_instruments([INSTRUMENT])
        await uow.commit()
    catalogue = Catalogue(storage=storage)
    await catalogue.load()
    connections, connectors = Connections(pool), {PAPER: SimpleNamespace(spec=SPEC)}
    outside = Outside(
        storage=storage, trading=SqlTrading(connections), connectors=cast(Any, connectors), market=market,
        feeds=cast(Any, market),
        memories=lambda venue_id: SqlVenueMemories(connections, venue_id), catalogue=catalogue, publisher=publisher,
        waiters=LocalWaiters(), alarms=LoggedAlarms(), clock=clock, ids=SystemIds(), concurrency=AsyncioConcurrency(),
        failpoints=NoFailpoints(), limits=CommitterLimits(),
    )  # fmt: skip
    builder = PortfolioBuilder(
        market=market,
        instrument=catalogue.instrument,
        security=catalogue.security,
        asset_graphs=catalogue.asset_graphs,
    )
    return Platform(
        storage=storage,
        trading=wire_trading(outside, builder),
        publisher=publisher,
        pool=pool,
        database=await asyncpg.connect(dsn),
    )


async def add_account(platform: Platform, number: int, assets: int, quantity: Decimal) -> TradingAccountId:
    """An account with balances of as many assets, and one open order."""
    account = TradingAccount(
        id=TradingAccountId(UUID(int=number)), tenant_id=TenantId(UUID(int=1)), user_id=UserId(UUID(int=1)),
        venue_id=PAPER, nickname="", credential_ids=(), status=AccountStatus.ACTIVE, created_at_ms=NOW_MS,
        external=ExternalAccount(external_id=str(number), type=AccountType.SPOT, external_type="SPOT"),
        updated_at_ms=NOW_MS, adopted_at_ms=NOW_MS - 1, complete_until_ms=NOW_MS - 1,
    )  # fmt: skip
    async with platform.storage.begin() as uow:
        await uow.accounts.add(account)
        await uow.commit()
    names = ["USDT", "BTC", *(f"A{n:03d}" for n in range(assets - 2))]
    reports: list[Report] = [
        BalanceReport(
            account_id=account.id, at_ms=NOW_MS, asset=name, total=Decimal("1000000.123"), locked=Decimal(0),
            borrowed=Decimal(0), as_of=NOW_MS,
        )
        for name in names
    ]  # fmt: skip
    reports.append(
        ExternalOrderReport(
            account_id=account.id, venue_order_id="V", at_ms=NOW_MS, instrument_id=BTC_USDT, side=Side.BUY,
            type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=quantity, executed_quantity=Decimal(0),
            limit_price=PRICE,
        )
    )  # fmt: skip
    await platform.trading.intake.apply(reports, is_complete=False)
    return account.id


def fill(account_id: TradingAccountId, number: int) -> Report:
    return FillReport(
        account_id=account_id, venue_order_id="V", at_ms=NOW_MS + number, trade_id=f"T{number:06d}",
        instrument_id=BTC_USDT, side=Side.BUY, price=PRICE, quantity=LOT, fees=(Fee("USDT", Decimal("0.048")),),
    )  # fmt: skip


async def measure(platform: Platform, account_id: TradingAccountId, fills: int, label: str) -> None:
    publisher = platform.publisher
    publisher.sizes.clear()
    publisher.view_sizes.clear()
    query = "SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM account_events WHERE account_id = $1"
    before = await platform.database.fetchrow(query, account_id)
    started, cpu_s = time.perf_counter(), time.process_time()
    for number in range(fills):
        await platform.trading.intake.apply([fill(account_id, number)], is_complete=False)
    took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
    await asyncio.sleep(2 * PUBLISH_PORTFOLIOS_MS / 1000)
    after = await platform.database.fetchrow(query, account_id)
    rows, log_bytes = after[0] - before[0], after[1] - before[1]
    print(
        f"{label:<16} {rows:>6} {log_bytes:>12,} {len(publisher.sizes):>6} {sum(publisher.sizes):>12,}"
        f" {len(publisher.view_sizes):>5} {sum(publisher.view_sizes):>12,} {cpu_s:>8.2f} {took_s:>8.2f}"
    )
    status = await platform.database.fetchval("SELECT status FROM orders WHERE account_id = $1", account_id)
    assert status == "FILLED", status


async def main(assets: int, fills: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        server = EmbeddedPostgres(Path(scratch, "data"))
        await server.start()
        try:
            await migrate(server.dsn())
            platform = await wire(server.dsn())
            running = [asyncio.create_task(platform.trading.committer.run())]
            running.append(asyncio.create_task(platform.publish_portfolios()))
            print(f"an order of {fills} fills in an account with {assets} assets")
            print(
                f"{'':<16} {'rows':>6} {'log bytes':>12} {'pushes':>6} {'push bytes':>12}"
                f" {'views':>5} {'view bytes':>12} {'CPU s':>8} {'s':>8}"
            )
            for number, label in ((1, "no subscriber"), (2, "one subscriber")):
                account_id = await add_account(platform, number, assets, LOT * fills)
                if number == 2:
                    platform.publisher.subscribed.add(account_id)
                await measure(platform, account_id, fills, label)
            for task in running:
                task.cancel()
            await platform.database.close()
            await platform.pool.close()
        finally:
            await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=int, default=300)
    parser.add_argument("--fills", type=int, default=1_000)
    given = parser.parse_args()
    uvloop.run(main(given.assets, given.fills))
