"""A simulator whose market stands still until a test moves it, on a free port of loopback."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.okx.server import OkxSimulator, run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings

from .trader import OkxTrader


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a test changes in the settings, by `parametrize`. Only tests of paces are paced."""
    return {"is_limited": False, **getattr(request, "param", {})}


@pytest.fixture
async def simulator(tmp_path: Path, settings: dict[str, Any]) -> AsyncIterator[OkxSimulator]:
    chosen = OkxSimulatorSettings(data_dir=tmp_path, **settings)
    async with run_okx_simulator(chosen, SystemClock(), SystemIds()) as running:
        yield running


@pytest.fixture
async def trader(simulator: OkxSimulator) -> AsyncIterator[OkxTrader]:
    async with OkxTrader(simulator) as someone:
        yield someone
