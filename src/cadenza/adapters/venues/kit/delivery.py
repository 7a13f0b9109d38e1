"""Reports on their way to a session's sink: in order, at the sink's pace, limited in number."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog

from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import SessionSink

BATCH_REPORTS_MAX = 200
RETRY_MS = 250


class DeliveryClock(Protocol):
    async def sleep_ms(self, duration_ms: int) -> None: ...


class ReportDelivery:
    """Delivers what a session reports, one batch after another.

    Law: reports are delivered in the order in which they were put, and none is dropped. While `waiting_max` reports
    wait, `put` waits too, so that a session stops reading its socket. A batch that the sink did not take is delivered
    again. After `close` nothing is delivered.
    """

    def __init__(self, sink: SessionSink, clock: DeliveryClock, *, name: str, waiting_max: int = 10_000) -> None:
        self._sink = sink
        self._clock = clock
        self._waiting_max = waiting_max
        self._waiting: deque[Report] = deque()
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._room = asyncio.Event()
        self._room.set()
        self._is_closed = False
        self._log = structlog.get_logger("cadenza.venue").bind(session=name)
        self._task = asyncio.create_task(self._run(), name=f"delivery of {name}")

    @property
    def is_idle(self) -> bool:
        """Whether the sink has taken everything."""
        return self._idle.is_set()

    async def wait_idle(self) -> None:
        """Return when the sink has taken everything, or delivery was closed."""
        await self._idle.wait()

    async def put(self, reports: Sequence[Report]) -> None:
        """Queue reports, all of them or after `close` none. Waits for room."""
        while len(self._waiting) >= self._waiting_max and not self._is_closed:
            await self._room.wait()
        if not reports or self._is_closed:
            return
        self._waiting.extend(reports)
        if len(self._waiting) >= self._waiting_max:
            self._room.clear()
        self._idle.clear()
        self._news.set()

    def stop(self) -> None:
        """Deliver nothing more, from now on. `close` comes afterwards, and waits for what is under way."""
        self._is_closed = True
        self._task.cancel()

    async def close(self) -> None:
        """Deliver nothing more. Idempotent."""
        self.stop()
        await asyncio.gather(self._task, return_exceptions=True)
        self._waiting.clear()
        self._room.set()
        self._idle.set()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._deliver()
            self._idle.set()

    async def _deliver(self) -> None:
        batch = [self._waiting[n] for n in range(min(len(self._waiting), BATCH_REPORTS_MAX))]
        try:
            await self._sink.deliver(batch)
        except Exception as error:  # noqa: BLE001 - a supervised loop: reports are money, so it never gives up
            if not isinstance(error, DatabaseUnavailable):
                self._log.exception("report_delivery_failed", error=type(error).__name__)
            await self._clock.sleep_ms(RETRY_MS)
            return
        for _ in batch:
            self._waiting.popleft()
        if len(self._waiting) < self._waiting_max:
            self._room.set()
