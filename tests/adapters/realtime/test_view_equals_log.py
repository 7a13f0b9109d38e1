"""Whatever happens to wires, readers and the server: every client ends up knowing exactly what the log says."""

import asyncio
from collections.abc import Sequence

import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.raw_client import Closed, RawClient
from tests.adapters.realtime.realtime_world import World, quantity_of

from cadenza.adapters.realtime.limits import RealtimeLimits

BUFFER_BYTES = 4_096
LIMITS = RealtimeLimits(history_items_max=60, queue_bytes_max=40_000)
"""Small, so that gaps are sometimes too long and readers sometimes too slow."""

CLIENTS = 3
Lost = (Closed, ConnectionError, asyncio.IncompleteReadError)


class Follower:
    """A client as a good one behaves: it keeps its position and comes back with it; told that it missed something, it
    lists anew. It reads only when it is told to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.view: list[int] = []
        self.epoch = ""
        self.wire: RawClient | None = None
        self.relisted = 0
        self.reconnects = 0

    async def read(self) -> None:
        """Read until nothing is missing."""
        while len(self.view) < len(self.world.storage.logs[w.ACCOUNT_ID]):
            try:
                if self.wire is None:
                    await self._come_back()
                else:
                    await self._read_one(self.wire)
            except Lost:
                self.cut()

    def cut(self) -> None:
        if self.wire is not None:
            self.wire.leave()
            self.wire = None

    async def _come_back(self) -> None:
        self.reconnects += 1
        self.wire = await self.world.client(receive_buffer_bytes=BUFFER_BYTES)
        await self._subscribe(self.wire)

    async def _subscribe(self, wire: RawClient) -> None:
        more = {"recover": True, "epoch": self.epoch, "offset": len(self.view)} if self.epoch else {}
        told = await wire.subscribe(w.ACCOUNT, **more)
        self.epoch = told["epoch"]
        if told.get("recovered"):
            for publication in told["publications"]:
                self._take(publication)
            assert told["offset"] == len(self.view)
        else:
            assert not told.get("publications")
            self.relisted += 1
            log = self.world.storage.logs[w.ACCOUNT_ID]
            self.view = [event.sequence for event in log[: told["offset"]]]

    async def _read_one(self, wire: RawClient) -> None:
        push = await wire.push()
        if "unsubscribe" in push:
            assert push["unsubscribe"]["code"] == 2500
            await self._subscribe(wire)
        else:
            self._take(push["pub"])

    def _take(self, publication: dict[str, object]) -> None:
        assert publication["offset"] == len(self.view) + 1, "a gap or a double"
        self.view.append(quantity_of(publication))


Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 50)),
        st.tuples(st.just("publish one by one"), st.integers(1, 20)),
        st.tuples(st.just("commit without publishing"), st.integers(1, 3)),
        st.tuples(st.just("crash"), st.just(0)),
        st.tuples(st.just("shut down"), st.just(0)),
        st.tuples(st.just("cut"), st.integers(0, CLIENTS - 1)),
        st.tuples(st.just("read"), st.integers(0, CLIENTS - 1)),
        st.tuples(st.just("turns"), st.integers(1, 5)),
    ),
    max_size=30,
)


async def act(world: World, followers: Sequence[Follower], step: Step) -> None:
    match step:
        case "publish", count:
            world.publish(count)
        case "publish one by one", count:
            for _ in range(count):
                world.publish()
                await asyncio.sleep(0)
        case "commit without publishing", count:
            world.append(count)
        case "crash", _:
            await world.restart()
        case "shut down", _:
            await world.stop()
            await world.start()
        case "cut", number:
            followers[number].cut()
        case "read", number:
            world.publish()
            await followers[number].read()
        case "turns", count:
            for _ in range(50 * count):
                await asyncio.sleep(0)


async def play(script: Sequence[Step]) -> None:
    world = World(LIMITS)
    world.send_buffer_bytes = BUFFER_BYTES
    await world.start()
    followers = [Follower(world) for _ in range(CLIENTS)]
    for follower in followers:
        world.publish()
        await follower.read()
    for step in script:
        await act(world, followers, step)
    world.publish()
    for follower in followers:
        await follower.read()
        log = world.storage.logs[w.ACCOUNT_ID]
        assert follower.view == [event.sequence for event in log] == list(range(1, len(log) + 1))
        follower.cut()
    await world.kill()
    assert len(world.node._services.roster) == 0
    assert world.node._services.hub.subscriptions == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=steps)
def test_the_final_view_equals_the_log(script: list[Step]) -> None:
    uvloop.run(play(script))


def test_slow_reader_is_cut_off_and_recovers_or_lists_anew() -> None:
    """The hardest of the above, always tried: a reader sleeps through more than its queue and the history hold."""

    async def run() -> None:
        world = World(LIMITS)
        world.send_buffer_bytes = BUFFER_BYTES
        await world.start()
        sleeper, awake = Follower(world), Follower(world)
        world.publish()
        await sleeper.read()
        for _ in range(30):
            world.publish(10)
            await awake.read()
        assert world.node.counts.disconnects_total[3008] == 1
        await sleeper.read()
        assert sleeper.relisted == 2, "at its start, and after it slept"
        assert sleeper.view == awake.view == list(range(1, 302))
        sleeper.cut()
        awake.cut()
        await world.kill()

    uvloop.run(run())
