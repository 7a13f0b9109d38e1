"""One whole server for the tests of this process: its own data directory, its own embedded PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.trader import Trader
from tests.serving import Serving


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """A running server with every default but the limits on sign-ups, which a test suite exceeds."""
    data_dir: Path = tmp_path_factory.mktemp("server") / "data"
    running = await Serving.start(data_dir, LIMITS_SIGNUP_PER_MINUTE=100_000, LIMITS_LOGIN_PER_MINUTE=100_000)
    try:
        yield running
        assert await running.stop() == 0
    finally:
        await running.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def trader(server: Serving) -> AsyncIterator[Trader]:
    """A user who signed up just now, with both PAPER accounts connected."""
    async with Trader(server.url) as someone:
        await someone.enter()
        await someone.connect()
        yield someone
