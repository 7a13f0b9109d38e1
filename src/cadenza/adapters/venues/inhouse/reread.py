"""What happened in an account, read from disk again and told piece by piece."""

from collections.abc import AsyncIterator, Sequence

from cadenza.adapters.venues.inhouse.mapping import balance_report, reports_of
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.matching.records import BalanceFact, Fact
from cadenza.domain.trading.reports import Report
from cadenza.ports.clock import Clock
from cadenza.ports.paper_ledger import Page, PaperLedger, Place
from cadenza.ports.venue import REPLAY_REPORTS_MAX


class Reread:
    """Reads on from page to page, so no more than a page is in memory; a page that could not be read is read again."""

    def __init__(
        self, ledger: PaperLedger, external_id: str, account_id: TradingAccountId, since_ms: int, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._external_id = external_id
        self._account_id = account_id
        self._since_ms = since_ms
        self._clock = clock
        self._after: Place | None = None
        self.is_done = False
        """The last page has been read."""

    async def next_page(self) -> list[Report]:
        """Orders with their fills, in the order in which they changed last; at the end the balances that were set."""
        page = await self._ledger.since(self._external_id, self._since_ms, self._after)
        self._after, self.is_done = page.next, page.next is None
        return self._reports(page)

    async def pieces(self) -> AsyncIterator[Sequence[Report]]:
        """Yield everything in pieces of at most `REPLAY_REPORTS_MAX` reports."""
        while not self.is_done:
            reports = await self.next_page()
            for start in range(0, len(reports), REPLAY_REPORTS_MAX):
                yield reports[start : start + REPLAY_REPORTS_MAX]

    def _reports(self, page: Page) -> list[Report]:
        facts: list[Fact] = [fact for history in page.histories for fact in history.facts()]
        reports = [report for fact in facts for report in reports_of(fact, self._account_id)]
        now_ms = self._clock.now_ms()
        for balance in page.covered:
            fact = BalanceFact(external_id=balance.owner, asset=balance.asset, total=balance.total, at_ms=now_ms)
            reports.append(balance_report(fact, self._account_id))
        return reports
