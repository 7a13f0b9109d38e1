"""As test_scenarios.py, with a clock that runs fast: pings, patience, tokens that expire."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from centrifuge import Client
from tests.adapters.realtime.raw_client import Closed, RawClient
from tests.adapters.realtime.test_official_javascript import Agent, agents, node_modules
from tests.adapters.realtime.test_official_python import Events
from tests.centrifugo.conftest import MakeClient, publications_of, short_lived, trade
from tests.centrifugo.differences import differs
from tests.centrifugo.judge import House
from tests.e2e.trader import Trader
from tests.serving import eventually

__all__ = ["node_modules"]  # a fixture
pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {
    "SOCKET_PING_INTERVAL_MS": 1_000,
    "SOCKET_PONG_TIMEOUT_MS": 900,
    "SOCKET_CONNECT_TIMEOUT_MS": 2_000,
    "SOCKET_EXPIRY_DELAY_MS": 1_000,
}
LIFE_S = 3
CALL = {"method": "query.venue.list", "data": {}}


@pytest_asyncio.fixture(loop_scope="module")
async def agent(node_modules: None) -> AsyncIterator[Agent]:
    async with agents() as start:
        yield await start()


async def test_stale_connection(house: House) -> None:
    client = await RawClient.open(house.socket_port)
    assert (await client.closed()).code == 3502


async def test_ping_pong(connect: MakeClient) -> None:
    client = await connect()
    for _ in range(4):
        await client.ping()
        assert (await client.ask(rpc=CALL))["rpc"]


async def test_no_pong(connect: MakeClient) -> None:
    client = await connect()
    client.answers_pings = False
    await client.ping()
    assert (await client.closed()).code == 3012


async def test_expired_connection(house: House, trader: Trader, connect: MakeClient) -> None:
    for _ in range(2):
        client = await connect(short_lived(house, str(trader.api.token), 1))
        assert (await client.closed()).code == 3005


async def test_token_refresh(house: House, trader: Trader, channel: str, connect: MakeClient) -> None:
    """A connection outlives its tokens as long as newer ones come; one that has expired ends it at once."""
    token = str(trader.api.token)
    client = await connect(short_lived(house, token, LIFE_S))
    offset = (await client.subscribe(channel)).get("offset", 0)
    for _ in range(4):
        await client.ping()
        answer = (await client.ask(refresh={"token": short_lived(house, token, LIFE_S)}))["refresh"]
        assert answer["expires"] is True
        assert 1 <= answer["ttl"] <= LIFE_S
    await publications_of(client, await trade(trader, 1), offset)
    client.send({"id": 99, "refresh": {"token": short_lived(house, token, -10)}})
    assert (await client.closed()).code == 3005


async def test_calls_until_the_end(house: House, trader: Trader, connect: MakeClient) -> None:
    client = await connect(short_lived(house, str(trader.api.token), LIFE_S))
    codes: set[int] = set()

    async def call_for_ever() -> None:
        while True:
            codes.add((await client.ask(rpc=CALL)).get("error", {}).get("code", 0))

    with pytest.raises(Closed, match="3005"):
        await call_for_ever()
    assert codes == ({0} if differs(house, "late call") else {0, 109})


class TestOfficialClients:
    async def test_python_stays_with_newer_tokens(self, house: House, trader: Trader) -> None:
        events, asked = Events(), 0

        async def fresh() -> str:
            nonlocal asked
            asked += 1
            return short_lived(house, str(trader.api.token), LIFE_S)

        url = f"ws://127.0.0.1:{house.socket_port}/connection/websocket"
        client = Client(url, events, token=await fresh(), get_token=fresh)
        await client.connect()
        await events.next("connected")

        async def asked_often() -> bool:
            return asked > 3

        await eventually(asked_often)
        assert (await client.rpc("query.venue.list", {})).data
        await client.disconnect()
        assert (await events.next("disconnected")).code == 0, "and it was never connected anew"

    async def test_javascript_stays_with_newer_tokens(self, house: House, trader: Trader, agent: Agent) -> None:
        token = str(trader.api.token)
        agent.send(
            "connect",
            url=f"ws://127.0.0.1:{house.socket_port}/connection/websocket",
            token=short_lived(house, token, LIFE_S),
        )
        await agent.event("connected")
        for _ in range(3):
            await agent.event("getToken")
            agent.send("token", token=short_lived(house, token, LIFE_S))
        assert await agent.call("rpc", "query.venue.list", {})
        agent.send("disconnect")
        assert (await agent.event("disconnected"))["code"] == 0
