"""Connectors' durable memory, fenced: only the holder that opened a scope last may read or write it."""

from dataclasses import dataclass

from cadenza.adapters.storage.connections import Connections
from cadenza.domain.ids import VenueId
from cadenza.ports.venue.memory import KEY_LENGTH_MAX, VALUE_LENGTH_MAX, MemoryTakenOver, VenueMemory

_OPEN = """
INSERT INTO venue_memory_scopes AS s VALUES ($1, $2, $3, 1)
ON CONFLICT (venue, environment, scope) DO UPDATE SET token = s.token + 1 RETURNING token
"""
# The row lock on the scope makes the next `open` wait until this statement has ended.
_HELD = """
held AS (
    SELECT FROM venue_memory_scopes WHERE (venue, environment, scope, token) = ($1, $2, $3, $4) FOR SHARE
)
"""
_GET = f"""
WITH {_HELD}
SELECT (SELECT count(*) FROM held) AS held,
    (SELECT value FROM venue_memory WHERE (venue, environment, scope, key) = ($1, $2, $3, $5)) AS value
"""
_PUT = f"""
WITH {_HELD}
INSERT INTO venue_memory SELECT $1, $2, $3, $5, $6 FROM held
ON CONFLICT (venue, environment, scope, key) DO UPDATE SET value = excluded.value RETURNING value
"""
_NEXT = f"""
WITH {_HELD}
INSERT INTO venue_memory AS m SELECT $1, $2, $3, $5, ($6::numeric + $7::numeric)::text FROM held
ON CONFLICT (venue, environment, scope, key) DO UPDATE SET value = (m.value::numeric + $7::numeric)::text
RETURNING (value::numeric - $7::numeric)::text AS first
"""
_ADVANCE = f"""
WITH {_HELD}
INSERT INTO venue_memory AS m SELECT $1, $2, $3, $5, ($6::numeric + 1)::text FROM held
ON CONFLICT (venue, environment, scope, key)
DO UPDATE SET value = greatest(m.value::numeric, excluded.value::numeric)::text RETURNING value
"""


@dataclass(frozen=True, slots=True)
class SqlVenueMemory:
    """`ports.venue.memory.VenueMemory`. A counter is stored as its next number."""

    connections: Connections
    venue_id: VenueId
    scope: str
    token: int

    async def get(self, key: str) -> str | None:
        _check(key)
        async with self.connections.use() as connection:
            row = await connection.fetchrow(_GET, *self._name, self.token, key)
        if row is None or not row["held"]:
            raise MemoryTakenOver(self.scope)
        value: str | None = row["value"]
        return value

    async def put(self, key: str, value: str) -> None:
        _check(key, value)
        await self._write(_PUT, key, value)

    async def next(self, counter: str, *, first: int = 1, count: int = 1) -> int:
        _check(counter)
        if count < 1:
            raise ValueError("count must be at least 1")
        return int(await self._write(_NEXT, counter, first, count))

    async def advance(self, counter: str, past: int) -> None:
        _check(counter)
        await self._write(_ADVANCE, counter, past)

    @property
    def _name(self) -> tuple[str, str, str]:
        return self.venue_id.venue.value, self.venue_id.environment.value, self.scope

    async def _write(self, statement: str, *values: str | int) -> str:
        async with self.connections.use() as connection:
            written: str | None = await connection.fetchval(statement, *self._name, self.token, *values)
        if written is None:
            raise MemoryTakenOver(self.scope)
        return written


class SqlVenueMemories:
    """`ports.venue.memory.VenueMemories` of one venue."""

    def __init__(self, connections: Connections, venue_id: VenueId) -> None:
        self._connections = connections
        self._venue_id = venue_id

    async def open(self, scope: str) -> VenueMemory:
        _check(scope)
        at = self._venue_id
        async with self._connections.use() as connection:
            token = await connection.fetchval(_OPEN, at.venue.value, at.environment.value, scope)
        return SqlVenueMemory(self._connections, at, scope, token)


def _check(key: str, value: str = "") -> None:
    if not key or len(key) > KEY_LENGTH_MAX or len(value) > VALUE_LENGTH_MAX:
        raise ValueError(f"a key has 1 to {KEY_LENGTH_MAX} characters, a value at most {VALUE_LENGTH_MAX}")
