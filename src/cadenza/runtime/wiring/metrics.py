"""What /metrics shows besides the requests: read from the parts at the moment of the scrape."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cadenza.application.accounts.keep_sessions import KeepSessions
from cadenza.application.market_data.keep_book import KeepBook
from cadenza.application.market_data.run_venues import RunVenues
from cadenza.application.orders.committer import Committer
from cadenza.ports.alarms import Alarm
from cadenza.ports.clock import Clock
from cadenza.ports.venue import VenueStatus
from cadenza.runtime.alarms import LoggedAlarms
from cadenza.runtime.local import AsyncioConcurrency
from cadenza.runtime.logging import LogLines
from cadenza.runtime.wiring.realtime import Realtime
from cadenza.runtime.wiring.trading import Trading

Reading = Callable[[], float]
LabelledReading = Callable[[], Iterable[tuple[Sequence[str], float]]]
"""The values of the labels, and the figure."""


class Readings(Collector):
    """Gauges and counters that are read from the parts at the moment of the scrape."""

    def __init__(self) -> None:
        self._gauges: dict[str, tuple[str, Reading]] = {}
        self._counters: dict[str, tuple[str, Reading]] = {}
        self._labelled: dict[str, tuple[str, Sequence[str], LabelledReading]] = {}

    def gauge(self, name: str, meaning: str, read: Reading) -> None:
        self._gauges[name] = (meaning, read)

    def counter(self, name: str, meaning: str, read: Reading) -> None:
        self._counters[name] = (meaning, read)

    def labelled(self, name: str, meaning: str, labels: Sequence[str], read: LabelledReading) -> None:
        """Add a gauge with several values, one for each set of labels."""
        self._labelled[name] = (meaning, labels, read)

    def collect(self) -> Iterator[Metric]:
        for name, (meaning, read) in self._gauges.items():
            yield GaugeMetricFamily(name, meaning, value=read())
        for name, (meaning, read) in self._counters.items():
            yield CounterMetricFamily(name, meaning, value=read())
        for name, (meaning, labels, read_all) in self._labelled.items():
            family = GaugeMetricFamily(name, meaning, labels=labels)
            for values, value in read_all():
                family.add_metric(values, value)
            yield family


def new_registry(readings: Readings) -> CollectorRegistry:
    """A registry of our own: nothing of another library slips in."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(readings)
    return registry


def add_committer(readings: Readings, committer: Committer, concurrency: AsyncioConcurrency) -> None:
    """Add the figures of the committer and of background work."""
    readings.counter("cadenza_committer_batches", "Transactions of the committer", lambda: committer.batches_total)
    readings.counter("cadenza_committer_changes", "Changes it committed", lambda: committer.changes_total)
    readings.counter("cadenza_log_lines_lost", "Log lines that could not be written", lambda: LogLines.lost_total)
    readings.gauge("cadenza_committer_waiting", "Changes that wait", lambda: concurrency.inbox_sizes()["committer"])
    readings.counter("cadenza_background_failures", "Background tasks that failed", lambda: concurrency.failures_total)


def add_accounts(readings: Readings, keep_sessions: KeepSessions, trading: Trading) -> None:
    """Add the figures of trading accounts and of what venues still owe."""
    sessions, kept = trading.sessions, trading.watch_kept
    readings.gauge("cadenza_sessions_failing", "Accounts without a session", lambda: len(keep_sessions.failing))
    readings.gauge("cadenza_sessions_opening", "Accounts whose session is being opened", lambda: sessions.held_count)
    readings.gauge("cadenza_sessions_lost", "Sessions that do not reach their venue", lambda: len(sessions.outages()))
    readings.counter("cadenza_orders_asked_about", "Lookups of orders in doubt", lambda: trading.inquire.asked_total)
    readings.gauge(
        "cadenza_orders_undetermined", "Orders whose outcome an operator must find out", lambda: kept.undetermined_count
    )
    readings.gauge("cadenza_kept_reports", "Reports that later news may explain", lambda: kept.curable_count)
    readings.gauge("cadenza_refused_reports", "Reports that could not be booked", lambda: kept.refused_count)
    readings.gauge(
        "cadenza_kept_reports_oldest_seconds", "Age of the oldest of them", lambda: kept.oldest_age_ms / 1000
    )
    readings.gauge(
        "cadenza_snapshots_failing", "Accounts that could not be read", lambda: len(trading.snapshots.failing)
    )
    readings.counter(
        "cadenza_books_corrected", "Ledgers corrected by a snapshot", lambda: trading.compare_books.corrections_total
    )
    readings.gauge("cadenza_books_differing", "Ledgers that differ", lambda: len(trading.compare_books.differing))


def add_alarms(readings: Readings, alarms: LoggedAlarms) -> None:
    """Add a counter for each kind of alarm."""
    for alarm in Alarm:
        readings.counter(
            f"cadenza_alarm_{alarm.value.lower()}", f"Alarms {alarm.value}", partial(_count, alarms, alarm)
        )


def _count(alarms: LoggedAlarms, alarm: Alarm) -> float:
    return alarms.sounded[alarm]


def add_venues(readings: Readings, venues: RunVenues, clock: Clock) -> None:
    """Add how the venues are."""

    def seconds_offline() -> Iterable[tuple[Sequence[str], float]]:
        for venue_id, condition in venues.conditions():
            is_online = condition.status is VenueStatus.ONLINE
            seconds = 0.0 if is_online else (clock.now_ms() - condition.since_ms) / 1000
            yield (str(venue_id), condition.status.value, condition.cause or ""), seconds

    readings.labelled(
        "cadenza_venue_offline_seconds",
        "How long a venue has not been online; 0 while it is",
        ("venue", "status", "cause"),
        seconds_offline,
    )


def add_books(readings: Readings, books: KeepBook) -> None:
    """Add the figures of order books."""
    readings.gauge("cadenza_books_open", "Order book feeds that are open", lambda: books.open_count)
    readings.counter("cadenza_books_stale", "How often a book became stale", lambda: books.stale_total)
    readings.counter("cadenza_book_gaps", "Messages that did not continue their book", lambda: books.gaps_total)
    readings.counter(
        "cadenza_book_messages_refused", "Messages that do not fit their venue's rule", lambda: books.refused_total
    )


def add_realtime(readings: Readings, realtime: Realtime) -> None:
    """Add the figures of the socket, ours or Centrifugo's."""
    for figure in realtime.readings():
        add = readings.gauge if figure.kind == "gauge" else readings.counter
        add(figure.name, figure.meaning, figure.read)
