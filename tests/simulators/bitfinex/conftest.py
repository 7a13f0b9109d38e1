"""A simulator whose market stands still until a test moves it, on a free port of loopback."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.bitfinex.server import BitfinexSimulator, run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings

from .trader import BitfinexTrader


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a test changes in the settings, by `parametrize`. Only tests of paces are paced."""
    return {"is_limited": False, **getattr(request, "param", {})}


@pytest.fixture
async def simulator(tmp_path: Path, settings: dict[str, Any]) -> AsyncIterator[BitfinexSimulator]:
    chosen = BitfinexSettings(data_dir=tmp_path, **settings)
    async with run_bitfinex(chosen, SystemClock(), SystemIds()) as running:
        yield running


@pytest.fixture
async def trader(simulator: BitfinexSimulator) -> AsyncIterator[BitfinexTrader]:
    async with BitfinexTrader(simulator) as someone:
        yield someone
