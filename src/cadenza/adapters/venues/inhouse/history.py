"""Reads what happened in an account from disk and makes reports of it, piece by piece."""

from collections.abc import AsyncIterator

from cadenza.adapters.venues.inhouse.mapping import balance_report, reports_of
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import Report
from cadenza.exchange.records import BalanceFact, Fact, as_of_instant
from cadenza.ports.clock import Clock
from cadenza.ports.exchange_ledger import ExchangeLedger, HistoryCursor, HistoryPage
from cadenza.ports.venue import REPLAY_REPORTS_MAX, ReplayPiece


class HistoryReader:
    """Reads page by page, so that at most one page is in memory. After a failed read the next call reads the same
    page."""

    def __init__(
        self, ledger: ExchangeLedger, external_id: str, account_id: TradingAccountId, since_ms: int, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._external_id = external_id
        self._account_id = account_id
        self._since_ms = since_ms
        self._clock = clock
        self._after: HistoryCursor | None = None
        self.is_done = False
        """Whether the last page has been read."""

    async def next_page(self) -> list[Report]:
        """Return the reports of the next page: orders with their fills, in the order of their last change. The last
        page ends with the balances that the insurance changed."""
        page = await self._ledger.since(self._external_id, self._since_ms, self._after)
        self._after, self.is_done = page.next, page.next is None
        return self._reports(page)

    async def pieces(self) -> AsyncIterator[ReplayPiece]:
        """Yield everything in pieces of at most `REPLAY_REPORTS_MAX` reports. The venue forgets nothing, so they always
        cover all of the time that was asked for."""
        while not self.is_done:
            reports = await self.next_page()
            for start in range(0, max(1, len(reports)), REPLAY_REPORTS_MAX):
                piece = reports[start : start + REPLAY_REPORTS_MAX]
                yield ReplayPiece(reports=piece, covers_from_ms=self._since_ms)

    def _reports(self, page: HistoryPage) -> list[Report]:
        facts: list[Fact] = [fact for history in page.histories for fact in history.facts()]
        reports = [report for fact in facts for report in reports_of(fact, self._account_id)]
        now_ms = self._clock.now_ms()
        as_of = as_of_instant(now_ms)
        for balance in page.covered:
            fact = BalanceFact(
                external_id=balance.owner, asset=balance.asset, total=balance.total, at_ms=now_ms, as_of=as_of
            )
            reports.append(balance_report(fact, self._account_id))
        return reports
