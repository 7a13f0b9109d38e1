"""What is counted of requests."""

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
