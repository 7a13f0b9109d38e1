"""Bounded queues and promises over asyncio."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

QUIET_TURNS = 4
"""Turns of the event loop that bring an inbox nothing, after which it is taken: a request on the wire needs fewer."""

GATHERING_TURNS_MAX = 32
"""Turns of the event loop that an inbox is gathered for at most."""


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
        """Wait for at least one item and return all that wait, at most `batch_max`.

        What is on its way already comes along: no time is waited for, only turns of the event loop, which are over at
        once when there is nothing else to do.
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


class Promise(Generic[T]):
    """A value that comes later; settled once, later settlements are ignored."""

    def __init__(self) -> None:
        self._is_settled = False
        self._value: T
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        # A waiter that goes away must not cancel the promise for the others, so each has a future of its own.
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
