"""All simulators in one process: they stop together, whatever one of them does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cadenza.runtime.simulating import all_simulators
from cadenza.runtime.simulating.all_simulators import ShownVenue, all_running
from cadenza.runtime.simulating.settings import PORTS, CommonSettings, common_settings


async def test_all_stop_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None stops before all others have begun to."""
    begun = asyncio.Barrier(len(all_simulators.STARTS))

    @asynccontextmanager
    async def start(common: CommonSettings, host: str, port: int) -> AsyncIterator[list[ShownVenue]]:
        yield []
        await begun.wait()

    monkeypatch.setattr(all_simulators, "STARTS", dict.fromkeys(all_simulators.STARTS, start))
    async with asyncio.timeout(60):
        async with all_running(
            lambda name: common_settings(tmp_path / name, seed=1, fault_rate=0.0, is_still=True),
            "127.0.0.1",
            dict.fromkeys(PORTS, 0),
        ):
            pass


async def test_one_that_fails_to_stop_keeps_no_other_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = []

    @asynccontextmanager
    async def start(common: CommonSettings, host: str, port: int) -> AsyncIterator[list[ShownVenue]]:
        yield []
        if port == PORTS["okx"]:
            raise OSError("the disk is full")
        await asyncio.sleep(0)
        stopped.append(port)

    monkeypatch.setattr(all_simulators, "STARTS", dict.fromkeys(all_simulators.STARTS, start))
    with pytest.raises(ExceptionGroup) as raised:
        async with all_running(
            lambda name: common_settings(tmp_path / name, seed=1, fault_rate=0.0, is_still=True), "127.0.0.1", PORTS
        ):
            pass
    assert str(raised.value.exceptions[0]) == "the disk is full"
    assert sorted(stopped) == sorted(set(PORTS.values()) - {PORTS["okx"]})
