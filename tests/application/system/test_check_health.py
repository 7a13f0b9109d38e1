"""The whole is as its parts are, and is asked at most once a second."""

import pytest
from tests.inhouse_kit import ManualClock

from cadenza.application.system.check_health import HEALTH_AGE_MS_MAX, CheckHealth, HealthStatus, Probe

HEALTHY, DEGRADED, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY
WELL = {"database": HEALTHY, "jobs": HEALTHY, "cache": HEALTHY, "realtime": HEALTHY}


def probe_of(parts: dict[str, HealthStatus], name: str) -> Probe:
    async def probe() -> HealthStatus:
        return parts[name]

    return probe


@pytest.mark.parametrize(
    ("ill", "whole", "cache"),
    [
        ({}, HEALTHY, HEALTHY),
        ({"database": UNHEALTHY}, UNHEALTHY, HEALTHY),
        ({"jobs": DEGRADED}, DEGRADED, HEALTHY),
        ({"cache": UNHEALTHY}, DEGRADED, UNHEALTHY),
        ({"realtime": DEGRADED}, DEGRADED, DEGRADED),
        ({"realtime": DEGRADED, "cache": UNHEALTHY}, DEGRADED, UNHEALTHY),
        ({"database": UNHEALTHY, "realtime": DEGRADED}, UNHEALTHY, DEGRADED),
    ],
)
async def test_the_whole(ill: dict[str, HealthStatus], whole: HealthStatus, cache: HealthStatus) -> None:
    parts = WELL | ill
    health = await CheckHealth(probes={name: probe_of(parts, name) for name in parts}, clock=ManualClock())()
    assert (health.status, health.cache) == (whole, cache)
    assert (health.database, health.jobs) == (parts["database"], parts["jobs"])


async def test_an_answer_is_good_for_a_second() -> None:
    parts, clock = dict(WELL), ManualClock()
    check = CheckHealth(probes={name: probe_of(parts, name) for name in parts}, clock=clock)
    assert (await check()).status is HEALTHY
    parts["realtime"] = DEGRADED
    clock.advance(HEALTH_AGE_MS_MAX - 1)
    assert (await check()).status is HEALTHY
    clock.advance(1)
    assert (await check()).status is DEGRADED
