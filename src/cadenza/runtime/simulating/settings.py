"""Where the simulators listen and keep their data, and the settings that all of them have."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

MARKET_STEP_MS = 100
PORTS: Mapping[str, int] = {
    "binance": 9700,
    "binance_uat": 9701,
    "okx": 9710,
    "deribit": 9720,
    "deribit_uat": 9721,
    "bitfinex": 9730,
}
"""Where each simulator listens unless the user says otherwise, those of test environments beside that of their
venue."""


class CommonSettings(TypedDict):
    """The settings that every simulator has."""

    data_dir: Path
    seed: int
    market_step_ms: int
    fault_rate: float


def common_settings(data_dir: Path, *, seed: int, fault_rate: float, is_still: bool) -> CommonSettings:
    """Return the settings that every simulator has. A market that `is_still` moves only when it is asked to."""
    return CommonSettings(
        data_dir=data_dir,
        seed=seed,
        market_step_ms=0 if is_still else MARKET_STEP_MS,
        fault_rate=fault_rate,
    )


def default_parent_dir() -> Path:
    """Return where each simulator has a directory unless the user says otherwise."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "cadenza-simulators"
