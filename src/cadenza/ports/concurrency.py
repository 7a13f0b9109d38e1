"""Queues, promises and tasks, independent of an event loop."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Inbox(Protocol[T]):
    """A bounded queue with one reader. Law: items leave in the order in which they were added, and none is dropped."""

    async def put(self, item: T) -> None:
        """Add an item. While the queue is full this waits, which holds back the producer (a socket, for example)."""

    def offer(self, item: T) -> bool:
        """Add an item if there is room. Return False when the queue is full."""

    async def take(self, batch_max: int) -> list[T]:
        """Wait for at least one item, and return the waiting items, at most `batch_max`."""


class Promise(Protocol[T]):
    """A value that becomes known later. Law: the first `resolve` or `fail` settles it; later ones are ignored."""

    def resolve(self, value: T) -> None: ...

    def fail(self, error: Exception) -> None: ...

    async def wait(self) -> T: ...

    async def wait_for(self, timeout_ms: int) -> T | None:
        """Return the value, or None when it is not settled in time. Raises the error of `fail`."""


class Concurrency(Protocol):
    """Makes inboxes and promises, and runs tasks. `spawn` starts a supervised task: a failure is logged and counted."""

    def inbox(self, name: str, items_max: int) -> Inbox[Any]: ...

    def promise(self) -> Promise[Any]: ...

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None: ...

    async def within(self, timeout_ms: int, work: Awaitable[T]) -> T | None:
        """Return the result of the work. After `timeout_ms` the work is cancelled and the answer is None."""

    async def compute(self, work: Callable[[], T]) -> T:
        """Return the result of work that computes for long and waits for nothing, while everything else goes on. It may
        only read what nobody changes meanwhile."""

    async def gather(self, *work: Awaitable[Any]) -> list[Any]:
        """Run the work concurrently and return the results in the order given. A failure is raised after all have
        ended; of several, the first."""
