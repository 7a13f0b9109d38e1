"""Reports that use a new name of an order wait for the report that announces the name."""

from collections import OrderedDict
from collections.abc import Sequence

from cadenza.domain.trading.reports import Report

NAMES_MAX = 10_000
"""Names that are remembered as announced; the oldest are forgotten first."""

HELD_MAX = 1_000
"""Names whose reports may wait. When there are more, the oldest go without their announcement."""


class HeldNews:
    """Holds reports until the name that they use was announced.

    Law: nothing is dropped, and reports of one name keep their order.
    """

    def __init__(self) -> None:
        self._announced: OrderedDict[str, None] = OrderedDict()
        self._held: OrderedDict[str, list[Report]] = OrderedDict()

    @property
    def is_empty(self) -> bool:
        return not self._held

    def hold(self, name: str, reports: Sequence[Report]) -> Sequence[Report]:
        """Return what may be delivered now: the reports, if the name was announced."""
        if name in self._announced:
            return reports
        self._held.setdefault(name, []).extend(reports)
        return self._held.popitem(last=False)[1] if len(self._held) > HELD_MAX else ()

    def announce(self, name: str) -> Sequence[Report]:
        """The name is known from now on. Return the reports that waited for it, to be delivered after what announces
        it."""
        self._announced[name] = None
        if len(self._announced) > NAMES_MAX:
            self._announced.popitem(last=False)
        return self._held.pop(name, ())

    def give_up(self) -> Sequence[Report]:
        """Return all that waits, in the order of names: the announcements were missed."""
        held = [report for reports in self._held.values() for report in reports]
        self._held.clear()
        return held
