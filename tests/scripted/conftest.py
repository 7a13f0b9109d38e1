"""A world for each test: the platform's order path over a fresh database, with the venue of one kind."""

from collections.abc import AsyncIterator

import pytest

pytest.register_assert_rewrite("tests.scripted.truth")

from tests.scripted.specs import Kind  # noqa: E402
from tests.scripted.world import Trader, World, running  # noqa: E402


@pytest.fixture
async def world(database_dsn: str, kind: Kind) -> AsyncIterator[World]:
    async with running(database_dsn, kind) as world:
        yield world


@pytest.fixture
async def trader(world: World, kind: Kind) -> Trader:
    return await world.connect(world.venues[kind.spec.venue_id])
