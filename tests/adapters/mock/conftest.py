"""A running MOCK venue, which conserves money whatever a test did to it."""

from collections.abc import AsyncIterator

import pytest
from tests.adapters.mock.mock_bench import MockBench


@pytest.fixture
async def bench() -> AsyncIterator[MockBench]:
    running = MockBench()
    await running.connector.start()
    yield running
    running.check_conservation()
    await running.connector.stop()
