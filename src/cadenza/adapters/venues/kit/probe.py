"""What a probe of a venue finds: facts that a connector relies on, confirmed or refuted with a user's own key."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError, VenueUnavailable

ProbeAsk = Callable[[], Awaitable[str]]
"""Asks about one fact and returns what the venue showed. Raises `SeenOtherwise` when the fact does not hold."""


class SeenOtherwise(Exception):
    """The venue did not show what was asked for. The message says what it showed."""


class ProbeVerdict(StrEnum):
    """CONFIRMED: the venue behaves so. REFUTED: it behaves otherwise, so the connector must be mended before it is
    used, or the key replaced. UNSEEN: the probe could not find out, for example because money is missing."""

    CONFIRMED = "CONFIRMED"
    REFUTED = "REFUTED"
    UNSEEN = "UNSEEN"


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """One fact, and what the venue showed."""

    fact: str
    verdict: ProbeVerdict
    shown: str = ""


class VenueProbe(Protocol):
    """Asks a venue about the facts that its connector relies on."""

    def findings(self, *, with_orders: bool) -> AsyncIterator[ProbeFinding]:
        """Yield one finding after another. With `with_orders` it places small orders, and cancels those that rest. It
        never raises because of what the venue answers."""


async def finding_of(fact: str, ask: ProbeAsk) -> ProbeFinding:
    """Ask about one fact."""
    try:
        return ProbeFinding(fact, ProbeVerdict.CONFIRMED, await ask())
    except SeenOtherwise as seen:
        return ProbeFinding(fact, ProbeVerdict.REFUTED, str(seen))
    except (CadenzaError, UnreadablePayload, msgspec.DecodeError) as error:
        return ProbeFinding(fact, ProbeVerdict.UNSEEN, str(error))


async def findings_of(asks: Mapping[str, ProbeAsk]) -> AsyncIterator[ProbeFinding]:
    """Ask about one fact after another. The first one is that the venue can be reached: where that cannot be seen,
    nothing more is asked."""
    for number, (fact, ask) in enumerate(asks.items()):
        finding = await finding_of(fact, ask)
        yield finding
        if number == 0 and finding.verdict is ProbeVerdict.UNSEEN:
            return


async def shown_time(clock: VenueClock, trouble: Callable[[], str | None]) -> str:
    """Measure the venue's clock, and say how far it is from ours. `trouble` says why the venue did not answer, if it is
    known. Raises `VenueUnavailable`, and `SeenOtherwise` when the time is not known well enough."""
    if not await clock.measure():
        raise VenueUnavailable(trouble() or "the venue did not answer with its time")
    instant = clock.usable()
    if instant is None:
        raise SeenOtherwise("its time is known too roughly to send an order with a deadline")
    return f"it is {instant.ahead_ms} ms ahead of ours, give or take {instant.error_ms} ms"


def shown_catalogue(read_count: int, refused: Sequence[tuple[str | None, str]]) -> str:
    """Say how many instruments could be read. `refused` has the venue's name of each other one, if there is one, and
    why it could not be. Raises `SeenOtherwise` when there are any."""
    if refused:
        name, reason = refused[0]
        raise SeenOtherwise(f"{len(refused)} cannot be read, the first is {name or 'one without a name'}: {reason}")
    return f"{read_count} instruments"
