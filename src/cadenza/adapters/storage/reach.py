"""The first connection to a database. It waits for a server that is starting up, and names a server that does not
answer."""

import asyncio
import os
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

READY_WITHIN_S = 30.0
"""How long to wait for a server that is starting up or recovering."""
ASKED_AGAIN_AFTER_S = 0.25
ANSWERS_WITHIN_S = 10.0
"""How long a single try to connect may take."""
_PORT = 5432


class DatabaseNotReached(Exception):
    """The database cannot be reached. The message names the server and the reason, and never the user or the
    password."""


async def reach(dsn: str) -> asyncpg.Connection:
    """Connect; wait up to `READY_WITHIN_S` for a server that is starting up. Raises `DatabaseNotReached` when the
    server cannot be reached or is not ready by then. Other refusals of the server are raised as they are.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + READY_WITHIN_S
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=ANSWERS_WITHIN_S)
        except asyncpg.CannotConnectNowError as error:
            if loop.time() >= give_up_at:
                raise DatabaseNotReached(
                    f"the database at {place_of(dsn)} is not ready after {READY_WITHIN_S:.0f} s: {error.args[0]}"
                ) from error
        except (OSError, asyncpg.PostgresConnectionError) as error:
            raise DatabaseNotReached(f"cannot reach the database at {place_of(dsn)}: {_cause(error)}") from error
        await asyncio.sleep(ASKED_AGAIN_AFTER_S)


def place_of(dsn: str) -> str:
    """Return host:port of a DSN, without user and password."""
    parts = urlsplit(dsn)
    asked = parse_qs(parts.query)
    hosts = asked.get("host") or [parts.netloc.rpartition("@")[2]]
    if parts.netloc.count("@") != dsn.count("@") or not hosts[0]:
        return "CADENZA_DATABASE_URL"  # an unusual address may contain a part of the password anywhere
    port = asked.get("port", [str(_PORT)])[0]
    return ",".join(_with_port(unquote(host), port) for host in hosts[0].split(","))


def _with_port(host: str, port: str) -> str:
    return host if host.rpartition("]")[2].count(":") else f"{host}:{port}"


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {ANSWERS_WITHIN_S:.0f} s"
    if isinstance(error, ConnectionError) and error.errno is not None:
        return os.strerror(error.errno)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
