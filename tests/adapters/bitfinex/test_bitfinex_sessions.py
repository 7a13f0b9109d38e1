"""The life of a session at BITFINEX."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.adapters.life_cases import LifeCases
from tests.bitfinex_kit import MARKETS, BitfinexDesk, open_bitfinex_desk, simulated_bitfinex


@pytest.fixture(params=list(MARKETS))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BitfinexDesk]:
    async with simulated_bitfinex(tmp_path) as venue, open_bitfinex_desk(venue, request.param) as opened:
        yield opened


class TestBitfinexLife(LifeCases):
    """In every account."""
