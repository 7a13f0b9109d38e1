"""What is counted of requests."""

from collections.abc import Callable
from time import perf_counter

from prometheus_client import CollectorRegistry, Histogram

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HttpMetrics:
    """Requests by operation and status, and how long they took. `registry` is what /metrics shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.duration_s = Histogram(
            "cadenza_http_request_duration_seconds",
            "Time from the request's head to the end of the reply",
            ("operation", "status"),
            registry=registry,
            buckets=_BUCKETS_S,
        )
        # To find a child by its labels costs more than to count; there are as many as operations have statuses.
        self._observe: dict[tuple[str, int], Callable[[float], None]] = {}

    now_s = staticmethod(perf_counter)
    """The stopwatch of `took`: finer than the port's clock, whose milliseconds are as long as most requests."""

    def took(self, operation: str, status: int, since_s: float) -> None:
        """Count a request that began at `since_s` and has ended now."""
        observe = self._observe.get((operation, status))
        if observe is None:
            observe = self._observe[operation, status] = self.duration_s.labels(operation, status).observe
        observe(self.now_s() - since_s)
