"""This process's clock, ids, concurrency, waiters and failpoints."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from struct import Struct
from typing import Any, TypeVar
from uuid import UUID

import structlog
from asyncpg.pgproto import pgproto

from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.network.queues import AsyncioInbox, AsyncioPromise

log = structlog.get_logger()
T = TypeVar("T")

_HALVES = Struct(">QQ")


class SystemClock:
    """`ports.clock.Clock`."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)


class _Entropy:
    """Random numbers of 64 bits from the kernel, fetched many at a time: a call for each costs more than an id."""

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)  # else parent and child would draw the same

    def forget(self) -> None:
        self.draw = _drawn().__next__


def _drawn() -> Iterator[int]:
    while True:
        yield from _BLOCK.unpack(os.urandom(_BLOCK.size))


_BLOCK = Struct(">512Q")
_entropy = _Entropy()


class SystemIds:
    """`ports.ids.Ids`: UUID version 7 (RFC 9562), a 12-bit counter within the millisecond, the rest random.

    The class of the ids is asyncpg's, the one in which they come back from the database: a `uuid.UUID` in C.
    """

    def __init__(self) -> None:
        self._last_ms = 0
        self._counter = 0

    def new(self) -> UUID:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > self._last_ms:
            self._last_ms, self._counter = now_ms, _entropy.draw() & 0x7FF
        else:
            self._counter += 1
            if self._counter > 0xFFF:  # the counter ran over: borrow the next millisecond
                self._last_ms, self._counter = self._last_ms + 1, 0
        upper = self._last_ms << 16 | 0x7000 | self._counter
        lower = 2 << 62 | _entropy.draw() >> 2
        new: UUID = pgproto.UUID(_HALVES.pack(upper, lower))
        return new

    def token(self, size_bytes: int) -> bytes:
        return secrets.token_bytes(size_bytes)


class AsyncioConcurrency:
    """`ports.concurrency.Concurrency`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._inboxes: dict[str, AsyncioInbox[Any]] = {}
        self.failures_total = 0

    def inbox(self, name: str, items_max: int) -> AsyncioInbox[Any]:
        self._inboxes[name] = AsyncioInbox(items_max)
        return self._inboxes[name]

    def inbox_sizes(self) -> dict[str, int]:
        """How many items wait where."""
        return {name: len(inbox) for name, inbox in self._inboxes.items()}

    def promise(self) -> AsyncioPromise[Any]:
        return AsyncioPromise()

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def within(self, timeout_ms: int, work: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await work
        except TimeoutError:
            return None

    async def compute(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    async def gather(self, *work: Awaitable[Any]) -> list[Any]:
        results = await asyncio.gather(*work, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results

    async def drain(self, timeout_ms: int) -> int:
        """Wait for what was spawned to end; return how many did not in time."""
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(self._tasks, timeout=timeout_ms / 1000)
        return len(late)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures_total += 1
            log.error("task failed", task=task.get_name(), error=repr(error), exc_info=error)


class LocalWatch:
    """`ports.waiters.Watch`."""

    def __init__(self, waiters: "LocalWaiters", order_id: OrderId, promise: AsyncioPromise[Order]) -> None:
        self._waiters = waiters
        self._order_id = order_id
        self._promise = promise

    async def closed_within(self, timeout_ms: int) -> Order | None:
        return await self._promise.wait_for(timeout_ms)

    def release(self) -> None:
        self._waiters.forget(self._order_id, self._promise)


class LocalWaiters:
    """`ports.waiters.Waiters` within this process; as many at most as requests are served at a time. An order is
    watched by its request and by those that repeat it."""

    def __init__(self) -> None:
        self._waiting: dict[OrderId, list[AsyncioPromise[Order]]] = {}

    def watch(self, order_id: OrderId) -> LocalWatch:
        promise: AsyncioPromise[Order] = AsyncioPromise()
        self._waiting.setdefault(order_id, []).append(promise)
        return LocalWatch(self, order_id, promise)

    def wake(self, closed: Iterable[Order]) -> None:
        for order in closed:
            for promise in self._waiting.get(order.id, ()):
                promise.resolve(order)

    def forget(self, order_id: OrderId, promise: AsyncioPromise[Order]) -> None:
        waiting = [other for other in self._waiting.pop(order_id, ()) if other is not promise]
        if waiting:
            self._waiting[order_id] = waiting


class NoFailpoints:
    """`ports.failpoints.Failpoints` of a normal run."""

    def reach(self, name: str) -> None:
        return None


class KillingFailpoints:
    """Ends this process with SIGKILL at the `count`-th time that the boundary `name` is reached; for tests. Counting
    begins when the boundary `after` has been reached once; at once if there is none."""

    def __init__(self, name: str, count: int, after: str = "") -> None:
        self._name = name
        self._left = count
        self._after = after

    def reach(self, name: str) -> None:
        if self._after:
            if name == self._after:
                self._after = ""
        elif name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def failpoints_from(text: str) -> NoFailpoints | KillingFailpoints:
    """`NAME` or `NAME:COUNT` kills there, and `AFTER>NAME:COUNT` counts from `AFTER` on; an empty text never does."""
    if not text:
        return NoFailpoints()
    after, _, counted = text.rpartition(">")
    name, _, count = counted.partition(":")
    return KillingFailpoints(name, int(count or 1), after)
