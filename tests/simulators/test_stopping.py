"""A simulator that stops closes its sockets itself, and waits for no client."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from .test_keys import VENUES

SOCKETS = {"binance": "/ws", "okx": "/ws/v5/public", "deribit": "/ws/api/v2", "bitfinex": "/ws/2"}


@pytest.mark.parametrize("venue", VENUES)
async def test_a_stop_closes_open_sockets(venue: str, tmp_path: Path) -> None:
    """A socket that was cut, because the server had waited for its handler in vain, would end with 1006."""
    async with aiohttp.ClientSession() as http:
        async with VENUES[venue].start(tmp_path) as running:
            url = running.url.replace("http", "ws") + SOCKETS[venue]
            sockets = [await http.ws_connect(url) for _ in range(3)]
            listening = [asyncio.create_task(heard_until_closed(socket)) for socket in sockets]
        await asyncio.gather(*listening)
    assert [socket.close_code for socket in sockets] == [aiohttp.WSCloseCode.GOING_AWAY] * 3
    assert not running.venue.outlets


async def heard_until_closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass
