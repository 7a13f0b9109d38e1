"""PAPER over PostgreSQL: what is on disk is what is in memory, and a restarted venue goes on from it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest
from tests.inhouse_kit import SEND_WITHIN_MS, as_acknowledged, kinds, replayed
from tests.paper_bench import PERPETUAL, SPOT, Bench

from cadenza.adapters.storage import paper
from cadenza.adapters.storage.paper import PostgresExchangeLedger
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.ids import MOCK, PAPER
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.reports import AcceptedReport, FillReport
from cadenza.exchange.ledger import INSURANCE, VENUE_OWNERS
from cadenza.exchange.records import (
    EngineMemory,
    LedgerBalance,
    Posting,
    PostingKind,
    VenueAccount,
    VenueChanges,
    VenueOrder,
)
from cadenza.exchange.state import MarketLevel
from cadenza.ports.exchange_ledger import HistoryCursor, LedgerTakenOver


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_dsn, min_size=1, max_size=4) as pool:
        yield pool


class PostgresBench(Bench):
    """The bench over a database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        super().__init__()

    def _writer(self) -> PostgresExchangeLedger:
        return PostgresExchangeLedger(self.pool, PAPER)


@pytest.fixture
async def stored(pool: asyncpg.Pool) -> AsyncIterator[PostgresBench]:
    running = PostgresBench(pool)
    await running.connector.start()
    yield running
    await running.connector.stop()


async def test_a_restart_goes_on_where_it_stopped(stored: PostgresBench) -> None:
    account, session, _ = await stored.session()
    margin, margin_session, _ = await stored.session(AccountType.MARGIN)
    await session.submit(stored.order(account, SPOT, Side.BUY, "1.5"))
    await session.submit(stored.order(account, SPOT, Side.BUY, "2", "60005"))
    await session.submit(stored.order(account, SPOT, Side.SELL, "1", type=OrderType.TRAILING_STOP, stop="59000"))
    expiry = stored.clock.ms + 60_000
    await session.submit(
        stored.order(account, SPOT, Side.BUY, "1", "50000", time_in_force=TimeInForce.GTD, expire_at_ms=expiry)
    )
    await margin_session.submit(stored.order(margin, PERPETUAL, Side.SELL, "3", leverage=10))
    exchange = stored.connector._exchange
    orders = exchange.office.open_orders()
    totals = dict(exchange.office.ledger.totals())
    positions = exchange.office.ledger.positions(margin.external.external_id)
    engine = exchange._engines[SPOT.id].snapshot()
    await stored.connector.stop()
    await stored.restart()
    exchange = stored.connector._exchange
    assert dict(exchange.office.ledger.totals()) == totals
    assert exchange.office.ledger.positions(margin.external.external_id) == positions
    again = {order.venue_order_id: order for order in exchange.office.open_orders()}
    for order in orders:
        places = {
            "sequence": again[order.venue_order_id].sequence,
            "queue_ahead": again[order.venue_order_id].queue_ahead,
        }
        assert replace(order, **places) == again[order.venue_order_id]
    restored = exchange._engines[SPOT.id].snapshot()
    assert restored.orders == engine.orders
    assert restored.last_price == engine.last_price
    # What was taken before the restart is still taken.
    assert exchange._engines[SPOT.id].market_depth(Side.SELL, 9) == [(6002000, 150_000)]


async def test_histories_and_replay_come_from_disk(stored: PostgresBench) -> None:
    account, session, _ = await stored.session()
    first, second = stored.order(account, SPOT, Side.BUY, "1.5"), stored.order(account, SPOT, Side.BUY, "1", "50000")
    reports = [*await session.submit(first), *await session.submit(second)]
    looked_up = await session.lookup([first, second])
    assert as_acknowledged(looked_up) == reports
    assert [r.executed_quantity for r in looked_up if isinstance(r, AcceptedReport)] == [first.quantity, 0]
    assert await replayed(session, 0) == looked_up
    missing = stored.order(account, SPOT, Side.BUY, "1")
    await stored.tick(SEND_WITHIN_MS + 1)
    assert kinds(await session.lookup([missing])) == ["Rejected"]


