"""A simulator whose market stands still until a test moves it, on a free port of loopback."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import BinanceSimulator, run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.wire.keys import ApiKeys

from .trader import Trader


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of keys, made once: an RSA key takes time."""
    directory = tmp_path_factory.mktemp("keys")
    ApiKeys.of_account(directory, "main", SystemIds())
    return directory / "keys.json"


@pytest.fixture
def data_dir(tmp_path: Path, made_keys: Path) -> Path:
    (tmp_path / "keys.json").write_bytes(made_keys.read_bytes())
    return tmp_path


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a test changes in the settings, by `parametrize`."""
    return dict(getattr(request, "param", {}))


@pytest.fixture
async def simulator(data_dir: Path, settings: dict[str, Any]) -> AsyncIterator[BinanceSimulator]:
    async with run_simulator(SimulatorSettings(data_dir=data_dir, **settings), SystemClock(), SystemIds()) as running:
        yield running


@pytest.fixture
async def trader(simulator: BinanceSimulator) -> AsyncIterator[Trader]:
    async with Trader(simulator) as someone:
        yield someone
