"""Words of the stream that say nothing new: positions as the market moves, and orders each time that they execute."""

from collections import OrderedDict

from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.reports import (
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    OrderStatusReport,
    PositionReport,
    RejectedReport,
    Report,
    VenueOrderStatus,
)

ORDERS_MAX = 10_000
"""Orders whose terms are remembered; the oldest are forgotten first."""

_Terms = tuple[object, ...]


class RepeatedNews:
    """Remembers the last word about each position and about the terms of each order that works. An execution is
    reported by itself, so an order that has only executed more says nothing new."""

    def __init__(self) -> None:
        self._positions: dict[InstrumentId, _Terms] = {}
        self._orders: OrderedDict[tuple[InstrumentId, str | None], _Terms] = OrderedDict()

    def is_new(self, report: Report) -> bool:
        """Take note of a report. False when it repeats what was said before."""
        match report:
            case PositionReport():
                word = (report.quantity, report.entry_price, report.leverage)
                before = self._positions.get(report.instrument_id)
                self._positions[report.instrument_id] = word
                return before != word
            case ExternalOrderReport():
                self._remember(report)
            case OrderStatusReport(status=VenueOrderStatus.WORKING):
                return self._remember(report)
            case OrderStatusReport() | CanceledReport() | ExpiredReport() | RejectedReport():
                self._orders.pop((report.instrument_id, report.venue_order_id), None)
            case _:
                pass
        return True

    def forget(self) -> None:
        """The stream may have missed something."""
        self._positions.clear()
        self._orders.clear()

    def _remember(self, report: ExternalOrderReport | OrderStatusReport) -> bool:
        name = (report.instrument_id, report.venue_order_id)
        terms = (report.quantity, report.limit_price, report.stop_price)
        before = self._orders.get(name)
        self._orders[name] = terms
        if len(self._orders) > ORDERS_MAX:
            self._orders.popitem(last=False)
        return before != terms
