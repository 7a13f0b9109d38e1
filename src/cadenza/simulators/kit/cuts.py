"""Connections that fail in place of an answer."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import NoReturn

from aiohttp import web


class ConnectionCut(Enum):
    """How a connection fails in place of an answer."""

    SILENCE = "SILENCE"
    RESET = "RESET"


async def cut(request: web.Request, how: ConnectionCut) -> NoReturn:
    """Never answer: cut the connection, or be silent until the client leaves."""
    if how is ConnectionCut.SILENCE:
        await asyncio.Event().wait()
    transport = request.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    raise asyncio.CancelledError
