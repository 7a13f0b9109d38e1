"""The platform is ready when its database answers and everything has been tried once."""

import pytest

from cadenza.application.system.check_health import HealthStatus
from cadenza.application.system.check_ready import CheckReady
from cadenza.application.system.probes import database_probe, in_this_process, running_probe
from cadenza.domain.errors import DatabaseUnavailable


async def answers() -> None:
    return None


async def is_away() -> None:
    raise DatabaseUnavailable("no sign of life")


@pytest.mark.parametrize(
    ("ping", "tried", "is_ready"),
    [
        (answers, [True, True], True),
        (answers, [True, False], False),
        (answers, [], True),
        (is_away, [True, True], False),
    ],
)
async def test_readiness(ping: object, tried: list[bool], is_ready: bool) -> None:
    first_tries = [lambda has_ended=has_ended: has_ended for has_ended in tried]
    assert await CheckReady(database=database_probe(ping), first_tries=first_tries)() is is_ready  # type: ignore[arg-type]


async def test_probes_say_how_a_part_is() -> None:
    assert await database_probe(answers)() is HealthStatus.HEALTHY
    assert await database_probe(is_away)() is HealthStatus.UNHEALTHY
    assert await running_probe(lambda: True)() is HealthStatus.HEALTHY
    assert await running_probe(lambda: False)() is HealthStatus.DEGRADED
    assert await in_this_process() is HealthStatus.HEALTHY
