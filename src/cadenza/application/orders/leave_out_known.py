"""Leave out reports of a replay that closed orders already contain. That is nearly all of an overlap with what was
reported before: it then costs one cheap query for each piece, and the committer nothing."""

from collections.abc import Sequence

from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    OrderReport,
    OrderTermsReport,
    RejectedReport,
    Report,
)
from cadenza.domain.trading.same_trade import is_repetition
from cadenza.ports.storage.trading import FinishedOrder, OrderQueries

_Name = tuple[object, ...]


async def leave_out_known(
    queries: OrderQueries, account_id: TradingAccountId, reports: Sequence[Report]
) -> Sequence[Report]:
    """Return the reports of this account that may change something, in their order."""
    about = [report for report in reports if isinstance(report, OrderReport)]
    if not about:
        return reports
    by_other_ids = [report for report in about if report.order_id is None]
    settled = await queries.finished(
        account_id,
        order_ids={report.order_id for report in about if report.order_id is not None},
        sent_ids={report.sent_id for report in by_other_ids if report.sent_id is not None},
        venue_order_ids={
            (report.instrument_id, report.venue_order_id)
            for report in by_other_ids
            if report.venue_order_id is not None
        },
    )
    known = {name: order for order in settled for name in _names(order)}
    return [report for report in reports if not any(_is_known(report, known.get(name)) for name in _named(report))]


def _names(order: FinishedOrder) -> Sequence[_Name]:
    return (order.order_id,), (order.sent_id,), (order.instrument_id, order.venue_order_id)


def _named(report: Report) -> Sequence[_Name]:
    """Return the names by which a report may mean its order. An order with its `sent_id` that the venue calls otherwise
    is another one, which `_is_known` finds out."""
    if not isinstance(report, OrderReport):
        return ()
    if report.order_id is not None:
        return ((report.order_id,),)
    names: list[_Name] = [] if report.sent_id is None else [(report.sent_id,)]
    return names if report.venue_order_id is None else [*names, (report.instrument_id, report.venue_order_id)]


def _is_known(report: Report, order: FinishedOrder | None) -> bool:
    """Whether a report can change nothing: its order is closed, which is final, and has what the report states. A
    report that contradicts its order in anything is not known."""
    if order is None or not isinstance(report, OrderReport):
        return False
    if report.instrument_id != order.instrument_id or report.venue_order_id not in (None, order.venue_order_id):
        return False
    if isinstance(report, OrderTermsReport) and report.side not in (None, order.side):
        return False
    match report:
        case FillReport():
            known = order.executions.get(report.trade_id)
            return known is not None and report.side is order.side and is_repetition(known, report)
        case AcceptedReport() | ExternalOrderReport():
            return report.executed_quantity <= order.executed_quantity
        case CanceledReport() | ExpiredReport():
            return (report.executed_quantity or 0) <= order.executed_quantity
        case RejectedReport():
            return True
        case _:
            return False
