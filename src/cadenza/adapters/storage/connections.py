"""Connections to PostgreSQL. Failures to answer become `DatabaseUnavailable`."""

import asyncio
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


class HeldConnection(Connections):
    """One connection of the pool, kept by a caller that uses it all the time: taking a connection from the pool and
    giving it back costs as much as a small statement. Users take turns. The connection goes back to the pool after an
    error that PostgreSQL did not answer, and by `release`; the next user takes another one."""

    def __init__(self, pool: asyncpg.Pool, acquire_timeout_s: int = 5) -> None:
        super().__init__(pool, acquire_timeout_s)
        self._turn = asyncio.Lock()
        self._held: asyncpg.pool.PoolConnectionProxy | None = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._turn:
            try:
                if self._held is None:
                    self._held = await self._pool.acquire(timeout=self._acquire_timeout_s)
                yield self._held
            except UNAVAILABLE as error:
                await self.release()
                raise DatabaseUnavailable("the database does not answer; try again with the same key") from error
            except asyncpg.PostgresError:
                raise
            except BaseException:  # the statement may still be running
                await self.release()
                raise

    async def release(self) -> None:
        """Give the connection back, as the pool cannot be closed while it is held."""
        held, self._held = self._held, None
        if held is not None:
            await self._pool.release(held)
