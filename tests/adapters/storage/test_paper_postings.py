"""Revision 0009: the two lines of each posting become one row, and the lines are shown as they were."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest
from tests.serving import eventually

from cadenza.adapters.storage.migrate import VERSIONS_DIR, migrate

_LINES = """
INSERT INTO paper_entry (venue, owner, asset, amount, kind, trade_id, at_ms) VALUES
    ('PAPER', '@market', 'USDT', -100.5, 'DEPOSIT', NULL, 1), ('PAPER', 'a', 'USDT', 100.5, 'DEPOSIT', NULL, 1),
    ('MOCK', '@market', 'BTC', -1, 'DEPOSIT', NULL, 2),
    ('PAPER', '@market', 'BTC', 0.50, 'TRADE', '7', 3), ('PAPER', 'a', 'BTC', -0.50, 'TRADE', '7', 3),
    ('MOCK', 'a', 'BTC', 1, 'DEPOSIT', NULL, 2),
    ('PAPER', 'a', 'USDT', -0.1, 'FEE', '7', 3), ('PAPER', '@fees', 'USDT', 0.1, 'FEE', '7', 3)
"""
_SELECT = "SELECT venue, owner, asset, amount, kind, trade_id, at_ms FROM paper_entry ORDER BY 1, 2, 3, 4, 5"


@pytest.fixture
async def before(empty_database_dsn: str, tmp_path: Path) -> asyncpg.Connection:
    """A database as it was before the revision."""
    for path in VERSIONS_DIR.glob("*.py"):
        if path.name < "0009":
            shutil.copy(path, tmp_path)
    await migrate(empty_database_dsn, versions_dir=tmp_path)
    return await asyncpg.connect(empty_database_dsn)


async def test_no_line_is_lost_or_changed(before: asyncpg.Connection, empty_database_dsn: str) -> None:
    await before.execute(_LINES)
    lines = await before.fetch(_SELECT)
    await migrate(empty_database_dsn)
    await before.reload_schema_state()
    assert [str(line) for line in await before.fetch(_SELECT)] == [str(line) for line in lines]
    postings = await before.fetch("SELECT source, target, amount::text FROM paper_posting WHERE venue = 'PAPER'")
    assert [tuple(posting) for posting in postings] == [
        ("@market", "a", "100.5"), ("@market", "a", "-0.50"), ("a", "@fees", "0.1"),
    ]  # fmt: skip
    await before.close()


async def test_what_are_no_pairs_stays_as_it_is(before: asyncpg.Connection, empty_database_dsn: str) -> None:
    await before.execute(_LINES)
    await before.execute("DELETE FROM paper_entry WHERE owner = '@fees'")
    with pytest.raises(asyncpg.RaiseError, match="pairs"):
        await migrate(empty_database_dsn)
    assert await before.fetchval("SELECT count(*) FROM paper_entry") == 7
    await before.close()


async def test_what_is_being_committed_comes_along(before: asyncpg.Connection, empty_database_dsn: str) -> None:
    """An older process may trade until the revision has its lock."""
    await before.execute(_LINES)
    transaction = before.transaction()
    await transaction.start()
    await before.execute("UPDATE paper_entry SET amount = amount * 2")
    migrating = asyncio.create_task(migrate(empty_database_dsn))
    watching = await asyncpg.connect(empty_database_dsn)

    async def is_waited_for() -> bool:
        return await watching.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")

    await eventually(is_waited_for)
    await transaction.commit()
    await migrating
    assert await watching.fetchval("SELECT sum(amount) FROM paper_posting WHERE target = 'a'") == 202
    await watching.close()
    await before.close()
