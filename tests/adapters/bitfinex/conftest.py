"""What tests of BITFINEX share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.bitfinex_kit import BitfinexDesk, open_bitfinex_desk, simulated_bitfinex


@pytest.fixture
async def spot(tmp_path: Path) -> AsyncIterator[BitfinexDesk]:
    async with simulated_bitfinex(tmp_path) as venue, open_bitfinex_desk(venue) as opened:
        yield opened
