"""MOCK over PostgreSQL: scripts, and how far they have come, are on disk."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from tests.adapters.mock.mock_bench import MockBench
from tests.inhouse_kit import SEND_WITHIN_MS, kinds

from cadenza.adapters.storage.paper import PostgresExchangeLedger
from cadenza.domain.ids import MOCK
from cadenza.domain.trading.enums import RejectReason


class PostgresMockBench(MockBench):
    """The bench over a database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        super().__init__()

    def _writer(self) -> Any:
        return PostgresExchangeLedger(self.pool, MOCK)


@pytest.fixture
async def stored(database_dsn: str) -> AsyncIterator[PostgresMockBench]:
    async with asyncpg.create_pool(database_dsn, min_size=1, max_size=4) as pool:
        running = PostgresMockBench(pool)
        await running.connector.start()
        yield running
        await running.connector.stop()


async def test_scripts_go_on_from_disk(stored: PostgresMockBench) -> None:
    account, session, _ = await stored.session()
    parts, late, refusing = (
        stored.order(account, script, "3")
        for script in ("mock.partial:3:1000", "mock.late-fill:1500", "mock.cancel-refused:2")
    )
    for order in (parts, late, refusing):
        assert kinds(await session.submit(order))[0] == "Accepted"
    assert kinds(await session.cancel(late)) == ["Canceled"]
    assert kinds(await session.cancel(refusing)) == ["CancelRefused"]
    await stored.tick(1000)
    await stored.restart()
    _, session, sink = await stored.session()
    assert kinds(await session.cancel(refusing)) == ["CancelRefused"]
    assert kinds(await session.cancel(refusing)) == ["Canceled"]
    await stored.tick(1000)
    reports = await stored.delivered(sink, 3)
    assert sorted(kinds(reports)) == ["Canceled", "Fill", "Fill"]
    assert {fill.order_id: fill.quantity for fill in sink.fills} == {parts.id: Decimal(1), late.id: Decimal("1.5")}
    rows = await stored.pool.fetch("SELECT asset, sum(amount) AS total FROM paper_entry GROUP BY asset")
    assert all(row["total"] == 0 for row in rows)
    sums = await stored.pool.fetch("SELECT owner, asset, sum(amount) AS total FROM paper_entry GROUP BY owner, asset")
    totals = stored.connector._exchange.office.ledger.totals()
    assert {(row["owner"], row["asset"]): row["total"] for row in sums} == totals


async def test_what_never_arrived_leaves_nothing_until_it_is_asked_for(stored: PostgresMockBench) -> None:
    account, session, _ = await stored.session()
    order = stored.order(account, "mock.never-arrives")
    assert kinds(await session.submit(order)) == ["UnknownOutcome"]
    assert await stored.pool.fetchval("SELECT count(*) FROM paper_order") == 0
    await stored.tick(SEND_WITHIN_MS + 1)
    assert kinds(await session.lookup([order])) == ["Rejected"]
    await stored.restart()
    _, session, _ = await stored.session()
    (late,) = await session.submit(replace(order, send_before_ms=stored.clock.ms + SEND_WITHIN_MS))
    assert late.reason == RejectReason.NOT_FOUND_AT_VENUE
