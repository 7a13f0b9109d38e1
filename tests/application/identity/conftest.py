from collections.abc import AsyncIterator

import pytest
from identity_world import IdentityWorld, identity_world


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[IdentityWorld]:
    async with identity_world(database_dsn) as world:
        yield world
