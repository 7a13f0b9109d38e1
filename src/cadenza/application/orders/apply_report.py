"""A fill, and every other news of a venue: one way in, whoever brings it.

Sessions deliver to `SessionSink`, which commits the reports in order and holds the session back meanwhile: a fill is
never dropped. (Books go the opposite way: there the newest wins; see `market_data/keep_book.py`.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cadenza.application.orders.committer import Committer
from cadenza.domain.ids import OrderId, TradingAccountId
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import ExternalOrderReport, Report
from cadenza.domain.trading.state import TradingState
from cadenza.ports.storage.trading import BatchKeys


@dataclass(frozen=True, slots=True)
class ApplyReports:
    """A change: the reports in their order. Its decision is the orders they were about, as they are now.

    `tells_all` says that with them everything has been told that happened in their account up to the latest of them.
    """

    reports: Sequence[Report]
    tells_all: bool = False

    def name_keys(self, keys: BatchKeys) -> None:
        for report in self.reports:
            keys.accounts.add(report.account_id)
            if isinstance(report, ExternalOrderReport):
                keys.reserving.add(report.account_id)
            if report.order_id is not None:
                keys.orders.add(report.order_id)
            if report.venue_order_id is not None:
                keys.kept.add((report.account_id, report.venue_order_id))
                if report.order_id is None or isinstance(report, ExternalOrderReport):
                    keys.venue_orders.add((report.account_id, report.venue_order_id))

    def decide(self, state: TradingState) -> dict[OrderId, Order]:
        orders: dict[OrderId, Order] = {}
        for report in self.reports:
            order = apply_report(state, report)
            if order is not None:
                orders[order.id] = order
            if self.tells_all:
                state.hear(report.account_id, report.at_ms)
        return orders


class SessionSink:
    """`ports.venue.ReportSink` over the committer. Law: returns when the reports are committed, so a session that
    delivers one after another keeps their order and is held back by a slow database.

    A stream tells everything from when its session opened. Whether nothing is missing before that is known when the
    account is reconciled: `is_reconciled` says so.
    """

    def __init__(self, committer: Committer, is_reconciled: Callable[[TradingAccountId], bool]) -> None:
        self._committer = committer
        self._is_reconciled = is_reconciled

    async def deliver(self, reports: Sequence[Report]) -> None:
        if reports:
            tells_all = all(self._is_reconciled(report.account_id) for report in reports)
            await self._committer.commit_report(ApplyReports(reports, tells_all))
