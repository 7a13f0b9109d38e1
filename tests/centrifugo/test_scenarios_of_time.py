"""As test_scenarios.py, with a clock that runs fast: pings, patience, tokens that expire.

The official clients have their own in test_official_time.py.
"""

import pytest
from tests.adapters.realtime.raw_client import Closed, RawClient
from tests.centrifugo.conftest import MakeClient, publications_of, short_lived, trade
from tests.centrifugo.differences import differs
from tests.centrifugo.judge import House
from tests.e2e.trader import Trader
from tests.serving import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
SETTINGS = {
    "SOCKET_PING_INTERVAL_MS": 1_000,
    "SOCKET_PONG_TIMEOUT_MS": 900,
    "SOCKET_CONNECT_TIMEOUT_MS": 2_000,
    "SOCKET_EXPIRY_DELAY_MS": 1_000,
}
LIFE_S = 3
CALL = {"method": "query.venue.list", "data": {}}


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

    async def is_refused() -> bool:
        reply = await client.ask(rpc=CALL)
        assert "rpc" in reply or reply["error"]["code"] == 109
        return "error" in reply

    if differs(house, "late call"):
        with pytest.raises(Closed, match="3005"):
            await eventually(is_refused)
    else:
        await eventually(is_refused)
        assert (await client.closed()).code == 3005
