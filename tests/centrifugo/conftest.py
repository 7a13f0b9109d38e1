"""The whole server with either socket: our own, or the real Centrifugo's in front of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.adapters.realtime.raw_client import RawClient
from tests.centrifugo.judge import House
from tests.e2e.trader import Trader

SOCKETS = ("ours", "centrifugo")
GENEROUS = {"LIMITS_SIGNUP_PER_MINUTE": 100_000, "LIMITS_LOGIN_PER_MINUTE": 100_000}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SOCKETS)
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One for the tests of a module, which leave it alive."""
    directory: Path = tmp_path_factory.mktemp(request.param)
    running = await House.open(directory, is_judged=request.param == "centrifugo", **GENEROUS)
    yield running
    await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def trader(house: House) -> AsyncIterator[Trader]:
    """A user who signed up just now, with accounts."""
    async with Trader(house.url) as someone:
        await someone.enter()
        await someone.connect()
        yield someone


MakeClient = Callable[..., Awaitable[RawClient]]


@pytest_asyncio.fixture(loop_scope="module")
async def connect(house: House, trader: Trader) -> AsyncIterator[MakeClient]:
    """Makes connected clients of the trader, or with another token."""
    clients: list[RawClient] = []

    async def make(token: str | None = None) -> RawClient:
        client = await RawClient.open(house.socket_port)
        clients.append(client)
        await client.connect(token or str(trader.api.token))
        return client

    yield make
    for client in clients:
        client.leave()


async def publication(client: RawClient) -> dict[str, Any]:
    """Return the next publication; who comes and goes is passed over."""
    while True:
        push = await client.push()
        if "pub" in push:
            told: dict[str, Any] = push["pub"]
            return told


async def publications_until(client: RawClient, status: str) -> list[dict[str, Any]]:
    """Return the publications up to the one of an order in the wanted state."""
    seen = []
    while True:
        seen.append(await publication(client))
        data = seen[-1]["data"]
        if data["type"] == "event.trade_order.updated" and data["data"]["status"] == status:
            return seen
