"""Probes of the platform's parts. Each answers fast and never raises."""

from collections.abc import Awaitable, Callable

from cadenza.application.system.check_health import HealthStatus, Probe
from cadenza.domain.errors import DatabaseUnavailable


def database_probe(ping: Callable[[], Awaitable[None]]) -> Probe:
    """Return a probe of the database. `ping` returns when the database answers and raises `DatabaseUnavailable`
    otherwise."""

    async def probe() -> HealthStatus:
        try:
            await ping()
        except DatabaseUnavailable:
            return HealthStatus.UNHEALTHY
        return HealthStatus.HEALTHY

    return probe


def running_probe(is_running: Callable[[], bool]) -> Probe:
    """Return a probe of a part that the platform can do without for a while."""

    async def probe() -> HealthStatus:
        return HealthStatus.HEALTHY if is_running() else HealthStatus.DEGRADED

    return probe


async def in_this_process() -> HealthStatus:
    """The probe of a part that works in this process's memory: it is healthy as long as the process runs."""
    return HealthStatus.HEALTHY
