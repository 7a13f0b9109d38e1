"""The API itself, and its health."""

from typing import Annotated

from msgspec import Meta

from cadenza.application.system.check_health import Health
from cadenza.wire.base import DateTime, Instant, Response
from cadenza.wire.values import rfc3339


class ApiInfo(Response, kw_only=True, frozen=True):
    """What this server is."""

    name: str
    version: str
    description: str
    documentation: Annotated[str, Meta(description="Path of the reference pages")]


HealthStatusOut = Annotated[str, Meta(extra_json_schema={"enum": ["healthy", "degraded", "unhealthy"]})]


class HealthCheckComponent(Response, kw_only=True, frozen=True):
    """The health of one part."""

    status: HealthStatusOut


class HealthChecks(Response, kw_only=True, frozen=True):
    """The parts that do these jobs in this deployment, embedded or not."""

    database: HealthCheckComponent
    temporal: Annotated[HealthCheckComponent, Meta(description="Durable jobs")]
    redis: Annotated[HealthCheckComponent, Meta(description="Cache, bus, and where clients' sockets end")]


class HealthReport(Response, kw_only=True, frozen=True):
    """The health of the server, at most one second old. The only reply without an envelope."""

    status: HealthStatusOut
    timestamp: Instant
    iso_date_time: DateTime
    version: str
    checks: HealthChecks


def health_report(health: Health, version: str) -> HealthReport:
    return HealthReport(
        status=health.status.value,
        timestamp=health.at_ms,
        iso_date_time=rfc3339(health.at_ms),
        version=version,
        checks=HealthChecks(
            database=HealthCheckComponent(status=health.database.value),
            temporal=HealthCheckComponent(status=health.jobs.value),
            redis=HealthCheckComponent(status=health.cache.value),
        ),
    )
