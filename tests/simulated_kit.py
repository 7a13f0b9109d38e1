"""Venues against their simulators: a clock that tests can move, and a client of the paths that tests have there."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from cadenza.runtime.local import SystemClock
from tests.inhouse_kit import START_MS


class MovableClock:
    """The system's time, moved forward by `advance`. A sleeper whose instant has passed then wakes."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self._start_ms = start_ms - time.monotonic_ns() // 1_000_000
        self.wall_offset_ms = 0
        """How far the wall clock differs from the monotonic one."""
        self._sleepers: dict[asyncio.Future[None], int] = {}

    def now_ms(self) -> int:
        return self.monotonic_ms() + self.wall_offset_ms

    def monotonic_ms(self) -> int:
        return self._start_ms + time.monotonic_ns() // 1_000_000

    async def sleep_ms(self, duration_ms: int) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._sleepers[future] = self.monotonic_ms() + duration_ms
        timer = loop.call_later(duration_ms / 1000, _wake, future)
        try:
            await future
        finally:
            timer.cancel()
            del self._sleepers[future]

    def advance(self, duration_ms: int) -> None:
        self._start_ms += duration_ms
        for future, until_ms in list(self._sleepers.items()):
            if until_ms <= self.monotonic_ms():
                _wake(future)


class VenuesClock:
    """The same time without the steps of our wall clock: another machine's."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self.now_ms = self.monotonic_ms = clock.monotonic_ms
        self.sleep_ms = clock.sleep_ms


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class SimulatedVenue:
    """A running simulator, and a client of its test paths."""

    def __init__(self, url: str, http: aiohttp.ClientSession, clock: MovableClock) -> None:
        self.url = url
        self.http = http
        self.clock = clock

    async def post(self, path: str, order: Mapping[str, Any]) -> Any:
        async with self.http.post(f"{self.url}/simulator/{path}", json=order) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/simulator/{path}") as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def fault(self, on: str, kind: str, **fields: Any) -> None:
        await self.post("faults", {"requests": [{"on": on, "kind": kind, **fields}]})

    async def disarm(self) -> None:
        async with self.http.delete(f"{self.url}/simulator/faults") as reply:
            assert reply.status == 200

    async def cut(self) -> None:
        await self.post("sockets", {"action": "cut"})


class FastClock(SystemClock):
    """Real time, so many times faster, for what waits long."""

    def __init__(self, factor: int = 1) -> None:
        self.factor = factor

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() * self.factor

    async def sleep_ms(self, duration_ms: int) -> None:
        await super().sleep_ms(-(-duration_ms // self.factor))
