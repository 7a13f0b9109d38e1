"""Long work on the event loop, in slices."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
D = TypeVar("D")

ITEMS_PER_SLICE = 3


async def in_slices(items: Sequence[T], work: Callable[[Sequence[T]], Iterable[D]]) -> list[D]:
    """Return what the work makes of all items. It gets `ITEMS_PER_SLICE` of them at a time, and whatever else is ready
    on the loop runs between two slices."""
    done: list[D] = []
    for start in range(0, len(items), ITEMS_PER_SLICE):
        if start:
            await asyncio.sleep(0)
        done += work(items[start : start + ITEMS_PER_SLICE])
    return done
