"""As test_scenarios.py, with limits that a misbehaving client trips over."""

import asyncio
from typing import Any

import pytest
from tests.adapters.realtime.raw_client import Closed, RawClient
from tests.centrifugo.conftest import MakeClient, publications_of, trade
from tests.centrifugo.differences import differs
from tests.centrifugo.judge import House
from tests.e2e.trader import BTC_USDT, Trader
from tests.serving import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUEUE_BYTES, CHANNELS, CONNECTIONS, HISTORY, COMMANDS, CALLS, FRAME_BYTES = 32_768, 3, 8, 20, 20, 2, 4_096
SETTINGS = {
    "SOCKET_QUEUE_BYTES_MAX": QUEUE_BYTES,
    "SOCKET_CHANNELS_PER_CONNECTION_MAX": CHANNELS,
    "SOCKET_CONNECTIONS_PER_USER_MAX": CONNECTIONS,
    "SOCKET_HISTORY_ITEMS_MAX": HISTORY,
    "SOCKET_COMMANDS_PER_FRAME_MAX": COMMANDS,
    "SOCKET_RPCS_IN_FLIGHT_MAX": CALLS,
    "SOCKET_FRAME_BYTES_MAX": FRAME_BYTES,
}
BUFFER_BYTES = 4_096
TRADES = f"market:trade:{BTC_USDT}"


async def test_slow_client(house: House, trader: Trader, channel: str, connect: MakeClient) -> None:
    """One that stops reading is closed with 3008 and leaves the channel; another reads on all the while."""
    slow, quick = await connect(receive_buffer_bytes=BUFFER_BYTES), await connect()
    await slow.subscribe(channel)
    offset = (await quick.subscribe(channel)).get("offset", 0)

    async def listeners() -> int:
        answer = (await quick.ask(presence_stats={"channel": channel}))["presence_stats"]
        return int(answer["num_clients"])

    traded = 0
    while await listeners() == 2:
        seen = await publications_of(quick, await trade(trader, 10), offset)
        offset, traded = seen[-1]["offset"], traded + 10
        assert traded < 2_000, "it is never thrown out"
    answer = await ending(slow)
    assert answer == 3008 or (differs(house, "goodbye") and answer is None)
    assert await listeners() == 1
    await publications_of(quick, await trade(trader, 1), offset)


async def ending(client: RawClient) -> int | None:
    """The code that the connection was closed with, None when the wire was just cut."""
    try:
        return (await client.closed()).code
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def test_channel_limit(trader: Trader, connect: MakeClient) -> None:
    client = await connect()
    names = [f"tradingAccount:{trader.spot}", f"tradingAccount:{trader.margin}", TRADES, f"market:orderBook:{BTC_USDT}"]
    for name in names[:CHANNELS]:
        await client.subscribe(name)
    assert (await client.ask(subscribe={"channel": names[CHANNELS]}))["error"]["code"] == 106
    await client.ask(unsubscribe={"channel": names[0]})
    await client.subscribe(names[CHANNELS])


async def test_connections_of_a_user(house: House, trader: Trader, connect: MakeClient) -> None:
    clients = [await connect() for _ in range(CONNECTIONS)]
    with pytest.raises(Closed, match="3504"):
        await connect()
    async with Trader(house.url) as other:
        await other.enter()
        await connect(str(other.api.token))
    await clients[0].close()

    async def there_is_room() -> bool:
        try:
            await connect()
        except Closed:
            return False
        return True

    await eventually(there_is_room)


async def test_too_long_a_gap_is_not_recovered_in_part(trader: Trader, channel: str, connect: MakeClient) -> None:
    client = await connect()
    position = await client.subscribe(channel)
    offset = position.get("offset", 0)
    while (seen := await publications_of(client, await trade(trader, 10), offset))[-1]["offset"] <= HISTORY + 1:
        offset = seen[-1]["offset"]
    top = (await client.ask(history={"channel": channel}))["history"]["offset"]

    async def recovered(offset: int) -> dict[str, Any]:
        other = await connect()
        return await other.subscribe(channel, recover=True, epoch=position["epoch"], offset=offset)

    answer = await recovered(top - HISTORY - 1)
    assert (answer.get("recovered", False), answer.get("publications", [])) == (False, [])
    answer = await recovered(top - HISTORY + 1)
    assert answer["recovered"] is True
    assert [each["offset"] for each in answer["publications"]][: HISTORY - 1] == list(range(top - HISTORY + 2, top + 1))


async def test_too_many_commands_in_a_frame(house: House, connect: MakeClient) -> None:
    client = await connect()
    client.send(*({"id": 100 + n, "history": {"channel": TRADES}} for n in range(COMMANDS + 1)))
    if differs(house, "limits"):
        for n in range(COMMANDS + 1):
            assert (await client.reply(100 + n))["error"]
    else:
        assert (await client.closed()).code == 3013


async def test_calls_in_flight(house: House, trader: Trader, connect: MakeClient) -> None:
    """One that waits for an order to be closed holds up nobody; more than allowed are refused, or wait."""
    client = await connect()
    price = str(round((await trader.prices())[0] / 2))
    order = {
        "instrumentId": BTC_USDT,
        "orderSide": "BUY",
        "orderType": "LIMIT",
        "quantity": "0.01",
        "limitPrice": price,
        "timeInForce": "GTC",
    }
    data = {"tradeOrder": order, "tradingAccountId": trader.spot, "awaitClosed": True}
    for n in range(CALLS):
        client.send({"id": 100 + n, "rpc": {"method": "command.trade_order.submit", "data": data}})

    async def all_wait() -> bool:
        listed = await trader.api.get("/api/v3/tradeOrder/list", tradingAccountId=trader.spot, orderStatus="ACCEPTED")
        return bool(listed.body["pagination"]["total"] == CALLS)

    await eventually(all_wait)
    client.send({"id": 200, "rpc": {"method": "query.venue.list", "data": {}}})
    if not differs(house, "limits"):
        assert (await client.reply(200))["error"]["code"] == 111
    for waiting in await trader.orders(tradingAccountId=trader.spot, orderStatus="ACCEPTED"):
        await trader.cancel(waiting)
    for n in range(CALLS):
        assert (await client.reply(100 + n))["rpc"]["data"]["data"]["status"] == "CANCELLED"
    if differs(house, "limits"):
        assert (await client.reply(200))["rpc"]


async def test_frames_of_that_size_and_one_more(connect: MakeClient) -> None:
    client = await connect()
    text = '{"id":9,"rpc":{"method":"query.venue.list","data":{}},"pad":"%s"}'
    client.send_text(text % ("x" * (FRAME_BYTES - len(text) + 2)))
    assert (await client.reply(9))["rpc"]
    client.send_text(text % ("x" * (FRAME_BYTES - len(text) + 3)))
    assert (await client.closed()).code == 1009
