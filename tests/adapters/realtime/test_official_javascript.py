"""The official JavaScript client (npm `centrifuge`) under Node, unchanged."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests import needs
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.realtime_world import World

NODE_DIR = Path(__file__).parent / "node"
INSTALL_S_MAX = 120
WAIT_S = 15


class Agent:
    """The client in its own process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in = process.stdin
        self._out = process.stdout

    def send(self, command: str, **args: Any) -> None:
        self._in.write(json.dumps({"command": command, **args}).encode() + b"\n")

    async def event(self, name: str) -> dict[str, Any]:
        """Return the next event, which must be the named one (errors of lost wires aside)."""
        while True:
            line = await asyncio.wait_for(self._out.readline(), WAIT_S)
            assert line, "the client has ended"
            reply: dict[str, Any] = json.loads(line)
            if reply["event"] == name:
                return reply
            assert reply["event"] == "error", reply

    async def call(self, name: str, *args: Any) -> Any:
        self.send("call", name=name, args=args)
        return (await self.event("result"))["result"]

    async def refused(self, name: str, *args: Any) -> int:
        self.send("call", name=name, args=args)
        code: int = (await self.event("refused"))["code"]
        return code

    async def end(self) -> None:
        self._in.close()
        await asyncio.wait_for(self.process.wait(), WAIT_S)


@pytest.fixture(scope="module")
def node_modules() -> None:
    needs.node()
    if (NODE_DIR / "node_modules" / "centrifuge").exists():
        return
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE_DIR, check=True, timeout=INSTALL_S_MAX)


MakeAgent = Callable[[], Awaitable[Agent]]


