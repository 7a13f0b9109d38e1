"""Watches a server that may freeze: its connections then stay open, and no statement is answered."""

import asyncio
from weakref import WeakSet

import asyncpg
import structlog

from cadenza.adapters.storage.connections import UNAVAILABLE

LOOK_MS = 1_000
SIGN_OF_LIFE_MS_MAX = 3_000
"""A server that does not answer the simplest statement in this time counts as frozen. Other statements may take
longer."""

log = structlog.get_logger("cadenza.database")


class DatabaseWatch:
    """Asks the server for a sign of life, again and again, over a connection of its own. When none comes, it ends the
    other connections, so that their callers get an error and can try again. A statement that merely takes long is not
    disturbed. Guarantee: no caller waits longer than about 5 s for a frozen server.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._watched: WeakSet[asyncpg.Connection] = WeakSet()
        self._own: asyncpg.Connection | None = None

    async def watch(self, connection: asyncpg.Connection) -> None:
        """Watch a connection. A pool calls this for each new one."""
        self._watched.add(connection)

    async def run(self) -> None:
        """Ask again and again, without end."""
        try:
            while True:
                await asyncio.sleep(LOOK_MS / 1000)
                await self.look()
        finally:
            self._forget_own()

    async def look(self) -> None:
        """Ask once; end the watched connections when no answer comes."""
        asked = asyncio.create_task(self._ask(), name="sign of life")
        # Twice, so that a process that was itself held up first reads what has arrived meanwhile.
        for _ in range(2):
            answered, _ = await asyncio.wait({asked}, timeout=SIGN_OF_LIFE_MS_MAX / 2000)
            if answered:
                return
        asked.cancel()
        self._forget_own()
        log.warning("database.frozen", connections=len(self._watched))
        for connection in list(self._watched):
            connection.terminate()

    async def _ask(self) -> None:
        """A refusal counts as an answer: its caller can act on it."""
        try:
            if self._own is None or self._own.is_closed():
                self._own = await asyncpg.connect(self._dsn)
            await self._own.execute("SELECT 1")
        except (*UNAVAILABLE, asyncpg.PostgresError):
            self._forget_own()

    def _forget_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.terminate()
