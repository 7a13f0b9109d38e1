"""What a session still has to tell its sink, in order, at the sink's pace."""

import asyncio
from collections import deque

import structlog

from cadenza.adapters.venues.inhouse.mapping import reports_of
from cadenza.adapters.venues.inhouse.reread import Reread
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.matching.records import Fact
from cadenza.domain.trading.reports import Report
from cadenza.ports.clock import Clock
from cadenza.ports.paper_ledger import PaperLedger
from cadenza.ports.venue import ReportSink

_BATCH_REPORTS_MAX = 200
_RETRY_MS = 250


class Outbox:
    """Delivers without ever holding up the desk. At most `reports_max` wait in memory. What comes beyond is on disk
    already: it is noted since when, and read from there, a page at a time, when the sink has taken the rest; what comes
    meanwhile comes after. So nothing is dropped, and no more than `reports_max` and a page are in memory."""

    def __init__(
        self,
        *,
        external_id: str,
        account_id: TradingAccountId,
        sink: ReportSink,
        ledger: PaperLedger,
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
        self._missed_since_ms: int | None = None
        self._reread: Reread | None = None
        self._page: deque[Report] = deque()  # of `_reread`; it comes before what waits
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(account_id))
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run(), name=f"outbox {external_id}")

    @property
    def is_idle(self) -> bool:
        """The sink was told everything."""
        return self._idle.is_set()

    async def wait_idle(self) -> None:
        await self._idle.wait()

    def push(self, fact: Fact) -> None:
        """Have a fact, which is on disk, told."""
        reports = reports_of(fact, self.account_id)
        if not reports:
            return
        if self._missed_since_ms is not None or len(self._waiting) + len(reports) > self._reports_max:
            self.miss(fact.at_ms)
            return
        self._waiting.extend(reports)
        self._wake()

    def miss(self, since_ms: int) -> None:
        """Have everything told that happened since then, from disk."""
        if self._missed_since_ms is None or since_ms < self._missed_since_ms:
            self._missed_since_ms = since_ms
        self._wake()

    async def close(self) -> None:
        """Stop; nothing is delivered afterwards. Idempotent."""
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
            while self._waiting or self._page or self._reread is not None or self._missed_since_ms is not None:
                await self._deliver()
            self._idle.set()

    async def _deliver(self) -> None:
        """One batch; a failure of disk or sink is tried again, from where it happened."""
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
        """What is told next: the page at hand, then the next one, then what waits; what was missed after that."""
        if self._reread is None and not self._page and not self._waiting and self._missed_since_ms is not None:
            missed_since_ms, self._missed_since_ms = self._missed_since_ms, None  # what comes from here on is pushed
            self._reread = Reread(self._ledger, self.external_id, self.account_id, missed_since_ms, self._clock)
        if self._reread is not None and not self._page:
            self._page.extend(await self._reread.next_page())
            if self._reread.is_done:
                self._reread = None
            return self._page
        return self._page or self._waiting
