"""Time that only a test moves, and waiting that goes by it."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar

from cadenza.network.queues import AsyncioPromise
from cadenza.runtime.local import AsyncioConcurrency

T = TypeVar("T")

START_MS = 1_760_000_000_000


class FakeClock:
    """`ports.clock.Clock`. `advance` moves both clocks; `jump` moves the wall clock alone, as a wrong server does."""

    def __init__(self, wall_ms: int = START_MS) -> None:
        self.wall_ms = wall_ms
        self.elapsed_ms = 1_000_000
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_ms(self) -> int:
        return self.elapsed_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await self.timer(duration_ms)

    def timer(self, duration_ms: int) -> asyncio.Future[None]:
        """Return a future that is done when so much time has passed from now on."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.elapsed_ms + duration_ms, future))
        return future

    def advance(self, duration_ms: int) -> None:
        self.elapsed_ms += duration_ms
        self.wall_ms += duration_ms
        due = sorted((each for each in self._sleepers if each[0] <= self.elapsed_ms), key=lambda each: each[0])
        self._sleepers = [each for each in self._sleepers if each[0] > self.elapsed_ms and not each[1].done()]
        for _, future in due:
            if not future.done():
                future.set_result(None)

    def jump(self, by_ms: int) -> None:
        self.wall_ms += by_ms


class FakePromise(AsyncioPromise[T]):
    """A promise whose waiters are late by the test's clock."""

    def __init__(self, concurrency: "FakeConcurrency") -> None:
        super().__init__()
        self._concurrency = concurrency

    async def wait_for(self, timeout_ms: int) -> T | None:
        return await self._concurrency.within(timeout_ms, self.wait())


class FakeConcurrency(AsyncioConcurrency):
    """`ports.concurrency.Concurrency` whose time limits go by the test's clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def promise(self) -> AsyncioPromise[Any]:
        return FakePromise(self)

    async def within(self, timeout_ms: int, work: Awaitable[T]) -> T | None:
        task = asyncio.ensure_future(work)
        timer = self._clock.timer(timeout_ms)
        try:
            await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            timer.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def crash(self) -> None:
        """End everything that was spawned, as a dying process does."""
        for task in self._tasks:
            task.cancel()
