"""Connections to PostgreSQL. Failures to answer become `DatabaseUnavailable`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from cadenza.domain.errors import DatabaseUnavailable

UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
"""The errors that asyncpg raises when the server is gone, shutting down, full or asks to try again. InternalClientError
comes from a connection whose last statement was given up while the server did not answer."""


class Connections:
    """A pool that raises `DatabaseUnavailable` for every error which means that the database does not answer."""

    def __init__(self, pool: asyncpg.Pool, acquire_timeout_s: int = 5) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with self._pool.acquire(timeout=self._acquire_timeout_s) as connection:
                yield connection
        except UNAVAILABLE as error:
            raise DatabaseUnavailable("the database does not answer; try again with the same key") from error
