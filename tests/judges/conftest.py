"""A simulator whose market stands still, for third-party clients to trade with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import BinanceSimulator, run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from tests import needs


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[BinanceSimulator]:
    needs.judges()
    async with run_simulator(SimulatorSettings(data_dir=tmp_path), SystemClock(), SystemIds()) as running:
        yield running