@asynccontextmanager
async def agents() -> AsyncIterator[MakeAgent]:
    """Starts clients, and ends them."""
    started: list[Agent] = []

    async def start() -> Agent:
        process = await asyncio.create_subprocess_exec(
            "node", "agent.mjs", cwd=NODE_DIR, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        started.append(Agent(process))
        return started[-1]

    yield start
    for each in started:
        await each.end()


@pytest.fixture
async def agent(node_modules: None) -> AsyncIterator[MakeAgent]:
    async with agents() as start:
        yield start


async def connected(agent: MakeAgent, world: World) -> Agent:
    client = await agent()
    client.send("connect", url=world.url, token=world.token)
    assert (await client.event("connected"))["transport"] == "websocket"
    return client


async def test_publications_and_calls(agent: MakeAgent, world: World) -> None:
    client = await connected(agent, world)
    client.send("subscribe", channel=w.ACCOUNT, options={"joinLeave": True})
    reply = await client.event("subscribed")
    assert reply["streamPosition"] == {"epoch": "installation-1", "offset": 0}
    assert (reply["recoverable"], reply["positioned"], reply["wasRecovering"]) == (True, True, False)
    assert (await client.event("join"))["info"]["user"] == str(w.h.USER_ID)
    world.publish(3)
    for n in (1, 2, 3):
        reply = await client.event("publication")
        assert (reply["channel"], reply["offset"]) == (w.ACCOUNT, n)
        assert reply["data"]["type"] == "event.trade_order.updated"
    history = await client.call("history", w.ACCOUNT, {"limit": 2, "reverse": True})
    assert [each["offset"] for each in history["publications"]] == [3, 2]
    assert len((await client.call("presence", w.ACCOUNT))["clients"]) == 1
    assert await client.call("presenceStats", w.ACCOUNT) == {"numClients": 1, "numUsers": 1}
    assert await client.call("rpc", "query.venue.list", {}) == {"data": {"data": ["PAPER"]}}
    assert await client.refused("rpc", "no.such", {}) == 104
    assert await client.refused("publish", w.ACCOUNT, {}) == 103
    client.send("unsubscribe", channel=w.ACCOUNT)
    assert (await client.event("unsubscribed"))["code"] == 0
    client.send("disconnect")
    assert (await client.event("disconnected"))["code"] == 0


async def test_recovery_across_a_kill_and_restart(agent: MakeAgent, world: World) -> None:
    client = await connected(agent, world)
    client.send("subscribe", channel=w.ACCOUNT, options={})
    await client.event("subscribed")
    world.publish(2)
    await client.event("publication"), await client.event("publication")
    world.append(2)
    await world.restart()
    assert await client.event("connected")
    reply = await client.event("subscribed")
    assert (reply["wasRecovering"], reply["recovered"]) == (True, True)
    assert [(await client.event("publication"))["offset"] for _ in range(2)] == [3, 4]
    world.publish()
    assert (await client.event("publication"))["offset"] == 5


async def test_what_a_handler_cut_off_is_recovered_the_next_time(agent: MakeAgent, world: World) -> None:
    """The handler unsubscribes before the client comes to the publications that the reply brought."""
    client = await connected(agent, world)
    client.send("subscribe", channel=w.ACCOUNT, options={})
    await client.event("subscribed")
    world.publish(2)
    await client.event("publication"), await client.event("publication")
    client.send("whenSubscribed", channel=w.ACCOUNT, does=["unsubscribe"])
    world.append(3)
    await world.restart()
    await client.event("connected")
    assert (await client.event("subscribed"))["recovered"] is True
    await client.event("unsubscribed")
    client.send("subscribeAgain", channel=w.ACCOUNT)
    assert (await client.event("subscribed"))["recovered"] is True
    assert [(await client.event("publication"))["offset"] for _ in range(3)] == [3, 4, 5]


async def test_a_view_without_an_offset_does_not_move_the_position(agent: MakeAgent, world: World) -> None:
    client = await connected(agent, world)
    client.send("subscribe", channel=w.ACCOUNT, options={})
    await client.event("subscribed")
    world.publish(2)
    await client.event("publication"), await client.event("publication")
    world.publish_portfolio(7)
    view = await client.event("publication")
    assert "offset" not in view
    assert (view["data"]["type"], view["data"]["data"]["updatedAt"]) == ("event.portfolio.updated", 7)
    world.append(2)
    await world.restart()
    assert await client.event("connected")
    reply = await client.event("subscribed")
    assert (reply["wasRecovering"], reply["recovered"]) == (True, True)
    assert [(await client.event("publication"))["offset"] for _ in range(2)] == [3, 4]
    world.answer_portfolio_requests()
    assert (await client.event("publication"))["data"]["data"]["updatedAt"] == 4
    world.publish()
    assert (await client.event("publication"))["offset"] == 5


async def test_shutdown_and_the_next_start(agent: MakeAgent, world: World) -> None:
    client = await connected(agent, world)
    client.send("subscribe", channel=w.ACCOUNT, options={})
    await client.event("subscribed")
    await world.stop()
    world.append(1)
    await world.start()
    await client.event("connected")
    assert (await client.event("subscribed"))["recovered"] is True
    assert (await client.event("publication"))["offset"] == 1


async def test_an_expired_token_is_exchanged(agent: MakeAgent, world: World) -> None:
    stale = world.issue(life_ms=1)
    world.clock.advance(1)
    client = await agent()
    client.send("connect", url=world.url, token=stale)
    await client.event("getToken")
    client.send("token", token=world.token)
    await client.event("connected")


async def test_tokens_are_refreshed_before_they_expire(agent: MakeAgent, world: World) -> None:
    client = await agent()
    client.send("connect", url=world.url, token=world.issue(life_ms=1_000))
    await client.event("connected")
    await client.event("getToken")
    client.send("token", token=world.issue(life_ms=600_000))
    commands = world.node.counts
    await world.until(lambda: commands.commands_total == 2)
    assert await client.call("rpc", "query.venue.list", {})


async def test_a_bad_token_is_final(agent: MakeAgent, world: World) -> None:
    client = await agent()
    client.send("connect", url=world.url, token="bad")
    assert (await client.event("disconnected"))["code"] == 3500


async def test_books(agent: MakeAgent, world: World) -> None:
    world.change_book()
    client = await connected(agent, world)
    client.send("subscribe", channel=w.BOOK, options={})
    await client.event("subscribed")
    assert (await client.event("publication"))["data"]["data"]["bids"] == [["64000", "1"]]
    world.publish_book()
    assert (await client.event("publication"))["data"]["data"]["bids"] == [["64000", "2"]]


async def test_insufficient_state_makes_it_recover(agent: MakeAgent, world: World) -> None:
    client = await connected(agent, world)
    client.send("subscribe", channel=w.ACCOUNT, options={})
    await client.event("subscribed")
    world.publish()
    await client.event("publication")
    world.append(1)
    world.publish()
    assert (await client.event("subscribed"))["recovered"] is True
    assert [(await client.event("publication"))["offset"] for _ in range(2)] == [2, 3]


async def test_a_right_that_was_taken_away_is_final(agent: MakeAgent, world: World) -> None:
    """The client does not ask again; its connection goes on."""
    client = await connected(agent, world)
    client.send("subscribe", channel=w.ACCOUNT, options={})
    await client.event("subscribed")
    world.actors[world.token] = replace(world.actors[world.token], scopes=frozenset())
    world.clock.advance(world.limits.session_check_ms)
    assert (await client.event("unsubscribed"))["code"] == 2000
    client.send("subscribeAgain", channel=w.ACCOUNT)
    assert (await client.event("unsubscribed"))["code"] == 103
    assert await client.refused("rpc", "no.such", {}) == 104
