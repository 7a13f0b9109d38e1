"""Which of the orders that have our id is ours, while the venue has not named ours. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgspec

from cadenza.adapters.venues.bitfinex.models import OrderFields
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_orders import order_facts
from cadenza.adapters.venues.bitfinex.spec import SENT_ID
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external
from cadenza.adapters.venues.kit.order_match import Likeness, OrderMatch
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.placing_times import PlacingTimes
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.recognition import may_be_amended, states_terms_of

UNCHANGED_MS = 1_000
"""How much later than it was placed an order may have changed that nobody has amended: the venue dates the two by
itself, a few milliseconds apart."""


class OrderMark(msgspec.Struct, frozen=True, array_like=True):
    """The names in an order's line, which can be read even where the rest cannot."""

    id: int
    group: int | None
    cid: int | None
    symbol: str


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """The line of an order. `is_past`: it is among those that have ended."""

    line: msgspec.Raw
    mark: OrderMark
    is_past: bool

    @classmethod
    def of(cls, line: msgspec.Raw, *, is_past: bool) -> Self | None:
        """Return the order of a line; None for a line that has no names."""
        try:
            return cls(line, decode(OrderMark, line), is_past)
        except UnreadablePayload:
            return None

    @property
    def fields(self) -> OrderFields:
        """Raises `UnreadablePayload`."""
        return decode(OrderFields, self.line)

    def facts(self, scope: AccountScope) -> OrderFacts:
        """Raises `UnreadablePayload`."""
        return order_facts(self.fields, scope, is_past=self.is_past)


Match = OrderMatch[FoundOrder]


def match_of(order: Order, found: Sequence[FoundOrder], scope: AccountScope, times: PlacingTimes) -> Match:
    """Return which of the orders with our id is ours: the only one with the terms that were sent, if no other may be
    ours that was amended, or whose date leaves doubts. Orders of other accounts of ours are left out."""
    compared = ((each, _likeness(order, each, scope, times)) for each in found)
    return OrderMatch.of([(each, likeness) for each, likeness in compared if likeness is not None])


def _likeness(order: Order, found: FoundOrder, scope: AccountScope, times: PlacingTimes) -> Likeness | None:
    """Return what an order has in common with ours; None when it is of another account of ours. It is a stranger's if
    it was placed when ours cannot have been, or has a side or type that ours cannot have."""
    try:
        row, facts = found.fields, found.facts(scope)
        is_of_account = scope.covers_order(row.symbol, row.type)
    except UnreadablePayload:
        return Likeness.UNREADABLE
    if not is_of_account:
        return None
    shown = external(facts)
    if times.rule_out(order, facts.placed_at_ms) or not may_be_amended(order, shown):
        return Likeness.STRANGE
    if _is_amended(row, facts):
        return Likeness.DOUBTFUL
    if not states_terms_of(order, shown, SENT_ID):
        return Likeness.OTHER_TERMS
    return Likeness.SAME if times.fit(order, facts.placed_at_ms) else Likeness.DOUBTFUL


def _is_amended(row: OrderFields, facts: OrderFacts) -> bool:
    """Whether somebody has amended the order, or its trigger has changed it: its line has the type from before then. An
    order that rests and has changed since it was placed, without an execution, was amended too."""
    if row.type_before:
        return True
    rests = facts.is_working and not facts.executed
    return rests and row.updated_ms > row.created_ms + UNCHANGED_MS
