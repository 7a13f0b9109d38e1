"""Alarms as log lines and counters."""

from collections import Counter
from collections.abc import Mapping

import structlog

from cadenza.ports.alarms import Alarm

_log = structlog.get_logger("cadenza.alarm")


class LoggedAlarms:
    """`ports.alarms.Alarms`: an error in the log with the alarm's facts, and a count for /metrics."""

    def __init__(self) -> None:
        self.sounded: Counter[Alarm] = Counter()

    def sound(self, alarm: Alarm, facts: Mapping[str, object]) -> None:
        self.sounded[alarm] += 1
        _log.error(alarm.value.lower(), **{name: str(fact) for name, fact in facts.items()})
