"""Whatever happens to wires, readers and the server: every client ends up knowing exactly what the log says, and the
portfolio as it is."""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.follower import Follower
from tests.adapters.realtime.raw_client import RawClient
from tests.adapters.realtime.realtime_world import World, number_of, quantity_of

from cadenza.adapters.realtime.limits import RealtimeLimits

BUFFER_BYTES = 4_096
LIMITS = RealtimeLimits(history_items_max=60, queue_bytes_max=40_000)
"""Small, so that gaps are sometimes too long and readers sometimes too slow."""

CLIENTS = 3


class LogFollower(Follower):
    """It knows the sequences that came, and of the portfolio the length of the log when the view was built."""

    def __init__(self, world: World) -> None:
        super().__init__(w.ACCOUNT)
        self.world = world
        self.view: list[int] = []
        self.portfolio = -1

    async def open(self) -> RawClient:
        return await self.world.client(receive_buffer_bytes=BUFFER_BYTES)

    async def list_anew(self) -> None:
        self.view = [event.sequence for event in self.world.storage.logs[w.ACCOUNT_ID][: self.offset]]

    def take(self, publication: dict[str, Any]) -> None:
        self.view.append(quantity_of(publication))

    def take_view(self, publication: dict[str, Any]) -> None:
        self.portfolio = number_of(publication)

    async def read(self) -> None:
        """Read until nothing is missing."""
        log = self.world.storage.logs[w.ACCOUNT_ID]
        while len(self.view) < len(log) or self.portfolio != len(log):
            self.world.answer_portfolio_requests()
            await self.step()


def publish(world: World, count: int = 1) -> None:
    """Publish as the committer does: events, and then the portfolio as it is after them."""
    world.publish(count)
    world.publish_portfolio(len(world.storage.logs[w.ACCOUNT_ID]))


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


async def act(world: World, followers: Sequence[LogFollower], step: Step) -> None:
    match step:
        case "publish", count:
            publish(world, count)
        case "publish one by one", count:
            for _ in range(count):
                publish(world)
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
            publish(world)
            await followers[number].read()
        case "turns", count:
            for _ in range(50 * count):
                await asyncio.sleep(0)


async def play(script: Sequence[Step]) -> None:
    world = World(LIMITS)
    world.send_buffer_bytes = BUFFER_BYTES
    await world.start()
    followers = [LogFollower(world) for _ in range(CLIENTS)]
    for follower in followers:
        publish(world)
        await follower.read()
    for step in script:
        await act(world, followers, step)
    publish(world)
    for follower in followers:
        await follower.read()
        log = world.storage.logs[w.ACCOUNT_ID]
        assert follower.view == [event.sequence for event in log] == list(range(1, len(log) + 1))
        follower.cut()
    await world.kill()
    assert len(world.node._services.roster) == 0
    assert world.node._services.hub.subscriptions == 0


@settings(max_examples=60)
@given(script=steps)
def test_the_final_view_equals_the_log(script: list[Step]) -> None:
    uvloop.run(play(script))


def test_slow_reader_is_cut_off_and_recovers_or_lists_anew() -> None:
    """The hardest of the above, always tried: a reader sleeps through more than its queue and the history hold."""

    async def run() -> None:
        world = World(LIMITS)
        world.send_buffer_bytes = BUFFER_BYTES
        await world.start()
        sleeper, awake = LogFollower(world), LogFollower(world)
        publish(world)
        await sleeper.read()
        for _ in range(30):
            publish(world, 10)
            await awake.read()
        assert world.node.counts.disconnects_total[3008] == 1
        await sleeper.read()
        assert sleeper.relisted == 2, "at its start, and after it slept"
        assert sleeper.view == awake.view == list(range(1, 302))
        sleeper.cut()
        awake.cut()
        await world.kill()

    uvloop.run(run())
