from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.adapters.realtime.realtime_world import World

from cadenza.adapters.realtime.limits import RealtimeLimits

MakeWorld = Callable[..., Awaitable[World]]


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
