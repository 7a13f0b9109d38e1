"""What a session still has to tell its sink, in order, at the sink's pace."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from cadenza.adapters.venues.inhouse.mapping import balance_report, reports_of
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.matching.records import BalanceFact, Fact, HeldBalance, OrderHistory
from cadenza.domain.trading.reports import Report
from cadenza.ports.clock import Clock
from cadenza.ports.paper_ledger import PaperLedger
from cadenza.ports.venue import ReportSink

_BATCH_REPORTS_MAX = 200
_RETRY_MS = 250


class Outbox:
    """Delivers without ever holding up the desk. At most `reports_max` wait in memory. What comes beyond is on disk
    already: it is noted since when, and read from there when the sink has taken the rest. So nothing is dropped."""

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
        self._idle.set()

    def _wake(self) -> None:
        self._idle.clear()
        self._news.set()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting or self._missed_since_ms is not None:
                await self._deliver()
            self._idle.set()

    async def _deliver(self) -> None:
        """One batch; a failure of disk or sink is tried again."""
        batch: Sequence[Report] = [self._waiting[n] for n in range(min(len(self._waiting), _BATCH_REPORTS_MAX))]
        missed_since_ms = None if batch else self._missed_since_ms
        try:
            if missed_since_ms is not None:
                self._missed_since_ms = None  # what happens from here on is pushed again
                batch = reports_since(
                    await self._ledger.since(self.external_id, missed_since_ms), self.account_id, self._clock
                )
            if batch:
                await self._sink.deliver(batch)
        except Exception as error:  # noqa: BLE001 - a supervised loop: reports are money, so it never gives up
            if not isinstance(error, DatabaseUnavailable):
                self._log.exception("report_delivery_failed", error=type(error).__name__)
            if missed_since_ms is not None:
                self.miss(missed_since_ms)
            await self._clock.sleep_ms(_RETRY_MS)
            return
        if missed_since_ms is None:
            for _ in batch:
                self._waiting.popleft()


def reports_since(
    stored: tuple[Sequence[OrderHistory], Sequence[HeldBalance]], account_id: TradingAccountId, clock: Clock
) -> list[Report]:
    """What `PaperLedger.since` read, as reports: orders with their fills, then the balances that were set."""
    histories, covered = stored
    facts: list[Fact] = [fact for history in histories for fact in history.facts()]
    reports = [report for fact in facts for report in reports_of(fact, account_id)]
    now_ms = clock.now_ms()
    for balance in covered:
        fact = BalanceFact(external_id=balance.owner, asset=balance.asset, total=balance.total, at_ms=now_ms)
        reports.append(balance_report(fact, account_id))
    return reports
