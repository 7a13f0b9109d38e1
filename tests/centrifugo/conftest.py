"""The whole server with either socket: our own, or the real Centrifugo's in front of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from tests.adapters.realtime.raw_client import RawClient
from tests.centrifugo.judge import House
from tests.e2e.trader import Trader
from tests.serving import eventually

from cadenza.adapters.vault.keyring import FileKeyRing
from cadenza.adapters.vault.tokens import signing_key

SOCKETS = ("ours", "centrifugo")
GENEROUS = {"LIMITS_SIGNUP_PER_MINUTE": 100_000, "LIMITS_LOGIN_PER_MINUTE": 100_000}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SOCKETS)
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One for the tests of a module, which leave it alive, with the module's `SETTINGS`. When all clients have left
    nothing may be left of them."""
    directory: Path = tmp_path_factory.mktemp(request.param)
    settings = GENEROUS | getattr(request.module, "SETTINGS", {})
    running = await House.open(directory, is_judged=request.param == "centrifugo", **settings)
    yield running
    await eventually(running.is_empty)
    await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def trader(house: House) -> AsyncIterator[Trader]:
    """A user who signed up just now, with accounts."""
    async with Trader(house.url) as someone:
        await someone.enter()
        await someone.connect()
        yield someone


@pytest.fixture
def channel(trader: Trader) -> str:
    """The channel of the trader's account."""
    return f"tradingAccount:{trader.spot}"


MakeClient = Callable[..., Awaitable[RawClient]]


@pytest_asyncio.fixture(loop_scope="module")
async def connect(house: House, trader: Trader) -> AsyncIterator[MakeClient]:
    """Makes connected clients of the trader, or with another token."""
    clients: list[RawClient] = []

    async def make(token: str | None = None, **more: Any) -> RawClient:
        client = await RawClient.open(house.socket_port, **more)
        clients.append(client)
        await client.connect(token or str(trader.api.token))
        return client

    yield make
    for client in clients:
        client.leave()


async def publication(client: RawClient, *, is_view: bool = False) -> dict[str, Any]:
    """Return the next publication that has an offset, or with `is_view` the next portfolio, which has none. Joins and
    leaves are passed over."""
    while True:
        push = await client.push()
        if "pub" in push and ("offset" not in push["pub"]) == is_view:
            found: dict[str, Any] = push["pub"]
            return found


async def arrival(client: RawClient, kind: str) -> dict[str, Any]:
    """Return who comes or leaves next, as `kind` says; portfolios are passed over."""
    while True:
        push = await client.push()
        if "pub" not in push:
            info: dict[str, Any] = push[kind]["info"]
            return info
        assert "offset" not in push["pub"]


async def publications_until(client: RawClient, status: str) -> list[dict[str, Any]]:
    """Return the publications up to the one of an order in the wanted state."""
    seen = []
    while True:
        seen.append(await publication(client))
        data = seen[-1]["data"]
        if data["type"] == "event.trade_order.updated" and data["data"]["status"] == status:
            return seen


async def publications_of(client: RawClient, order_ids: Collection[str], after: int) -> list[dict[str, Any]]:
    """Return what comes until each of the orders is told to be filled. Offsets go on after `after` without a gap."""
    seen: list[dict[str, Any]] = []
    left = set(order_ids)
    while left:
        seen.append(await publication(client))
        assert seen[-1]["offset"] == after + len(seen), "a gap or a double"
        data = seen[-1]["data"]["data"]
        if data.get("status") == "FILLED":
            left.discard(data["tradeOrderId"])
    return seen


async def trade(trader: Trader, count: int) -> set[str]:
    """Place orders at the same time that are filled at once; return their ids."""
    orders = await asyncio.gather(*(trader.submit(awaitClosed=True) for _ in range(count)))
    assert {order["status"] for order in orders} == {"FILLED"}
    return {str(order["tradeOrderId"]) for order in orders}


def signed_anew(house: House, token: str, **changes: Any) -> str:
    """The token with other claims, signed as the house signs."""
    claims = jwt.decode(token, options={"verify_signature": False})
    master = FileKeyRing(house.data_dir / "master.key").active()
    return jwt.encode(claims | changes, signing_key(master), algorithm="HS256", headers={"kid": master.id})


def short_lived(house: House, token: str, life_s: int) -> str:
    """The token, good for so long from now."""
    return signed_anew(house, token, exp=int(time.time()) + life_s)
