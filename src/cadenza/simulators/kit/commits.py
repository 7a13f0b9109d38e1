"""What changed goes to disk first, and only then to the clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Generic

from cadenza.simulators.kit.truth import RowT, TruthFile

Publication = Callable[[int], None]
"""Queues events for clients. It gets the venue's time."""


class CommitLog(Generic[RowT]):
    """Rows of the ledger of truth, each with the publications that show it."""

    def __init__(self, directory: Path, row_type: type[RowT], now_ms: Callable[[], int]) -> None:
        self._truth = TruthFile(directory, row_type)
        self._now_ms = now_ms
        self._lock = asyncio.Lock()
        self._outbox: list[Publication] = []
        self._commits: set[asyncio.Task[None]] = set()

    @property
    def path(self) -> Path:
        return self._truth.path

    def rows(self) -> Iterator[RowT]:
        """Yield all rows on disk, the oldest first. Raises `TruthError` at one that cannot be read."""
        return self._truth.rows()

    def add(self, row: RowT | None, publications: Iterable[Publication]) -> None:
        """Keep a row and what it publishes for the next commit."""
        if row is not None:
            self._truth.append(row)
        self._outbox.extend(publications)

    async def commit(self) -> None:
        """Return when all that was added until now is on disk, and its events are queued for the clients. A caller that
        is cancelled, because its client has left, does not cancel that."""
        task = asyncio.create_task(self._commit())
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        await asyncio.shield(task)

    def commit_now(self) -> None:
        """As `commit`, before the server serves."""
        outbox, self._outbox = self._outbox, []
        self._truth.flush_now()
        self._publish(outbox)

    def close(self) -> None:
        self._truth.close()

    async def _commit(self) -> None:
        async with self._lock:
            outbox, self._outbox = self._outbox, []
            await self._truth.flush()
            self._publish(outbox)

    def _publish(self, outbox: list[Publication]) -> None:
        now_ms = self._now_ms()
        for publish in outbox:
            publish(now_ms)
