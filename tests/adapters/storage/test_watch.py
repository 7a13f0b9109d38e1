"""A frozen server is told from one that is slow, or that refuses."""

import asyncio

import asyncpg
import pytest

from cadenza.adapters.storage import watch as watch_module
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.watch import DatabaseWatch
from cadenza.domain.errors import DatabaseUnavailable


class Connection:
    """As the watch sees one."""

    is_ended = False

    def terminate(self) -> None:
        self.is_ended = True


async def watched(watch: DatabaseWatch) -> Connection:
    connection = Connection()
    await watch.watch(connection)
    return connection


async def test_a_server_that_answers_is_left_alone(database_dsn: str) -> None:
    watch = DatabaseWatch(database_dsn)
    connection = await watched(watch)
    for _ in range(2):
        await watch.look()
    assert not connection.is_ended
    watch._forget_own()


@pytest.mark.parametrize("error", [asyncpg.TooManyConnectionsError("full"), ConnectionRefusedError()])
async def test_a_refusal_is_an_answer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def refuse(dsn: str) -> None:
        raise error

    monkeypatch.setattr(watch_module.asyncpg, "connect", refuse)
    watch = DatabaseWatch("")
    connection = await watched(watch)
    await watch.look()
    assert not connection.is_ended


async def test_silence_ends_what_waits_and_work_goes_on_afterwards(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = DatabaseWatch(database_dsn)
    pool = await open_pool(database_dsn, connections_max=2, watch=watch)
    storage = SqlStorage(pool)

    async def is_silent() -> None:
        await asyncio.Event().wait()

    async def wait_long() -> None:
        async with storage._connections.use() as connection:
            begun.set()
            await connection.execute("SELECT pg_sleep(60)")

    begun = asyncio.Event()
    waiting = asyncio.create_task(wait_long())
    await begun.wait()
    monkeypatch.setattr(watch, "_ask", is_silent)
    monkeypatch.setattr(watch_module, "SIGN_OF_LIFE_MS_MAX", 10)
    await watch.look()
    with pytest.raises(DatabaseUnavailable):
        await waiting
    async with storage.read() as uow:
        assert (await uow.kept.summary()).oldest_kept_at_ms is None
    await pool.close()
