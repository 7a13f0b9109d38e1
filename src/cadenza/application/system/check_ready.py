"""Readiness: whether everything that a start begins in the background has been tried."""

from collections.abc import Callable, Sequence

from cadenza.application.system.check_health import HealthStatus, Probe


class CheckReady:
    """The use case; public. Ready while the database answers, and once everything that a start begins in the background
    has been tried. A first try that failed does not keep the platform from being ready: it goes on in the background.
    """

    def __init__(self, *, database: Probe, first_tries: Sequence[Callable[[], bool]]) -> None:
        self._database = database
        self._first_tries = first_tries

    async def __call__(self) -> bool:
        return all(has_ended() for has_ended in self._first_tries) and await self._database() is HealthStatus.HEALTHY
