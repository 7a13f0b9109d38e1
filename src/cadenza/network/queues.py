"""Bounded queues and promises over asyncio."""

import asyncio
from collections import deque
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A bounded queue with one reader that takes whatever waits. Items leave in the order they came."""

    def __init__(self, items_max: int) -> None:
        self._items: deque[T] = deque()
        self._items_max = items_max
        self._not_empty = asyncio.Event()
        self._room = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, item: T) -> bool:
        """Add an item if there is room; False when full."""
        if len(self._items) >= self._items_max:
            return False
        self._items.append(item)
        self._not_empty.set()
        return True

    async def put(self, item: T) -> None:
        """Add an item, waiting for room."""
        if not self.offer(item):
            async with self._room:
                await self._room.wait_for(lambda: self.offer(item))

    async def take(self, batch_max: int) -> list[T]:
        """Wait for at least one item and return all that wait, at most `batch_max`."""
        await self._not_empty.wait()
        was_full = len(self._items) >= self._items_max
        batch = [self._items.popleft() for _ in range(min(batch_max, len(self._items)))]
        if not self._items:
            self._not_empty.clear()
        if was_full:
            async with self._room:
                self._room.notify_all()
        return batch


class Promise(Generic[T]):
    """A value that comes later; settled once, later settlements are ignored."""

    def __init__(self) -> None:
        self._future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        # A failure that nobody waits for any more (the client hung up) is not an error of the event loop.
        self._future.add_done_callback(_seen)

    def resolve(self, value: T) -> None:
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: Exception) -> None:
        if not self._future.done():
            self._future.set_exception(error)

    async def wait(self) -> T:
        if not self._future.done():
            # A waiter that goes away must not cancel the promise for the others, so each has a future of its own.
            turn = self._future.get_loop().create_future()
            wake = partial(_wake, turn)
            self._future.add_done_callback(wake)
            try:
                await turn
            finally:
                self._future.remove_done_callback(wake)
        return self._future.result()

    async def wait_for(self, timeout_ms: int) -> T | None:
        """Return the value, or None when it has not come in time."""
        done, _ = await asyncio.wait([self._future], timeout=timeout_ms / 1000)
        return self._future.result() if done else None


def _seen(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


def _wake(turn: "asyncio.Future[None]", _settled: "asyncio.Future[Any]") -> None:
    if not turn.done():
        turn.set_result(None)
