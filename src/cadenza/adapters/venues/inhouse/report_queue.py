"""Reports that a session's sink has not taken yet. They are delivered in order and at the sink's pace."""

import asyncio
from collections import deque

import structlog

from cadenza.adapters.venues.inhouse.history import HistoryReader
from cadenza.adapters.venues.inhouse.mapping import reports_of
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import Report
from cadenza.exchange.records import Fact
from cadenza.ports.clock import Clock
from cadenza.ports.exchange_ledger import ExchangeLedger
from cadenza.ports.venue import SessionSink

_BATCH_REPORTS_MAX = 200
_RETRY_MS = 250


class ReportQueue:
    """Delivers reports without ever blocking the runner. At most `reports_max` reports wait in memory. Further reports
    are already on disk: the queue notes since when, and reads them from there a page at a time once the sink has taken
    the rest. Reports that arrive meanwhile are delivered after them. So nothing is dropped, and at most `reports_max`
    reports and one page are in memory."""

    def __init__(
        self,
        *,
        external_id: str,
        account_id: TradingAccountId,
        sink: SessionSink,
        ledger: ExchangeLedger,
        clock: Clock,
        reports_max: int,
    ) -> None:
        self.account_id = account_id
        self.external_id = external_id
        self._sink = sink
        self._ledger = ledger
        self._clock = clock
        self._reports_max = reports_max
        self._waiting: deque[Report] = deque()
        self._gap_since_ms: int | None = None
        self._history: HistoryReader | None = None
        self._page: deque[Report] = deque()  # read by `_history`; delivered before `_waiting`
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(account_id))
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run(), name=f"report_queue {external_id}")

    @property
    def is_idle(self) -> bool:
        """Whether the sink has taken everything."""
        return self._idle.is_set()

    async def wait_idle(self) -> None:
        await self._idle.wait()

    def push(self, fact: Fact) -> None:
        """Queue the report of a fact. The fact must be on disk."""
        reports = reports_of(fact, self.account_id)
        if not reports:
            return
        if self._gap_since_ms is not None or len(self._waiting) + len(reports) > self._reports_max:
            self.note_gap(fact.at_ms)
            return
        self._waiting.extend(reports)
        self._wake()

    def note_gap(self, since_ms: int) -> None:
        """Note that reports since then are missing, so that everything since then is read from disk and delivered."""
        if self._gap_since_ms is None or since_ms < self._gap_since_ms:
            self._gap_since_ms = since_ms
        self._wake()

    def lose(self, cause: str) -> None:
        """Say that the venue cannot be reached just now."""
        self._sink.lost(cause)

    def restore(self, gap_since_ms: int) -> None:
        """Say that the venue is back, and read what happened meanwhile from disk."""
        self.note_gap(gap_since_ms)
        self._sink.restored(gap_since_ms)

    def end(self, cause: str) -> None:
        """Say that the venue will not be reached again."""
        self._sink.ended(cause)

    async def close(self) -> None:
        """Stop. Nothing is delivered afterwards. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._waiting.clear()
        self._page.clear()
        self._idle.set()

    def _wake(self) -> None:
        self._idle.clear()
        self._news.set()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting or self._page or self._history is not None or self._gap_since_ms is not None:
                await self._deliver()
            self._idle.set()

    async def _deliver(self) -> None:
        """Deliver one batch. After a failure of the disk or the sink, the next call tries the same batch again."""
        try:
            source = await self._next_source()
            batch = [source[n] for n in range(min(len(source), _BATCH_REPORTS_MAX))]
            if batch:
                await self._sink.deliver(batch)
        except Exception as error:  # noqa: BLE001 - a supervised loop: reports are money, so it never gives up
            if not isinstance(error, DatabaseUnavailable):
                self._log.exception("report_delivery_failed", error=type(error).__name__)
            await self._clock.sleep_ms(_RETRY_MS)
            return
        for _ in batch:
            source.popleft()

    async def _next_source(self) -> deque[Report]:
        """Return what to deliver next: the present page, then the next page, then the waiting reports, then what is
        missing."""
        if self._history is None and not self._page and not self._waiting and self._gap_since_ms is not None:
            gap_since_ms, self._gap_since_ms = self._gap_since_ms, None  # later reports are queued again
            self._history = HistoryReader(self._ledger, self.external_id, self.account_id, gap_since_ms, self._clock)
        if self._history is not None and not self._page:
            self._page.extend(await self._history.next_page())
            if self._history.is_done:
                self._history = None
            return self._page
        return self._page or self._waiting
