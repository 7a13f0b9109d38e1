"""So many at a time, so many waiting, in the order in which they came."""

import asyncio
from collections import deque
from enum import Enum


class Entry(Enum):
    """What `CallGate.enter` answers."""

    IN = "in"
    FULL = "full"
    CLOSED = "closed"


class CallGate:
    """Lets `inside_max` callers in at a time. Further ones wait in the order in which they came, at most `waiting_max`
    of them; one more is turned away at once.

    Law: each caller that got `Entry.IN` calls `leave` once. A place that becomes free goes to the first that waits, and
    no place is lost when a waiting caller is cancelled. After `close` nobody gets in, and all that wait are turned
    away.
    """

    def __init__(self, *, inside_max: int, waiting_max: int) -> None:
        if inside_max < 1 or waiting_max < 0:
            raise ValueError("inside_max must be positive, waiting_max must not be negative")
        self._inside_max = inside_max
        self._waiting_max = waiting_max
        self._inside = 0
        self._waiting: deque[asyncio.Future[Entry]] = deque()
        self._is_closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    async def enter(self) -> Entry:
        if self._is_closed:
            return Entry.CLOSED
        if self._inside < self._inside_max:  # nobody waits then: whoever leaves passes the place on
            self._take()
            return Entry.IN
        if len(self._waiting) >= self._waiting_max:
            return Entry.FULL
        turn: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            elif turn.result() is Entry.IN:  # it got a place and was cancelled before it knew
                self.leave()
            raise

    def leave(self) -> None:
        self._inside -= 1
        for turn in self._waiting:
            if not turn.done():
                self._waiting.remove(turn)
                self._take()
                turn.set_result(Entry.IN)
                return
        if not self._inside:
            self._empty.set()

    def close(self) -> None:
        self._is_closed = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(Entry.CLOSED)

    async def wait_until_empty(self) -> None:
        """Return when nobody is inside."""
        await self._empty.wait()

    def _take(self) -> None:
        self._inside += 1
        self._empty.clear()
