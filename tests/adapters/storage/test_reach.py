"""A server that starts up is waited for; one that is away is named, without the password."""

import asyncio

import asyncpg
import pytest

from cadenza.adapters.storage import reach as module
from cadenza.adapters.storage.migrate import migrate, packaged_head
from cadenza.adapters.storage.reach import DatabaseNotReached, place_of, reach


class Refusing:
    """Connecting as it is while the server recovers: refused so many times, then let in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left, self.tries = times, 0
        self._connect = asyncpg.connect
        monkeypatch.setattr(asyncpg, "connect", self.connect)
        monkeypatch.setattr(module, "ASKED_AGAIN_AFTER_S", 0)

    async def connect(self, dsn: str, **more: float) -> asyncpg.Connection:
        self.tries += 1
        if self.left:
            self.left -= 1
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        return await self._connect(dsn, **more)


async def test_a_server_that_starts_up_is_waited_for(monkeypatch: pytest.MonkeyPatch, empty_database_dsn: str) -> None:
    refusing = Refusing(monkeypatch, 3)
    connection = await reach(empty_database_dsn)
    await connection.close()
    assert refusing.tries == 4


async def test_a_migration_waits_for_it(monkeypatch: pytest.MonkeyPatch, empty_database_dsn: str) -> None:
    Refusing(monkeypatch, 2)
    assert await migrate(empty_database_dsn) == packaged_head()


async def test_it_is_waited_for_as_long_as_is_said_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = Refusing(monkeypatch, 1_000)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: refusing.tries * 10.0)
    with pytest.raises(DatabaseNotReached) as raised:
        await reach("postgresql://me:hunter2@db:5433/x")
    assert str(raised.value) == "the database at db:5433 is not ready after 30 s: the database system is starting up"
    assert refusing.tries == 3


async def test_one_that_is_away_is_named_at_once() -> None:
    with pytest.raises(DatabaseNotReached) as raised:
        await reach("postgresql://me:hunter2@127.0.0.1:1/x")
    assert str(raised.value) == "cannot reach the database at 127.0.0.1:1: Connection refused"


async def test_one_that_hangs_up_is_named() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DatabaseNotReached, match=f"^cannot reach the database at 127.0.0.1:{port}: "):
            await reach(f"postgresql://me:hunter2@127.0.0.1:{port}/x?sslmode=disable")


async def test_one_that_says_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(dsn: str, **more: float) -> asyncpg.Connection:
        raise TimeoutError

    monkeypatch.setattr(asyncpg, "connect", connect)
    with pytest.raises(DatabaseNotReached, match=r"^cannot reach the database at db:5432: no answer within 10 s$"):
        await reach("postgresql://db/x")


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/x", "127.0.0.1:1"),
        ("postgresql://me:hunter2@db/x", "db:5432"),
        ("postgresql://me:hun%40ter2@[::1]/x", "[::1]:5432"),
        ("postgresql://me:hunter2@[::1]:7/x", "[::1]:7"),
        ("postgresql://me:hunter2@one:1,two/x", "one:1,two:5432"),
        ("postgresql://me@/x?host=%2Frun%2Fpg&port=7", "/run/pg:7"),
        ("postgresql://me:hun@ter2@db/x", "db:5432"),
        ("postgresql://me:hun/ter2@db/x", "CADENZA_DATABASE_URL"),
        ("postgresql://me:hun#ter2@db/x", "CADENZA_DATABASE_URL"),
        ("postgresql://db/x?user=me&password=hun@ter2", "CADENZA_DATABASE_URL"),
        ("postgresql:///x", "CADENZA_DATABASE_URL"),
    ],
)
def test_a_place_is_a_host_and_a_port_and_never_a_password(dsn: str, place: str) -> None:
    assert place_of(dsn) == place
