"""Either side dies by SIGKILL: each event of an account is published once and in order, or the client lists again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from centrifuge import Client
from tests.adapters.realtime.raw_client import RawClient
from tests.adapters.realtime.test_official_javascript import MakeAgent, agent, node_modules
from tests.adapters.realtime.test_official_python import WAIT_S, Events
from tests.centrifugo.conftest import SOCKETS, publication, publications_until
from tests.centrifugo.differences import differs
from tests.centrifugo.judge import House
from tests.contract.checker import assert_conforms
from tests.e2e.trader import Trader
from tests.serving import DidNotStart, eventually

__all__ = ["agent", "node_modules"]  # fixtures
BACKOFF = {"min_reconnect_delay": 0.02, "max_reconnect_delay": 0.05}


class AnyOrder(Events):
    """What happens, other events passed over: here only some of them are of interest."""

    async def next(self, name: str) -> Any:
        async with asyncio.timeout(WAIT_S):
            while True:
                event, context = await self._queue.get()
                if event == name:
                    return context


@pytest.fixture(params=SOCKETS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    running = await House.open(tmp_path, is_judged=request.param == "centrifugo")
    yield running
    await running.close()


@pytest.fixture
async def judged(tmp_path: Path) -> AsyncIterator[House]:
    running = await House.open(tmp_path, is_judged=True)
    yield running
    await running.close()


@asynccontextmanager
async def trading(house: House) -> AsyncIterator[tuple[Trader, str]]:
    """A new user with accounts, and the channel of one."""
    async with Trader(house.url) as trader:
        await trader.enter()
        await trader.connect()
        yield trader, f"tradingAccount:{trader.spot}"


@asynccontextmanager
async def back(house: House, trader: Trader) -> AsyncIterator[Trader]:
    """The same user with another connection: the server is another one."""
    async with Trader(house.url, email=trader.email) as again:
        again.api.token, again.spot = trader.api.token, trader.spot
        yield again


async def client_of(house: House, trader: Trader) -> RawClient:
    client = await RawClient.open(house.socket_port)
    await client.connect(str(trader.api.token))
    return client


def sequences(publications: list[dict[str, Any]]) -> list[int]:
    """The sequences of the log, as the relay publishes them."""
    return [int(each["tags"]["sequence"]) for each in publications]


async def restart_socket(house: House) -> None:
    """Kill whatever clients are connected to, and start it again."""
    if house.centrifugo is None:
        await house.server.kill()
        await house.start_server()
    else:
        await house.centrifugo.kill()
        await house.centrifugo.start()


async def test_our_server_dies(house: House) -> None:
    async with trading(house) as (trader, channel):
        client = await client_of(house, trader)
        position = await client.subscribe(channel)
        await trader.submit(awaitClosed=True)
        seen = await publications_until(client, "FILLED")
        await house.server.kill()
        await house.start_server()
        async with back(house, trader) as again:
            missed = await again.submit(awaitClosed=True)
            if differs(house, "server"):
                more = await publications_until(client, "FILLED")
            else:
                client = await client_of(house, trader)
                reply = await client.subscribe(
                    channel, recover=True, epoch=position["epoch"], offset=seen[-1]["offset"]
                )
                assert reply["recovered"] is True
                more = reply["publications"]
            offsets = [each["offset"] for each in (*seen, *more)]
            assert offsets == list(range(position.get("offset", 0) + 1, offsets[-1] + 1))
            orders = [each["data"]["data"] for each in more if each["data"]["type"] == "event.trade_order.updated"]
            assert missed["tradeOrderId"] in {order["tradeOrderId"] for order in orders}
        client.leave()


async def test_the_socket_dies(house: House) -> None:
    async with trading(house) as (trader, channel):
        client = await client_of(house, trader)
        position = await client.subscribe(channel)
        await trader.submit(awaitClosed=True)
        seen = await publications_until(client, "FILLED")
        after = {"recover": True, "epoch": position["epoch"], "offset": seen[-1]["offset"]}
        client.leave()
        if not differs(house, "restart"):
            await house.server.kill()
            await house.start_server()
            client = await client_of(house, trader)
            reply = await client.subscribe(channel, **after)
            assert (reply["recovered"], reply["epoch"]) == (True, position["epoch"])
            client.leave()
            return
        assert house.centrifugo is not None
        await house.centrifugo.kill()
        in_between = await trader.submit(awaitClosed=True)  # trading goes on without it
        await house.centrifugo.start()
        client = await client_of(house, trader)
        reply = await client.subscribe(channel, **after)
        assert reply.get("recovered", False) is False
        assert reply.get("publications", []) == []
        assert reply["epoch"] != position["epoch"]
        assert in_between["tradeOrderId"] in {order["tradeOrderId"] for order in await trader.orders()}
        await trader.submit(awaitClosed=True)
        later = [await publication(client)]
        while later[-1]["data"]["data"].get("status") != "FILLED":
            later.append(await publication(client))
        published = sequences(later)
        assert published == list(range(published[0], published[0] + len(published)))
        client.leave()


async def test_the_relay_dies_between_publishing_and_its_cursor(judged: House) -> None:
    async with trading(judged) as (trader, channel):
        client = await client_of(judged, trader)
        await client.subscribe(channel)
        await trader.submit(awaitClosed=True)
        seen = await publications_until(client, "FILLED")
        await judged.server.kill()
        with suppress(DidNotStart, aiohttp.ClientError):  # it may die at once, relaying what was left
            await judged.start_server(FAILPOINT="relay.after_publish")
            async with back(judged, trader) as doomed:
                await doomed.try_submit()
        await judged.server.ended()
        await judged.start_server()
        async with back(judged, trader) as again:
            last = await again.submit(awaitClosed=True)
            while seen[-1]["data"]["data"].get("tradeOrderId") != last["tradeOrderId"] or (
                seen[-1]["data"]["data"]["status"] != "FILLED"
            ):
                seen.append(await publication(client))
        published = sequences(seen)
        assert published == list(range(published[0], published[0] + len(published))), "each once, in order"
        client.leave()


async def test_a_portfolio_that_a_dead_server_owed_is_published_by_the_next(house: House) -> None:
    async with trading(house) as (trader, channel):
        client = await client_of(house, trader)
        await client.subscribe(channel)
        await trader.submit(awaitClosed=True)
        await house.server.kill()
        await house.start_server()
        async with back(house, trader) as again:
            if not differs(house, "server"):
                client = await client_of(house, again)
                await client.subscribe(channel)
            stored = (await again.portfolio(again.spot))["balances"]
            while (await publication(client, is_view=True))["data"]["data"]["balances"] != stored:
                pass
        client.leave()


async def test_events_wait_for_centrifugo(judged: House) -> None:
    async with trading(judged) as (trader, channel):
        client = await client_of(judged, trader)
        await client.subscribe(channel)
        await trader.submit(awaitClosed=True)
        before = sequences(await publications_until(client, "FILLED"))
        client.leave()
        assert judged.centrifugo is not None
        await judged.centrifugo.kill()
        for _ in range(3):
            await trader.submit(awaitClosed=True)
        await judged.centrifugo.start()
        client = await client_of(judged, trader)
        await client.subscribe(channel)
        history: list[dict[str, Any]] = []

        async def all_are_there() -> bool:
            asked = {"channel": channel, "limit": 1000}
            history[:] = (await client.ask(history=asked))["history"].get("publications", [])
            closed = [each for each in history if each["data"]["data"].get("status") == "FILLED"]
            return len(closed) >= 3

        await eventually(all_are_there)
        waited = sequences(history)
        assert waited == list(range(waited[0], waited[0] + len(waited)))
        # The death may fall between the last publication and its cursor: then that one comes again, under a new epoch.
        assert waited[0] <= before[-1] + 1, "nothing is left out"
        assert waited[-1] > before[-1] + 1
        client.leave()


async def test_health_shows_how_centrifugo_is(judged: House) -> None:
    async with aiohttp.ClientSession() as session:

        async def reply() -> tuple[int, str, dict[str, str]]:
            async with session.get(f"{judged.url}/api/v3/health") as response:
                body = await response.json()
            assert_conforms("health", response.status, body)
            return response.status, body["status"], {name: part["status"] for name, part in body["checks"].items()}

        async def is_well() -> bool:
            parts = {"database": "healthy", "temporal": "healthy", "redis": "healthy"}
            return await reply() == (200, "healthy", parts)

        async def lacks_it() -> bool:
            parts = {"database": "healthy", "temporal": "healthy", "redis": "degraded"}
            return await reply() == (200, "degraded", parts)

        await eventually(is_well)
        assert judged.centrifugo is not None
        await judged.centrifugo.kill()
        await eventually(lacks_it)
        await judged.centrifugo.start()
        await eventually(is_well)


async def test_our_server_stops_and_starts_without_centrifugo(judged: House) -> None:
    async with trading(judged) as (trader, channel):
        assert judged.centrifugo is not None
        await judged.centrifugo.kill()
        order = await trader.submit(awaitClosed=True)
        assert await judged.server.stop() == 0
        await judged.start_server()
        await judged.centrifugo.start()
        client = await client_of(judged, trader)
        await client.subscribe(channel)

        async def is_published() -> bool:
            found = (await client.ask(history={"channel": channel, "limit": 100}))["history"].get("publications", [])
            return any(each["data"]["data"].get("tradeOrderId") == order["tradeOrderId"] for each in found)

        await eventually(is_published)
        client.leave()


async def test_the_official_client_comes_back_by_itself(house: House) -> None:
    async with trading(house) as (trader, channel):
        events = AnyOrder()
        url = f"ws://127.0.0.1:{house.socket_port}/connection/websocket"
        client = Client(url, events, token=str(trader.api.token), **BACKOFF)
        await client.connect()
        await events.next("connected")
        await client.new_subscription(channel, events).subscribe()
        await events.next("subscribed")
        await trader.submit(awaitClosed=True)
        while (await events.next("publication")).data["data"].get("status") != "FILLED":
            pass
        assert (await client.rpc("query.venue.list", {})).data == {"data": ["MOCK", "PAPER"]}
        await restart_socket(house)
        await events.next("connected")
        subscribed = await events.next("subscribed")
        assert (subscribed.was_recovering, subscribed.recovered) == (True, not differs(house, "restart"))
        async with back(house, trader) as again:
            order = await again.submit(awaitClosed=True)
        while (await events.next("publication")).data["data"].get("tradeOrderId") != order["tradeOrderId"]:
            pass
        await client.disconnect()


async def test_the_javascript_client_comes_back_by_itself(house: House, agent: MakeAgent) -> None:
    async with trading(house) as (trader, channel):
        client = await agent()

        async def next_event(name: str) -> dict[str, Any]:
            while True:
                event: dict[str, Any] = json.loads(await asyncio.wait_for(client._out.readline(), WAIT_S))
                if event["event"] == name:
                    return event

        url = f"ws://127.0.0.1:{house.socket_port}/connection/websocket"
        client.send("connect", url=url, token=trader.api.token)
        await next_event("connected")
        client.send("subscribe", channel=channel, options={})
        await next_event("subscribed")
        await trader.submit(awaitClosed=True)
        while (await next_event("publication"))["data"]["data"].get("status") != "FILLED":
            pass
        client.send("call", name="rpc", args=["query.venue.list", {}])
        assert (await next_event("result"))["result"] == {"data": {"data": ["MOCK", "PAPER"]}}
        await restart_socket(house)
        await next_event("connected")
        subscribed = await next_event("subscribed")
        assert (subscribed["wasRecovering"], subscribed["recovered"]) == (True, not differs(house, "restart"))
        async with back(house, trader) as again:
            order = await again.submit(awaitClosed=True)
        while (await next_event("publication"))["data"]["data"].get("tradeOrderId") != order["tradeOrderId"]:
            pass
