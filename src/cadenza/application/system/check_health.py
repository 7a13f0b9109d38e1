"""Health of the platform's parts, at most a second old."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cadenza.ports.clock import Clock

HEALTH_AGE_MS_MAX = 1_000

Probe = Callable[[], Awaitable["HealthStatus"]]
"""Reports the health of one part. It answers fast and never raises."""


class HealthStatus(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


_SEVERITY = (HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The health of the platform and of its parts. `database`, `jobs` and `cache` name jobs, whatever does them in this
    deployment. `cache` stands for the cache, the bus between processes, and the server at which clients' sockets end.
    """

    status: HealthStatus
    database: HealthStatus
    jobs: HealthStatus
    cache: HealthStatus
    at_ms: int


class CheckHealth:
    """The use case; public. Without its database the platform is unhealthy; without another part it is degraded.

    `probes` are `database`, `jobs`, `cache` and `realtime`.
    """

    def __init__(self, *, probes: Mapping[str, Probe], clock: Clock) -> None:
        self._probes = probes
        self._clock = clock
        self._last: Health | None = None
        self._asked_ms = 0

    async def __call__(self) -> Health:
        now_ms = self._clock.monotonic_ms()
        if self._last is None or now_ms - self._asked_ms >= HEALTH_AGE_MS_MAX:
            self._asked_ms = now_ms
            self._last = await self._ask()
        return self._last

    async def _ask(self) -> Health:
        parts = {name: await probe() for name, probe in self._probes.items()}
        if parts["database"] is HealthStatus.UNHEALTHY:
            status = HealthStatus.UNHEALTHY
        elif all(part is HealthStatus.HEALTHY for part in parts.values()):
            status = HealthStatus.HEALTHY
        else:
            status = HealthStatus.DEGRADED
        return Health(
            status=status,
            database=parts["database"],
            jobs=parts["jobs"],
            cache=max(parts["cache"], parts["realtime"], key=_SEVERITY.index),
            at_ms=self._clock.now_ms(),
        )
