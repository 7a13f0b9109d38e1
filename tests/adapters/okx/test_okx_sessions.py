"""The life of a session at OKX."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.adapters.life_cases import LifeCases
from tests.okx_kit import MARKETS, OkxDesk, open_okx_desk, simulated_okx


@pytest.fixture(params=list(MARKETS))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OkxDesk]:
    level = "3" if request.param == "margin" else "2"
    async with simulated_okx(tmp_path, account_level=level) as venue, open_okx_desk(venue, request.param) as opened:
        yield opened


class TestOkxLife(LifeCases):
    """In every market."""
