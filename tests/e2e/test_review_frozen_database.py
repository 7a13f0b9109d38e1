"""A database that is there and says nothing: connections stay open, and no question is answered."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWERED_WITHIN_S = 10.0
"""Health waits 2 s for the database; here tests run beside it."""


@contextmanager
def frozen(data_dir: Path) -> Iterator[None]:
    """Stop the postmaster and all of its processes, and let them go on afterwards."""
    [pid_file] = data_dir.glob("postgres/*/postmaster.pid")
    postmaster = int(pid_file.read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    pids = [postmaster, *(int(child) for child in children)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_health_tells_that_the_database_is_frozen_and_that_it_is_back(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await Serving.start(data_dir)
    try:
        async with aiohttp.ClientSession() as session:

            async def health() -> tuple[int, str]:
                began = time.monotonic()
                async with session.get(f"{server.url}/api/v3/health") as answer:
                    told = (await answer.json())["checks"]["database"]["status"]
                assert time.monotonic() - began < ANSWERED_WITHIN_S
                return answer.status, told

            async def is_unhealthy() -> bool:
                return await health() == (503, "unhealthy")

            async def is_healthy() -> bool:
                return await health() == (200, "healthy")

            assert await is_healthy()
            with frozen(data_dir):
                await eventually(is_unhealthy)
                async with session.get(f"{server.url}/readyz") as answer:
                    assert answer.status == 503
                async with session.get(f"{server.url}/livez") as answer:
                    assert answer.status == 200
            await eventually(is_healthy)
    finally:
        await server.kill()
