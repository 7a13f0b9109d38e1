"""docs/operations/metrics.md lists every figure of /metrics, and no other; docs/operations/logs.md every alarm."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cadenza.ports.alarms import Alarm
from cadenza.runtime.alarms import LoggedAlarms
from cadenza.runtime.wiring.metrics import (
    Readings,
    add_accounts,
    add_alarms,
    add_books,
    add_committer,
    add_venues,
)

OPERATIONS = Path(__file__).parents[2] / "docs/operations"
_ROW = re.compile(r"^\| `(cadenza_\w+)` \| (gauge|counter) \|", re.MULTILINE)


class Figures(Readings):
    """Readings that remember the name and the kind of what is added, as a scrape shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, str] = {}

    def gauge(self, name: str, meaning: str, read: Any) -> None:
        self.shown[name] = "gauge"

    def counter(self, name: str, meaning: str, read: Any) -> None:
        self.shown[f"{name}_total"] = "counter"

    def labelled(self, name: str, meaning: str, labels: Any, read: Any) -> None:
        self.shown[name] = "gauge"


def test_every_figure_is_on_the_page() -> None:
    figures, part = Figures(), SimpleNamespace(sessions=None, watch_kept=None)
    parts: Any = part
    add_committer(figures, parts, parts)
    add_accounts(figures, parts, parts)
    add_alarms(figures, LoggedAlarms())
    add_venues(figures, parts, parts)
    add_books(figures, parts)
    assert dict(_ROW.findall((OPERATIONS / "metrics.md").read_text())) == figures.shown


@pytest.mark.parametrize("alarm", list(Alarm))
def test_an_alarm_is_counted_and_explained_where_logs_are(alarm: Alarm) -> None:
    alarms, readings = LoggedAlarms(), Readings()
    add_alarms(readings, alarms)
    alarms.sound(alarm, {"account_id": 1})
    counted = {s.name: s.value for m in readings.collect() for s in m.samples if s.name.endswith("_total")}
    assert {name for name, value in counted.items() if value} == {f"cadenza_alarm_{alarm.value.lower()}_total"}
    assert f"| `{alarm.value.lower()}` | error |" in (OPERATIONS / "logs.md").read_text()


def test_a_job_that_is_given_up_sounds_an_alarm_that_names_the_order_and_nothing_else_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[tuple[str, dict[str, str]]] = []
    log = SimpleNamespace(error=lambda event, **facts: lines.append((event, facts)))
    monkeypatch.setattr("cadenza.runtime.alarms._log", log)
    alarms = LoggedAlarms()
    alarms.job_given_up("orders.resolve", {"order_id": "o1", "fills": []}, ValueError("no"))
    alarms.job_given_up("mail.send", {"token": "secret"}, ValueError("no"))
    assert lines == [
        ("job_given_up", {"job": "orders.resolve", "order_id": "o1", "error": "ValueError: no"}),
        ("job_given_up", {"job": "mail.send", "error": "ValueError: no"}),
    ]
    assert alarms.sounded[Alarm.JOB_GIVEN_UP] == 2
