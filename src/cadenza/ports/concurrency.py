"""Waiting and working at the same time, without naming an event loop."""

from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Inbox(Protocol[T]):
    """A bounded queue with one reader. Law: items leave in the order they came; none is dropped."""

    async def put(self, item: T) -> None:
        """Add an item, waiting for room: the producer (a socket, say) is held back."""

    def offer(self, item: T) -> bool:
        """Add an item if there is room; False when full."""

    async def take(self, batch_max: int) -> list[T]:
        """Wait for at least one item and return all that wait, at most `batch_max`."""


class Promise(Protocol[T]):
    """A value that comes later. Law: settled once; later settlements are ignored."""

    def resolve(self, value: T) -> None: ...

    def fail(self, error: Exception) -> None: ...

    async def wait(self) -> T: ...

    async def wait_for(self, timeout_ms: int) -> T | None:
        """Return the value, or None when it has not come in time."""


class Concurrency(Protocol):
    """Makes the above. `spawn` starts a supervised task: a failure is logged and counted, never lost."""

    def inbox(self, name: str, items_max: int) -> Inbox[Any]: ...

    def promise(self) -> Promise[Any]: ...

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None: ...

    async def within(self, timeout_ms: int, work: Awaitable[T]) -> T | None:
        """Return what the work returns, or None when it did not in time: it is cancelled then."""

    async def gather(self, *work: Awaitable[Any]) -> list[Any]:
        """Run together and return the results in order; the first failure is raised after all have ended."""
