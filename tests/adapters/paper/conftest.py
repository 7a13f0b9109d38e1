"""A running PAPER venue."""

from collections.abc import AsyncIterator

import pytest
from tests.paper_bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    running = Bench()
    await running.connector.start()
    yield running
    await running.connector.stop()
