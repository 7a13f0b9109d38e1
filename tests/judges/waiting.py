"""How a judge waits for what its client keeps. An event that nobody awaits resolves no watch of ccxt, so a judge that
acts first and watches then may wait for ever."""

import asyncio
from collections.abc import Callable


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - the client's own caches have no events
            await asyncio.sleep(0.01)
