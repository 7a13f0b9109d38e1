"""What /metrics shows besides the requests: read from the parts when it is asked."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Reading = Callable[[], float]


class Readings(Collector):
    """Gauges and counters that are read from the parts at the moment of the scrape."""

    def __init__(self) -> None:
        self._gauges: dict[str, tuple[str, Reading]] = {}
        self._counters: dict[str, tuple[str, Reading]] = {}

    def gauge(self, name: str, meaning: str, read: Reading) -> None:
        self._gauges[name] = (meaning, read)

    def counter(self, name: str, meaning: str, read: Reading) -> None:
        self._counters[name] = (meaning, read)

    def collect(self) -> Iterator[Metric]:
        for name, (meaning, read) in self._gauges.items():
            yield GaugeMetricFamily(name, meaning, value=read())
        for name, (meaning, read) in self._counters.items():
            yield CounterMetricFamily(name, meaning, value=read())


def new_registry(readings: Readings) -> CollectorRegistry:
    """A registry of our own: nothing of another library slips in."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(readings)
    return registry
