"""Which of the orders that have our id is ours, while the venue has not named ours. Pure. It is the same at every venue
that takes one id from several programs (`SentIdProof.is_shared`); what an order has in common with ours, each venue
shows in its own way.

Somebody else's order may have our id, and the same terms. So an order is taken for ours only if no other can be ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import msgspec

from cadenza.adapters.venues.kit.doubt import OrderDoubts
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external, renamed, status
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report

CAUSE_LENGTH_MAX = 500
"""Characters of the venue's lines that a report shows."""


class Likeness(StrEnum):
    """What an order that has our id has in common with ours.

    SAME: the terms that were sent, and a date at which ours can have been placed. DOUBTFUL: it may be ours; somebody
    has changed it, or its date leaves doubts. OTHER_TERMS: it is ours only if it was changed, and it does not show
    that. UNREADABLE: nothing but its names can be read. STRANGE: it is not ours for certain.
    """

    SAME = "SAME"
    DOUBTFUL = "DOUBTFUL"
    OTHER_TERMS = "OTHER_TERMS"
    UNREADABLE = "UNREADABLE"
    STRANGE = "STRANGE"


class FoundLine(Protocol):
    """An order as the venue lists it."""

    @property
    def line(self) -> msgspec.Raw: ...


F = TypeVar("F", bound=FoundLine)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMatch(Generic[F]):
    """What the venue has of an order of ours. `own` is that order. Otherwise it may be one of the `rivals`, or
    `unreadable`, which alone has our id and cannot be read. `strangers` have our id, and are not ours for certain."""

    own: F | None = None
    unreadable: F | None = None
    rivals: Sequence[F] = ()
    strangers: Sequence[F] = ()

    @classmethod
    def of(cls, found: Sequence[tuple[F, Likeness]]) -> "OrderMatch[F]":
        """Return what follows from the orders that have our id: ours is the only one with the terms that were sent, if
        no doubtful one is beside it."""

        def those(*likenesses: Likeness) -> list[F]:
            return [each for likeness in likenesses for each, like in found if like is likeness]

        same, doubtful, strangers = those(Likeness.SAME), those(Likeness.DOUBTFUL), those(Likeness.STRANGE)
        if len(same) == 1 and not doubtful:
            return cls(own=same[0], strangers=strangers)
        rivals, unreadable = [*same, *doubtful, *those(Likeness.OTHER_TERMS)], those(Likeness.UNREADABLE)
        if not rivals and unreadable:
            return cls(unreadable=unreadable[0], strangers=strangers)
        return cls(rivals=[*rivals, *unreadable], strangers=strangers)

    @property
    def is_empty(self) -> bool:
        """Whether the venue does not have the order."""
        return self.own is None and self.unreadable is None and not self.rivals

    def placed_elsewhere(self, facts_of: Callable[[F], OrderFacts]) -> list[Report]:
        """Return how the rivals and strangers stand, as orders of others: without our id. Once they are adopted so,
        none of them is taken for ours later. One that cannot be read is left out, and so is one that was refused.
        `facts_of` raises `UnreadablePayload`."""
        reports: list[Report] = []
        for found in (*self.rivals, *self.strangers):
            try:
                facts = replace(facts_of(found), sent_id=None)
            except UnreadablePayload:
                continue
            if not facts.is_refused:
                reports += [*renamed(facts), external(facts), status(facts)]
        return reports


def not_recognized(
    order: Order,
    match: OrderMatch[F],
    facts_of: Callable[[F], OrderFacts],
    doubts: OrderDoubts,
    asked_at_ms: int,
    *,
    unproved: str | None = None,
) -> Sequence[Report]:
    """Return what to report when no order is recognized as ours. Once ours can no longer arrive, the orders that bear
    our id belong to others, unless one of them may still be ours: then ours is undetermined. `asked_at_ms` is the
    instant just before the question was sent (our clock). `unproved` says why the answer does not prove that ours is
    dead, where it does not."""
    if not doubts.is_dead(order, asked_at_ms):
        return [doubts.not_known(order, asked_at_ms)]
    others = match.placed_elsewhere(facts_of)
    if match.rivals:
        lines = b" ".join(bytes(each.line) for each in match.rivals).decode(errors="replace")
        cause = f"orders with our id may be ours, and may be others': {lines[:CAUSE_LENGTH_MAX]}"
        return [*others, doubts.undetermined(order, cause)]
    return [*others, doubts.not_known(order, asked_at_ms) if unproved is None else doubts.undetermined(order, unproved)]
