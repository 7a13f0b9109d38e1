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

    def job_given_up(self, name: str, payload: Mapping[str, object], error: Exception) -> None:
        """Sound the alarm of a job that failed at its last try. Of the payload it shows the order alone, because other
        jobs carry secrets."""
        order = {"order_id": payload["order_id"]} if "order_id" in payload else {}
        self.sound(Alarm.JOB_GIVEN_UP, {"job": name, **order, "error": f"{type(error).__name__}: {error}"})
