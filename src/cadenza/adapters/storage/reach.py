"""The first connection to a database: a server that is starting up is waited for, and one that is away is named."""

import asyncio
import os
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

READY_WITHIN_S = 30.0
"""A server that recovers refuses us until it has; one that takes longer is for its operator to look at."""
ASKED_AGAIN_AFTER_S = 0.25
ANSWERS_WITHIN_S = 10.0
"""How long a single try to connect may take."""
_PORT = 5432


class DatabaseNotReached(Exception):
    """There is no connection to be had; the message says to which server and why, and never how we log in."""


async def reach(dsn: str) -> asyncpg.Connection:
    """Connect, the server's start being waited for up to `READY_WITHIN_S`.

    Raises `DatabaseNotReached` when it is not there, or not ready by then; what else it refuses us for, it says itself.
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
    """host:port of a DSN, without what stands before it, where the password is."""
    parts = urlsplit(dsn)
    asked = parse_qs(parts.query)
    hosts = asked.get("host") or [parts.netloc.rpartition("@")[2]]
    if parts.netloc.count("@") != dsn.count("@") or not hosts[0]:
        return "CADENZA_DATABASE_URL"  # an address that is not plain: a part of the password may be anywhere in it
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
