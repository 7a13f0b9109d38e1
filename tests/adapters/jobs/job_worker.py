"""A worker process of its own, to be killed: runs `slow` jobs, which begin and then never end, or `quick` ones."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import asyncpg

from cadenza.adapters.storage.jobs import JobRunner


async def main(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)

    async def slow(payload: Mapping[str, Any]) -> None:
        await connection.execute("INSERT INTO effects (name, note) VALUES ('slow', 'begun')")
        await asyncio.Event().wait()

    runner = JobRunner(dsn, {"slow": slow}, heartbeat_timeout_s=1.0)
    await runner.start()
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
