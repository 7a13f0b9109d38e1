"""A simulator whose market stands still until a test moves it, on a free port of loopback, without limits."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.deribit.server import DeribitSimulator, run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.deribit.wire.credits import unlimited

from .trader import HttpTrader, SocketTrader, connected


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a test changes in the settings, by `parametrize`."""
    return {"limits": unlimited()} | dict(getattr(request, "param", {}))


@pytest.fixture
async def simulator(tmp_path: Path, settings: dict[str, Any]) -> AsyncIterator[DeribitSimulator]:
    async with run_deribit(DeribitSettings(data_dir=tmp_path, **settings), SystemClock(), SystemIds()) as running:
        yield running


@pytest.fixture
async def trader(simulator: DeribitSimulator) -> AsyncIterator[HttpTrader]:
    key = simulator.venue.keys.all()[0]
    async with HttpTrader(simulator.url, key.key, key.secret, simulator.venue.now_ms) as someone:
        yield someone


@pytest.fixture
async def socket(simulator: DeribitSimulator) -> AsyncIterator[SocketTrader]:
    async with connected(simulator) as someone:
        yield someone
