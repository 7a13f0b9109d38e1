import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import uvloop
from tests.adapters.realtime.realtime_world import World

from cadenza.adapters.realtime.limits import RealtimeLimits

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
MakeWorld = Callable[..., Awaitable[World]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    """The loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def make_world() -> AsyncIterator[MakeWorld]:
    """Makes worlds with limits of their own, and ends them. At the end nothing may be left of any connection."""
    worlds: list[World] = []

    async def make(**limits: int) -> World:
        world = World(RealtimeLimits(**limits))
        await world.start()
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        await world.stop()
        services = world.node._services
        assert len(services.roster) == 0
        assert len(services.timetable) == 0
        assert services.hub.subscriptions == 0
        assert not services.hub.channels
        assert not world.state.connections


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await make_world()
