"""Which of the orders that have our id is ours, while the venue has not named ours. Pure.

Somebody else's order may have our id, and the same terms. So an order is taken for ours only if no other can be ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import msgspec

from cadenza.adapters.venues.bitfinex.models import OrderFields
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_orders import order_facts
from cadenza.adapters.venues.bitfinex.placing_times import PlacingTimes
from cadenza.adapters.venues.bitfinex.spec import SENT_ID
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external, status
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.recognition import may_be_amended, states_terms_of
from cadenza.domain.trading.reports import Report

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMatch:
    """What the venue has of an order of ours. `own` is that order. Otherwise it may be one of the `rivals`, or
    `unreadable`, which alone has our id and cannot be read. `strangers` have our id, and are not ours for certain."""

    own: FoundOrder | None = None
    unreadable: FoundOrder | None = None
    rivals: Sequence[FoundOrder] = ()
    strangers: Sequence[FoundOrder] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the venue does not have the order."""
        return self.own is None and self.unreadable is None and not self.rivals

    def placed_elsewhere(self, scope: AccountScope) -> list[Report]:
        """Return how the rivals and strangers stand, as orders of others: without our id. Once they are adopted so,
        none of them is taken for ours later. One that cannot be read is left out, and so is one that was refused."""
        reports: list[Report] = []
        for found in (*self.rivals, *self.strangers):
            try:
                facts = replace(found.facts(scope), sent_id=None)
            except UnreadablePayload:
                continue
            if not facts.is_refused:
                reports += [external(facts), status(facts)]
        return reports


def match_of(order: Order, found: Sequence[FoundOrder], scope: AccountScope, times: PlacingTimes) -> OrderMatch:
    """Return which of the orders with our id is ours: the only one with the terms that were sent, if no other may be
    ours that was amended, or whose date leaves doubts. An order is a stranger's if it was placed when ours cannot have
    been, or has a side or type that ours cannot have."""
    exact: list[FoundOrder] = []
    doubtful: list[FoundOrder] = []
    others: list[FoundOrder] = []
    unreadable: list[FoundOrder] = []
    strangers: list[FoundOrder] = []
    for each in found:
        try:
            row, facts = each.fields, each.facts(scope)
            is_of_account = scope.covers_order(row.symbol, row.type)
        except UnreadablePayload:
            unreadable.append(each)
            continue
        if not is_of_account:
            continue
        shown = external(facts)
        if times.rule_out(order, facts.placed_at_ms) or not may_be_amended(order, shown):
            strangers.append(each)
        elif _is_amended(row, facts):
            doubtful.append(each)
        elif not states_terms_of(order, shown, SENT_ID):
            others.append(each)
        else:
            (exact if times.fit(order, facts.placed_at_ms) else doubtful).append(each)
    if len(exact) == 1 and not doubtful:
        return OrderMatch(own=exact[0], strangers=strangers)
    rivals = [*exact, *doubtful, *others]
    if not rivals and unreadable:
        return OrderMatch(unreadable=unreadable[0], strangers=strangers)
    return OrderMatch(rivals=[*rivals, *unreadable], strangers=strangers)


def _is_amended(row: OrderFields, facts: OrderFacts) -> bool:
    """Whether somebody has amended the order, or its trigger has changed it: its line has the type from before then. An
    order that rests and has changed since it was placed, without an execution, was amended too."""
    if row.type_before:
        return True
    rests = facts.is_working and not facts.executed
    return rests and row.updated_ms > row.created_ms + UNCHANGED_MS
