"""What goes wrong on request, or at random from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import TypeVar

T = TypeVar("T")


class FaultKind(StrEnum):
    """BEFORE: the request is not executed. AFTER: it is executed, and its outcome is on disk.

    ERROR answers with `status` and `body`. LATE waits `delay_ms` between the first check of the timestamp and the
    second one, just before the engine; a client that leaves meanwhile changes nothing. SLOW waits `delay_ms` before it
    answers.
    """

    SILENCE_BEFORE = "silence_before"
    SILENCE_AFTER = "silence_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    LATE = "late"
    SLOW = "slow"
    TOO_MANY_REQUESTS = "too_many_requests"
    BANNED = "banned"


class EventFaultKind(StrEnum):
    """What happens to the next events of a stream."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    SWAP = "swap"
    SILENCE = "silence"


RANDOM_KINDS = (
    FaultKind.SILENCE_AFTER,
    FaultKind.RESET_BEFORE,
    FaultKind.RESET_AFTER,
    FaultKind.ERROR_AFTER,
    FaultKind.TIMEOUT_AFTER,
    FaultKind.SLOW,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFault:
    """Happens to the next `times` requests whose name is `on` (`*` means any). A name such as `usdm:order.place` means
    the requests of one market."""

    on: str
    kind: FaultKind
    times: int = 1
    status: int = 502
    body: str = ""
    delay_ms: int = 0
    retry_after_s: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFault:
    """Happens to the next `times` events of `user` or `market` streams, or of those of one market, such as `usdm:user`.
    `event` limits it to the events of one name, such as `ALGO_UPDATE`. SWAP holds one event back until the next one
    (with `event`, the next one of that name) has gone out. SILENCE lasts until the faults are cleared."""

    on: str
    kind: EventFaultKind
    times: int = 1
    event: str | None = None


@dataclass(slots=True)
class ArmedFaults:
    """The faults that are armed. `rate` is the share of the requests in `random_targets` that meet a random fault.
    `event_name` returns the name of an event, None when it has none.

    `lookup_lag_ms` is how long a new order is not found by queries. `clock_offset_ms` moves the venue's clock.
    """

    random: Random
    random_targets: frozenset[str]
    event_name: Callable[[object], str | None]
    rate: float = 0.0
    lookup_lag_ms: int = 0
    clock_offset_ms: int = 0
    requests: list[RequestFault] = field(default_factory=list)
    events: list[EventFault] = field(default_factory=list)
    _held: dict[tuple[str, str | None], object] = field(default_factory=dict)

    def clear(self) -> None:
        """Disarm everything."""
        self.requests, self.events, self._held = [], [], {}
        self.rate, self.lookup_lag_ms, self.clock_offset_ms = 0.0, 0, 0

    def for_request(self, name: str, market: str) -> RequestFault | None:
        """Return what happens to a request, and count it."""
        for index, fault in enumerate(self.requests):
            if fault.on in (name, f"{market}:{name}", "*"):
                self.requests[index] = replace(fault, times=fault.times - 1)
                self.requests = [left for left in self.requests if left.times]
                return fault
        if name in self.random_targets and self.random.random() < self.rate:
            return RequestFault(on=name, kind=self.random.choice(RANDOM_KINDS), delay_ms=1000)
        return None

    def for_event(self, stream: str, market: str, event: T) -> list[T]:
        """Return what goes out in place of an event of a `user` or `market` stream."""
        on = f"{market}:{stream}"
        name = self.event_name(event)
        fault = next((each for each in self.events if each.on in (stream, on) and each.event in (None, name)), None)
        if fault is None:
            return self._after_held(on, name, event)
        if fault.kind is EventFaultKind.SILENCE:
            return []
        index = self.events.index(fault)
        self.events[index] = replace(fault, times=fault.times - 1)
        self.events = [left for left in self.events if left.times]
        match fault.kind:
            case EventFaultKind.DROP:
                return []
            case EventFaultKind.DUPLICATE:
                return [event, event]
            case EventFaultKind.SWAP:
                if (on, fault.event) in self._held:
                    return self._after_held(on, name, event)
                self._held[on, fault.event] = event
                return []

    def _after_held(self, on: str, name: str | None, event: T) -> list[T]:
        """Return an event, and after it those that were held back until one like it."""
        keys = [key for key in self._held if key in ((on, None), (on, name))]
        return [event, *(self._held.pop(key) for key in keys)]  # type: ignore[list-item]
