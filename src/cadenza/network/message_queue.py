"""Messages that wait for their reader, limited in number and in bytes."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class MessageQueue(Generic[T]):
    """A queue with one reader and limits on items and on bytes.

    Law: items leave in the order in which they were added, and none is dropped. `put` waits while the queue is full,
    which holds back the producer; an item larger than `bytes_max` is let in when the queue is empty. `AsyncioInbox`
    is the queue for items whose size does not matter; it gathers what is on its way, which costs turns of the event
    loop that a stream of market data does not have.
    """

    def __init__(self, *, items_max: int, bytes_max: int) -> None:
        if items_max < 1 or bytes_max < 1:
            raise ValueError("items_max and bytes_max must be positive")
        self._items: deque[tuple[T, int]] = deque()
        self._items_max = items_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._not_empty = asyncio.Event()
        self._room: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    def offer(self, item: T, size_bytes: int = 0) -> bool:
        """Add an item if there is room and nobody waits for it; False otherwise."""
        if self._room or not self._has_room(size_bytes):
            return False
        self.force(item, size_bytes)
        return True

    async def put(self, item: T, size_bytes: int = 0) -> None:
        """Add an item, waiting for room and for those that waited before."""
        if self._room or not self._has_room(size_bytes):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._room.append(turn)
            try:
                while self._room[0] is not turn or not self._has_room(size_bytes):
                    await turn
                    if self._room[0] is turn and not self._has_room(size_bytes):
                        turn = self._room[0] = asyncio.get_running_loop().create_future()
            finally:
                self._room.remove(turn)
                self._wake_first()
        self.force(item, size_bytes)

    def force(self, item: T, size_bytes: int = 0) -> None:
        """Add an item whether there is room or not: for the few that say that nothing more will come."""
        self._items.append((item, size_bytes))
        self._bytes += size_bytes
        self._not_empty.set()

    async def take(self, items_max: int) -> list[T]:
        """Wait for at least one item and return those that wait, at most `items_max`."""
        await self._not_empty.wait()
        taken = []
        for _ in range(min(items_max, len(self._items))):
            item, size_bytes = self._items.popleft()
            self._bytes -= size_bytes
            taken.append(item)
        if not self._items:
            self._not_empty.clear()
        self._wake_first()
        return taken

    def _has_room(self, size_bytes: int) -> bool:
        return not self._items or (len(self._items) < self._items_max and self._bytes + size_bytes <= self._bytes_max)

    def _wake_first(self) -> None:
        if self._room and not self._room[0].done():
            self._room[0].set_result(None)
