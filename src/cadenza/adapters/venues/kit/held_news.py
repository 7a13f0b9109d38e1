"""Reports that use a new name of an order wait for the report that announces the name."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from cadenza.domain.trading.reports import Report

NAMES_MAX = 10_000
"""Names that are remembered as announced; the oldest are forgotten first."""

HELD_MAX = 1_000
"""Names whose reports may wait. When there are more, the oldest go without their announcement."""


@dataclass(slots=True)
class _Waiting:
    """Reports of one name; `since_ms` is when the first of them came."""

    since_ms: int
    reports: list[Report] = field(default_factory=list)


class HeldNews:
    """Holds reports until the name that they use is announced. Instants of waiting are those of the caller's clock.

    Law: each report that was held is handed out once, after the announcement of its name, and reports of one name are
    handed out in the order in which they came. The caller delivers what it is handed. While anything is held, the
    caller has not delivered all that it received, and does not claim to have.
    """

    def __init__(self) -> None:
        self._announced: OrderedDict[str, None] = OrderedDict()
        self._held: OrderedDict[str, _Waiting] = OrderedDict()

    @property
    def is_empty(self) -> bool:
        return not self._held

    def is_announced(self, name: str) -> bool:
        return name in self._announced

    def hold(self, name: str, reports: Sequence[Report], now_ms: int) -> Sequence[Report]:
        """Return what may be delivered now: the reports, if the name was announced."""
        if name in self._announced:
            return reports
        self._held.setdefault(name, _Waiting(now_ms)).reports.extend(reports)
        return self._held.popitem(last=False)[1].reports if len(self._held) > HELD_MAX else ()

    def announce(self, name: str) -> Sequence[Report]:
        """The name is known from now on. Return the reports that waited for it, to be delivered after what announces
        it."""
        self._announced[name] = None
        if len(self._announced) > NAMES_MAX:
            self._announced.popitem(last=False)
        waiting = self._held.pop(name, None)
        return () if waiting is None else waiting.reports

    def waiting_since(self, instant_ms: int) -> dict[str, Sequence[Report]]:
        """Return the names, with their reports, that have waited since that instant or longer. They go on waiting."""
        return {name: tuple(each.reports) for name, each in self._held.items() if each.since_ms <= instant_ms}

    def complete_until(self, news_ms: int) -> int:
        """Return the instant (the venue's clock) up to which nothing is held, given that everything up to `news_ms` was
        received."""
        return min([news_ms, *(each.at_ms - 1 for waiting in self._held.values() for each in waiting.reports)])
