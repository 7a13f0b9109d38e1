"""PAPER over PostgreSQL: what is on disk is what is in memory, and a restarted venue goes on from it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import asyncpg
import pytest
from tests.inhouse_kit import kinds
from tests.paper_bench import PERPETUAL, SPOT, Bench

from cadenza.adapters.storage.paper import PostgresPaperLedger
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import MOCK, PAPER
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.matching.ledger import VENUE_OWNERS
from cadenza.domain.matching.records import VenueChanges
from cadenza.ports.paper_ledger import LedgerTakenOver


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_dsn, min_size=1, max_size=4) as pool:
        yield pool


class PostgresBench(Bench):
    """The bench over a database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        super().__init__()

    def _writer(self) -> PostgresPaperLedger:
        return PostgresPaperLedger(self.pool, PAPER)


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
    floor = stored.connector._floor
    orders = floor.office.open_orders()
    totals = dict(floor.office.ledger.totals())
    positions = floor.office.ledger.positions(margin.external.external_id)
    engine = floor._engines[SPOT.id].snapshot()
    await stored.connector.stop()
    await stored.restart()
    floor = stored.connector._floor
    assert dict(floor.office.ledger.totals()) == totals
    assert floor.office.ledger.positions(margin.external.external_id) == positions
    again = {order.venue_order_id: order for order in floor.office.open_orders()}
    for order in orders:
        places = {
            "sequence": again[order.venue_order_id].sequence,
            "queue_ahead": again[order.venue_order_id].queue_ahead,
        }
        assert replace(order, **places) == again[order.venue_order_id]
    restored = floor._engines[SPOT.id].snapshot()
    assert restored.orders == engine.orders
    assert restored.last_price == engine.last_price
    # What was taken before the restart is still taken.
    assert floor._engines[SPOT.id].market_depth(Side.SELL, 9) == [(6002000, 150_000)]


async def test_histories_and_replay_come_from_disk(stored: PostgresBench) -> None:
    account, session, _ = await stored.session()
    first, second = stored.order(account, SPOT, Side.BUY, "1.5"), stored.order(account, SPOT, Side.BUY, "1", "50000")
    told = [*await session.submit(first), *await session.submit(second)]
    assert list(await session.lookup([first, second])) == told
    assert list(await session.replay(0)) == told
    missing = stored.order(account, SPOT, Side.BUY, "1")
    assert kinds(await session.lookup([missing])) == ["Rejected"]


async def test_entries_add_up_to_the_balances(stored: PostgresBench) -> None:
    account, session, _ = await stored.session()
    await session.submit(stored.order(account, SPOT, Side.BUY, "1.23456"))
    await session.submit(stored.order(account, SPOT, Side.SELL, "0.77777"))
    sums = await stored.pool.fetch("SELECT owner, asset, sum(amount) AS total FROM paper_entry GROUP BY owner, asset")
    totals = stored.connector._floor.office.ledger.totals()
    assert {(r["owner"], r["asset"]): r["total"] for r in sums} == totals
    assert {owner for owner, _ in totals} >= VENUE_OWNERS - {"@insurance"}
    per_asset = await stored.pool.fetch("SELECT asset, sum(amount) AS total FROM paper_entry GROUP BY asset")
    assert all(row["total"] == Decimal(0) for row in per_asset)


async def test_only_the_last_writer_writes(pool: asyncpg.Pool) -> None:
    old, new, other = (
        PostgresPaperLedger(pool, PAPER),
        PostgresPaperLedger(pool, PAPER),
        PostgresPaperLedger(pool, MOCK),
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
