"""Bounded queues and promises over asyncio."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

QUIET_TURNS = 4
"""After this many turns of the event loop that bring an inbox nothing, it is taken. A request on its way needs fewer
turns."""

GATHERING_TURNS_MAX = 32
"""The most turns of the event loop for which an inbox is gathered."""


class AsyncioInbox(Generic[T]):
    """`ports.concurrency.Inbox`: a bounded queue whose one reader takes all waiting items. Items leave in the order in
    which they were added."""

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
        """Wait for at least one item and return all that wait, at most `batch_max`.

        Items that are already on their way are included: this waits for turns of the event loop and not for time. An
        idle event loop ends its turns at once.
        """
        await self._not_empty.wait()
        await self._gather(batch_max)
        was_full = len(self._items) >= self._items_max
        batch = [self._items.popleft() for _ in range(min(batch_max, len(self._items)))]
        if not self._items:
            self._not_empty.clear()
        if was_full:
            async with self._room:
                self._room.notify_all()
        return batch

    async def _gather(self, batch_max: int) -> None:
        known, quiet_turns = len(self._items), 0
        for _ in range(GATHERING_TURNS_MAX):
            if known >= batch_max or quiet_turns == QUIET_TURNS:
                return
            await asyncio.sleep(0)
            quiet_turns = quiet_turns + 1 if len(self._items) == known else 0
            known = len(self._items)


class AsyncioPromise(Generic[T]):
    """`ports.concurrency.Promise`: the first `resolve` or `fail` settles it; later ones are ignored."""

    def __init__(self) -> None:
        self._is_settled = False
        self._value: T
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        # Each waiter has a future of its own, so that a waiter that is cancelled does not cancel the others.
        self._waiting: dict[asyncio.Future[None], None] = {}

    def resolve(self, value: T) -> None:
        if not self._is_settled:
            self._value = value
            self._settle()

    def fail(self, error: Exception) -> None:
        if not self._is_settled:
            self._error, self._traceback = error, error.__traceback__
            self._settle()

    async def wait(self) -> T:
        if not self._is_settled:
            turn = self._turn()
            try:
                await turn
            finally:
                del self._waiting[turn]
        return self._outcome()

    async def wait_for(self, timeout_ms: int) -> T | None:
        """Return the value, or None when it has not come in time."""
        if not self._is_settled:
            turn = self._turn()
            try:
                await asyncio.wait([turn], timeout=timeout_ms / 1000)
            finally:
                del self._waiting[turn]
        return self._outcome() if self._is_settled else None

    def _settle(self) -> None:
        self._is_settled = True
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)

    def _turn(self) -> "asyncio.Future[None]":
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        return turn

    def _outcome(self) -> T:
        if self._error is not None:
            raise self._error.with_traceback(self._traceback)  # each waiter adds its own frames
        return self._value
