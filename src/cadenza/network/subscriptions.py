"""Subscriptions granted against asked."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cadenza.network.patience import PatientClock


@dataclass(frozen=True, slots=True)
class GrantResult:
    """What became of the subscriptions that were asked for. The first three are together what was asked, each once.

    `unexpected` are names that the server granted and nobody asked for: a sign that names are not understood alike.
    """

    granted: frozenset[str]
    refused: Mapping[str, str]
    unanswered: frozenset[str]
    unexpected: frozenset[str]

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked for was granted."""
        return not self.refused and not self.unanswered


class Grants:
    """Compares what was asked for with what the server acknowledged within a limit. A server that grants a part, or
    that answers success and sends nothing, is found out here.

    The last word about a name counts. Words after `wait` has returned change nothing.
    """

    def __init__(self, asked: Iterable[str]) -> None:
        self._asked = frozenset(asked)
        self._granted: set[str] = set()
        self._refused: dict[str, str] = {}
        self._all_answered = asyncio.Event()
        self._look()

    def grant(self, *names: str) -> None:
        for name in names:
            self._granted.add(name)
            self._refused.pop(name, None)
        self._look()

    def refuse(self, name: str, reason: str) -> None:
        self._granted.discard(name)
        self._refused[name] = reason
        self._look()

    def end(self) -> None:
        """Expect no further answers: `wait` returns at once."""
        self._all_answered.set()

    async def wait(self, clock: PatientClock, limit_ms: int) -> GrantResult:
        """Return when every name has been answered, after `end`, or after `limit_ms`."""
        answered = asyncio.create_task(self._all_answered.wait())
        limit = asyncio.create_task(clock.sleep_ms(limit_ms))
        try:
            await asyncio.wait({answered, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answered.cancel()
            limit.cancel()
        return self.result()

    def result(self) -> GrantResult:
        """Return how it stands now."""
        refused = {name: reason for name, reason in self._refused.items() if name in self._asked}
        return GrantResult(
            granted=self._asked & self._granted,
            refused=refused,
            unanswered=self._asked - self._granted - refused.keys(),
            unexpected=frozenset(self._granted - self._asked),
        )

    def _look(self) -> None:
        if self._asked <= self._granted | self._refused.keys():
            self._all_answered.set()
