"""Where orders of ours are found: among the open ones and the past ones."""

from collections.abc import Mapping, Sequence

import msgspec

from cadenza.adapters.venues.bitfinex.endpoints import OPEN_ORDERS, PAST_ORDERS
from cadenza.adapters.venues.bitfinex.order_match import FoundOrder, Match, OrderMark, match_of
from cadenza.adapters.venues.bitfinex.orders import MIDNIGHT_MS, cid_of
from cadenza.adapters.venues.bitfinex.pages import LINES_MAX, ORDER_AT, past_lines
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.spec import FENCE
from cadenza.adapters.venues.kit.order_match import OrderMatch
from cadenza.adapters.venues.kit.placing_times import PlacingTimes
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order

EARLIER_MS = MIDNIGHT_MS
"""How much earlier than it was recorded here an order is looked for: the clocks may differ."""


class OrderSearch:
    """Finds orders of one account. The open ones are read first: an order that ends meanwhile is among the past ones
    then. `times` says when orders can have been placed. Each method raises `VenueUnavailable` and
    `CredentialRejected`."""

    def __init__(self, rest: BitfinexRest, key: PrivateKey, scope: AccountScope) -> None:
        self._rest = rest
        self._key = key
        self._scope = scope
        self.times = PlacingTimes(rest.clock, held_up_ms=FENCE.margin_ms)

    async def find(self, orders: Sequence[Order]) -> Mapping[OrderId, Match]:
        """Return what the venue has of each of the orders. An order whose id at the venue is known is found by that,
        another among all orders in its instrument that have our id, open or past since it was recorded."""
        lines = _by_id(await self._open(), is_past=False)
        missing = [int(id) for each in orders if (id := each.venue_order_id) is not None and int(id) not in lines]
        if missing:
            lines |= _by_id(await self._past(missing), is_past=True)
        if recorded := [order.created_at_ms for order in orders if order.venue_order_id is None]:
            lines |= _by_id(await self._past_since(min(recorded)), is_past=True)
        return {order.id: self._match(order, lines) for order in orders}

    async def to_cancel(self, order: Order) -> Match | None:
        """Return what the venue has of an order that it has not named yet; None when no open order has our id, in
        whichever instrument: a cancel by that id would take any of them."""
        lines = _by_id(await self._open(), is_past=False)
        cid = cid_of(order, self._scope)
        if not any(found.mark.cid == cid for found in lines.values()):
            return None
        return self._match(order, lines | _by_id(await self._past_since(order.created_at_ms), is_past=True))

    async def by_id(self, id: int) -> FoundOrder | None:
        """Return the order that has this id at the venue; None when there is none."""
        lines = _by_id(await self._open(), is_past=False)
        if id not in lines:
            lines = _by_id(await self._past([id]), is_past=True)
        return lines.get(id)

    def _match(self, order: Order, lines: Mapping[int, FoundOrder]) -> Match:
        if order.venue_order_id is not None:
            return OrderMatch(own=lines.get(int(order.venue_order_id)))
        with_our_id = [found for found in lines.values() if self._has_id_of(order, found.mark)]
        return match_of(order, sorted(with_our_id, key=lambda each: each.mark.id), self._scope, self.times)

    def _has_id_of(self, order: Order, mark: OrderMark) -> bool:
        sent_id = self._scope.sent_id(mark.cid)
        if sent_id is None or sent_id != order.sent_id or mark.symbol not in self._scope.instruments:
            return False
        return self._scope.instrument(mark.symbol).id == order.instrument_id

    async def _open(self) -> list[msgspec.Raw]:
        return await self._rest.rows(self._key, OPEN_ORDERS, {}, is_urgent=True)

    async def _past(self, ids: Sequence[int]) -> list[msgspec.Raw]:
        return await self._rest.rows(self._key, PAST_ORDERS, {"id": ids, "limit": LINES_MAX}, is_urgent=True)

    async def _past_since(self, recorded_at_ms: int) -> list[msgspec.Raw]:
        instant = self._rest.clock.present()
        ahead_ms = 0 if instant is None else instant.ahead_ms
        since_ms = max(0, recorded_at_ms + ahead_ms - EARLIER_MS)
        pages = past_lines(self._rest, self._key, PAST_ORDERS, since_ms, at=ORDER_AT, is_urgent=True)
        return [line async for lines in pages for line in lines]


def _by_id(lines: Sequence[msgspec.Raw], *, is_past: bool) -> dict[int, FoundOrder]:
    """Return the orders by the venue's ids. Lines that have no names are left out."""
    found = (FoundOrder.of(line, is_past=is_past) for line in lines)
    return {each.mark.id: each for each in found if each is not None}