async def test_the_leverage_after_a_fill_comes_from_disk_too(stored: PostgresBench) -> None:
    margin, session, _ = await stored.session(AccountType.MARGIN)
    fills = []
    for side, leverage in ((Side.BUY, 10), (Side.BUY, 20), (Side.SELL, None)):
        reports = await session.submit(stored.order(margin, PERPETUAL, side, "3", leverage=leverage))
        fills += [report for report in reports if isinstance(report, FillReport)]
    assert [fill.leverage for fill in fills] == [10, 20, 20]
    assert [report for report in await replayed(session, 0) if isinstance(report, FillReport)] == fills


async def test_a_long_replay_is_read_page_by_page(stored: PostgresBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages end within a millisecond; an order that changes meanwhile comes again, with what it has become."""
    monkeypatch.setattr(paper, "ORDERS_PER_PAGE_MAX", 3)
    account, session, _ = await stored.session()
    orders = [stored.order(account, SPOT, Side.BUY, "0.1", str(50_000 - n)) for n in range(10)]
    for order in orders:
        await session.submit(order)
    pieces = [piece async for piece in session.replay(0)]
    assert [len(piece.reports) for piece in pieces] == [3, 3, 3, 1]
    assert {piece.covers_from_ms for piece in pieces} == {0}
    assert {report.order_id for piece in pieces for report in piece.reports} == {order.id for order in orders}
    replay = session.replay(0)
    first = [report.order_id for report in (await anext(replay)).reports]
    await stored.tick()
    changed = next(order for order in orders if order.id == first[0])
    await session.cancel(changed)
    rest = [report async for piece in replay for report in piece.reports]
    assert {report.order_id for report in rest} == {order.id for order in orders} - set(first) | {changed.id}
    assert kinds([report for report in rest if report.order_id == changed.id]) == ["Accepted", "Canceled"]


async def test_a_balance_comes_with_all_the_money_that_is_in_it(pool: asyncpg.Pool) -> None:
    """An order that changed again within the millisecond in which its page ended comes with the balance."""
    ledger = PostgresExchangeLedger(pool, PAPER)
    await ledger.take_over()
    owner = VenueAccount(
        external_id="acc", type=AccountType.MARGIN, position_mode=PositionMode.NETTING, max_leverage=5, opened_at_ms=1
    )
    order = VenueOrder(
        venue_order_id="a", external_id="acc", order_id=None, account_id=None, instrument_id=SPOT.id, side=Side.BUY,
        type=OrderType.MARKET, time_in_force=TimeInForce.IOC, quantity=Decimal(1), remaining=Decimal(1),
        status=OrderStatus.ACCEPTED, created_at_ms=5, updated_at_ms=5,
    )  # fmt: skip
    posting = Posting(
        source=INSURANCE, target="acc", asset="USDT", amount=Decimal(7), kind=PostingKind.INSURANCE, trade_id=None,
        at_ms=5,
    )  # fmt: skip
    balance = LedgerBalance(owner="acc", asset="USDT", total=Decimal(7))
    await ledger.commit(
        VenueChanges(trade_sequence=0, accounts=(owner,), orders=(order,), postings=(posting,), balances=(balance,))
    )
    place = HistoryCursor(order.updated_at_ms, f"{order.venue_order_id}z")
    page = await ledger.since(order.external_id, 0, place)
    assert [history.order.venue_order_id for history in page.histories] == [order.venue_order_id]
    assert list(page.covered) == [balance]


async def test_entries_add_up_to_the_balances(stored: PostgresBench) -> None:
    account, session, _ = await stored.session()
    await session.submit(stored.order(account, SPOT, Side.BUY, "1.23456"))
    await session.submit(stored.order(account, SPOT, Side.SELL, "0.77777"))
    sums = await stored.pool.fetch("SELECT owner, asset, sum(amount) AS total FROM paper_entry GROUP BY owner, asset")
    totals = stored.connector._exchange.office.ledger.totals()
    assert {(r["owner"], r["asset"]): r["total"] for r in sums} == totals
    assert {owner for owner, _ in totals} >= VENUE_OWNERS - {"@insurance"}
    per_asset = await stored.pool.fetch("SELECT asset, sum(amount) AS total FROM paper_entry GROUP BY asset")
    assert all(row["total"] == Decimal(0) for row in per_asset)


async def test_only_the_last_writer_writes(pool: asyncpg.Pool) -> None:
    old, new, other = (
        PostgresExchangeLedger(pool, PAPER),
        PostgresExchangeLedger(pool, PAPER),
        PostgresExchangeLedger(pool, MOCK),
    )
    await old.take_over()
    await new.take_over()
    await other.take_over()
    with pytest.raises(LedgerTakenOver):
        await old.commit(VenueChanges(trade_sequence=7))
    with pytest.raises(LedgerTakenOver):
        await old.reload()
    await new.commit(VenueChanges(trade_sequence=8))
    assert (await new.reload()).trade_sequence == 8
    assert (await other.reload()).trade_sequence == 0


async def test_every_value_comes_back_as_it_was_written(pool: asyncpg.Pool) -> None:
    """To the last digit and the last character, whatever the way to the database does with them."""
    ledger = PostgresExchangeLedger(pool, PAPER)
    await ledger.take_over()
    order = VenueOrder(
        venue_order_id='{"a", \\ \'$1\', NULL}', external_id="ac,c", order_id=UUID(int=7),
        account_id=UUID(int=2**128 - 1),
        instrument_id=SPOT.id, side=Side.SELL, type=OrderType.TRAILING_STOP, time_in_force=TimeInForce.GTD,
        quantity=Decimal("99999999999999999999.123456789012345678"), remaining=Decimal("0.000000000000000001"),
        limit_price=Decimal("1E+3"), stop_price=Decimal("60000.10"), trail_distance=Decimal("0.1"),
        expire_at_ms=2**62, leverage=20, position_side=PositionSide.SHORT, is_closing=True, is_liquidation=True,
        status=OrderStatus.ACCEPTED, reason="\n\t\u2028 é 🎼", hold_rate=Decimal("0E-18"), is_triggered=True,
        sequence=2**60, queue_ahead=Decimal("12.50"), script="", created_at_ms=5, updated_at_ms=6,
    )  # fmt: skip
    memory = EngineMemory(
        instrument_id=SPOT.id, last_price=None, sequence=1, trade_sequence=2, now_ms=3,
        levels=(MarketLevel(Side.BUY, 6_000_000, 10**15, 7),),
    )  # fmt: skip
    await ledger.commit(VenueChanges(trade_sequence=9, orders=(order,), engines=(memory,)))
    state = await ledger.reload()
    assert (state.orders, state.engines, state.trade_sequence) == ((order,), (memory,), 9)
    for name in ("quantity", "remaining", "stop_price", "hold_rate", "queue_ahead"):
        assert str(getattr(state.orders[0], name)) == str(getattr(order, name))


async def test_a_batch_writes_what_it_changed_and_nothing_else(stored: PostgresBench) -> None:
    account, session, _ = await stored.session()
    await session.submit(stored.order(account, SPOT, Side.BUY, "1", "50000"))
    filled = await session.submit(stored.order(account, SPOT, Side.BUY, "0.5"))
    assert kinds(filled) == ["Accepted", "Fill"]
    rows = await stored.pool.fetch("SELECT source, target, asset, kind FROM paper_posting WHERE trade_id IS NOT NULL")
    spot = account.external.external_id
    assert [tuple(row) for row in rows] == [
        ("@market", spot, "BTC", "TRADE"), (spot, "@market", "USDT", "TRADE"), (spot, "@fees", "USDT", "FEE"),
    ]  # fmt: skip
    for table, count in {"paper_position": 0, "paper_fill": 1, "paper_order": 2}.items():
        assert await stored.pool.fetchval(f"SELECT count(*) FROM {table}") == count
