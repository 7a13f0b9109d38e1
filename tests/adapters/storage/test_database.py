"""What the driver raises when the server does not do its part is one cause for everybody above: try again."""

from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from cadenza.adapters.storage.database import SqlStorage
from cadenza.domain.errors import DatabaseUnavailable


class Pool:
    """Its connections fail every statement."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @asynccontextmanager
    async def acquire(self, timeout: float) -> Any:
        yield self

    async def execute(self, statement: str) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        asyncpg.AdminShutdownError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.DeadlockDetectedError(),
    ],
)
async def test_a_server_that_does_not_do_its_part_is_unavailable(error: Exception) -> None:
    storage = SqlStorage(Pool(error))  # type: ignore[arg-type]
    with pytest.raises(DatabaseUnavailable):
        async with storage._connections.use() as connection:
            await connection.execute("SELECT 1")
    with pytest.raises(DatabaseUnavailable):
        await storage.ping()


async def test_a_defect_is_not() -> None:
    storage = SqlStorage(Pool(asyncpg.UndefinedTableError()))  # type: ignore[arg-type]
    with pytest.raises(asyncpg.UndefinedTableError):
        async with storage._connections.use() as connection:
            await connection.execute("SELECT 1")
