"""Which of the orders that have our label is ours, while the venue has not named ours. Pure.

The venue copies the terms of an order as they were sent, and marks one that somebody has edited (`replaced`). Only the
limit price of a future or a perpetual may be another one: the venue moves that of a BUY down to `max_price` of the
ticker, and that of a SELL up to `min_price` (docs.deribit.com, `public/ticker`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

import msgspec

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.models import DeribitTicker, OrderMark, OrderRow, price_of
from cadenza.adapters.venues.deribit.orders import TRIGGER_TYPES
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import is_triggered, order_facts
from cadenza.adapters.venues.kit.order_facts import OrderFacts, external
from cadenza.adapters.venues.kit.order_match import Likeness, OrderMatch
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.placing_times import PlacingTimes
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.checks import LIMIT_TYPES
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.recognition import may_be_amended, may_be_moved
from cadenza.domain.trading.reports import ExternalOrderReport


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order as the venue lists it. `origin` is the trigger order that it was, if it was one and the venue shows
    that."""

    line: msgspec.Raw
    origin: msgspec.Raw | None = None

    @property
    def row(self) -> OrderRow:
        """Raises `UnreadablePayload`."""
        return decode(OrderRow, self.line)

    @property
    def placed(self) -> OrderRow:
        """The order with the terms and the date with which it was placed. Raises `UnreadablePayload`."""
        return decode(OrderRow, self.origin or self.line)

    @property
    def lacks_origin(self) -> bool:
        """Whether a trigger has made it of another order that is not shown. Raises `UnreadablePayload`."""
        return self.origin is None and bool(self.row.trigger_order_id)

    @property
    def has_become_another(self) -> bool:
        """Whether it is a trigger order that was triggered, and the venue does not list what it has become. Raises
        `UnreadablePayload`."""
        return is_triggered(self.row)

    def facts(self, scope: AccountScope) -> OrderFacts:
        """Raises `UnreadablePayload`."""
        return order_facts(self.row, scope)


Match = OrderMatch[FoundOrder]


def orders_of(lines: Iterable[msgspec.Raw], name: str) -> list[FoundOrder]:
    """Return the orders in an instrument of that name. A trigger order and what it has become are one. Of two lines
    about one order the first counts. A line without names is left out."""
    found: dict[str, msgspec.Raw] = {}
    for line in lines:
        try:
            mark = decode(OrderMark, line)
        except UnreadablePayload:
            continue
        if mark.instrument == name:
            found.setdefault(mark.id, line)
    became = {id: origin for id, line in found.items() if (origin := _origin_of(line)) in found}
    origins = set(became.values())
    return [
        FoundOrder(line, found[became[id]] if id in became else None) for id, line in found.items() if id not in origins
    ]


def _origin_of(line: msgspec.Raw) -> str | None:
    try:
        return decode(OrderRow, line).trigger_order_id
    except UnreadablePayload:
        return None


def match_of(
    order: Order,
    found: Sequence[FoundOrder],
    scope: AccountScope,
    times: PlacingTimes,
    ticker: DeribitTicker | None = None,
) -> Match:
    """Return which of the orders with our label, in our instrument, is ours (`order` as it was sent). One whose limit
    price differs may be ours, and is taken for it only if the present `ticker` explains that."""
    return OrderMatch.of([(each, _likeness(order, each, scope, times, ticker)) for each in found])


def has_moved_limit(order: Order, found: FoundOrder, scope: AccountScope) -> bool:
    """Whether the order has all terms of ours but the limit price, and the venue may have moved that."""
    try:
        return _compared(order, found.placed, scope) is _Terms.MOVED
    except UnreadablePayload:
        return False


def _likeness(
    order: Order, found: FoundOrder, scope: AccountScope, times: PlacingTimes, ticker: DeribitTicker | None
) -> Likeness:
    """Return what an order has in common with ours. It is a stranger's if it was placed when ours cannot have been, or
    has other terms although nobody has edited it."""
    try:
        placed, lacks_origin = found.placed, found.lacks_origin
        shown = external(order_facts(placed, scope))
        terms = _compared(order, placed, scope)
        is_explained = terms is not _Terms.MOVED or _is_explained(order, placed, ticker)
    except UnreadablePayload:
        return Likeness.UNREADABLE
    if not may_be_amended(order, shown if times.prove(order) else _undated(shown, order)):
        return Likeness.STRANGE
    if lacks_origin:  # its terms and its date are not those with which it was placed
        return Likeness.DOUBTFUL if order.type in TRIGGER_TYPES else Likeness.STRANGE
    if times.rule_out(order, placed.created_ms):
        return Likeness.STRANGE
    if placed.is_replaced:
        return Likeness.DOUBTFUL
    if terms is _Terms.OTHER:
        return Likeness.OTHER_TERMS if placed.is_replaced is None else Likeness.STRANGE
    return Likeness.SAME if is_explained and times.fit(order, placed.created_ms) else Likeness.DOUBTFUL


def _undated(shown: ExternalOrderReport, order: Order) -> ExternalOrderReport:
    """Return the report with no instant that could rule it out."""
    return replace(shown, placed_at_ms=None, at_ms=order.recorded_after_ms)


class _Terms(StrEnum):
    SAME = "SAME"
    MOVED = "MOVED"
    """The limit price alone differs, as one that the venue has moved."""
    OTHER = "OTHER"


def _compared(order: Order, row: OrderRow, scope: AccountScope) -> _Terms:
    """Compare the terms of a row with those that were sent of ours. Raises `UnreadablePayload`."""
    sent_time, has_limit = order.sent_time_in_force, order.type in LIMIT_TYPES
    is_alike = (
        mapping.SIDES.of(row.direction) is order.side
        and row.type == mapping.TYPE_WORDS.get(order.type)
        and row.amount == order.quantity
        and row.trigger_price == (order.stop_price if order.type in TRIGGER_TYPES else None)
        and row.trigger in (None, mapping.LAST_PRICE)
        and not row.is_reduce_only
        and (not has_limit or row.time_in_force == mapping.TIME_WORDS.get(sent_time))
        and row.is_post_only is (order.type is OrderType.LIMIT and sent_time is TimeInForce.GTX)
    )
    if not is_alike:
        return _Terms.OTHER
    stated = price_of(row.price) if has_limit else None
    if not has_limit or stated == order.limit_price:
        return _Terms.SAME
    is_future = mapping.KINDS_OF.get(scope.instrument(row.instrument).type) == mapping.FUTURE
    return _Terms.MOVED if is_future and may_be_moved(order.side, order.limit_price, stated) else _Terms.OTHER


def _is_explained(order: Order, row: OrderRow, ticker: DeribitTicker | None) -> bool:
    """Whether the venue would still move our limit price, and the stated one can be where it has moved it to: on the
    far side of the mark price. Raises `UnreadablePayload`."""
    sent, stated = order.limit_price, price_of(row.price)
    if ticker is None or ticker.mark is None or sent is None or stated is None:
        return False
    bound: Decimal | None = ticker.highest if order.side is Side.BUY else ticker.lowest
    if bound is None:
        return False
    sign = order.side.sign
    return (sent - bound) * sign > 0 and (stated - ticker.mark) * sign >= 0
