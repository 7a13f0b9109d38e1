"""Each test of this folder runs on PAPER and on MOCK."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.adapters.inhouse.inhouse_venues import InHouseVenue, running


@pytest.fixture(params=["PAPER", "MOCK"])
async def venue(request: Any) -> AsyncIterator[InHouseVenue]:
    async with running(request.param) as venue:
        yield venue
