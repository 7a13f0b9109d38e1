"""Where orders of ours are found: among the open ones, and else among the past ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from cadenza.adapters.venues.bitfinex.endpoints import OPEN_ORDERS, PAST_ORDERS
from cadenza.adapters.venues.bitfinex.models import OrderFields
from cadenza.adapters.venues.bitfinex.orders import MIDNIGHT_MS, cid_of
from cadenza.adapters.venues.bitfinex.pages import LINES_MAX, ORDER_AT, past_lines
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_orders import order_facts
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.spec import SENT_ID
from cadenza.adapters.venues.kit.order_facts import external
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.recognition import has_side_and_type_of, states_terms_of
from cadenza.domain.trading.reports import ExternalOrderReport

EARLIER_MS = MIDNIGHT_MS
"""How much earlier than it was recorded here an order is looked for: the clocks may differ."""


class _OrderMark(msgspec.Struct, frozen=True, array_like=True):
    """The names in an order's line, which can be read even where the rest cannot."""

    id: int
    group: int | None
    cid: int | None
    symbol: str


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """The line of an order that has our id, or the venue's id of ours. `is_past`: it is among those that have ended.
    `is_recognized` is False for one that has our id and not the terms that were sent: somebody has amended ours, or its
    trigger has changed it, or it is another account's or program's. A line of ours that cannot be read passes for
    recognized, so that what it says is reported."""

    line: msgspec.Raw
    is_past: bool
    is_recognized: bool = True

    @property
    def fields(self) -> OrderFields:
        """Raises `UnreadablePayload`."""
        return decode(OrderFields, self.line)


class OrderSearch:
    """Finds orders of one account. The open ones are read first: an order that ends meanwhile is among the past ones
    then. Each method raises `VenueUnavailable` and `CredentialRejected`."""

    def __init__(self, rest: BitfinexRest, key: PrivateKey, scope: AccountScope) -> None:
        self._rest = rest
        self._key = key
        self._scope = scope

    async def find(self, orders: Sequence[Order]) -> Mapping[OrderId, FoundOrder]:
        """Return those of the orders that the venue knows. An order whose id at the venue is known is found by that,
        another by our id and its terms, in its instrument, since it was recorded."""
        found = dict(self._among(orders, await self._open(), is_past=False))
        missing = [order for order in orders if order.id not in found or not found[order.id].is_recognized]
        if numbers := [int(order.venue_order_id) for order in missing if order.venue_order_id is not None]:
            found = _better(found, self._among(missing, await self._past(numbers), is_past=True))
        if recorded := [order.created_at_ms for order in missing if order.venue_order_id is None]:
            found = _better(found, self._among(missing, await self._past_since(min(recorded)), is_past=True))
        return found

    async def open_with_id_of(self, order: Order) -> FoundOrder | None:
        """Return the open order that has our id, in whichever instrument, as a cancel by that id takes it: ours, if one
        has its terms, else one that is not recognized, also because it cannot be read. None when no open order has the
        id."""
        cid = cid_of(order, self._scope)
        marked = [(line, _mark(line)) for line in await self._open()]
        found = [FoundOrder(line, is_past=False) for line, mark in marked if mark is not None and mark.cid == cid]
        for each in reversed(found):
            shown = self._shown(each)
            if shown is not None and states_terms_of(order, shown, SENT_ID):
                return each
        return replace(found[-1], is_recognized=False) if found else None

    async def by_id(self, id: int) -> FoundOrder | None:
        """Return the order that has this id at the venue; None when there is none."""
        for lines, is_past in ((await self._open(), False), (await self._past([id]), True)):
            found = next((line for line in lines if (mark := _mark(line)) is not None and mark.id == id), None)
            if found is not None:
                return FoundOrder(found, is_past)
        return None

    def _among(
        self, orders: Sequence[Order], lines: Sequence[msgspec.Raw], *, is_past: bool
    ) -> dict[OrderId, FoundOrder]:
        by_id: dict[str, msgspec.Raw] = {}
        by_cid: dict[tuple[str, str], list[msgspec.Raw]] = {}
        for line in lines:
            mark = _mark(line)
            if mark is None:
                continue
            by_id[str(mark.id)] = line
            sent_id = self._scope.sent_id(mark.cid)
            if sent_id is not None and mark.symbol in self._scope.instruments:
                by_cid.setdefault((sent_id, self._scope.instrument(mark.symbol).id), []).append(line)
        found: dict[OrderId, FoundOrder] = {}
        for order in orders:
            if order.venue_order_id is None:
                own = self._with_our_id(order, by_cid.get((order.sent_id or "", order.instrument_id), ()), is_past)
            else:
                named = by_id.get(order.venue_order_id)
                own = None if named is None else FoundOrder(named, is_past)
            if own is not None:
                found[order.id] = own
        return found

    def _with_our_id(self, order: Order, lines: Sequence[msgspec.Raw], is_past: bool) -> FoundOrder | None:
        """Return which of the orders with our id is ours: the one that was placed first of those that have our terms,
        else of those that could be ours. One that cannot be read could be."""
        could_be: FoundOrder | None = None
        for line in reversed(lines):
            found = FoundOrder(line, is_past)
            shown = self._shown(found)
            if shown is None:
                could_be = could_be or found
            elif states_terms_of(order, shown, SENT_ID):
                return found
            elif has_side_and_type_of(order, shown):
                could_be = could_be or replace(found, is_recognized=False)
        return could_be

    def _shown(self, found: FoundOrder) -> ExternalOrderReport | None:
        """Return what an order is; None when its line cannot be read."""
        try:
            return external(order_facts(found.fields, self._scope, is_past=found.is_past))
        except UnreadablePayload:
            return None

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


def _better(known: Mapping[OrderId, FoundOrder], more: Mapping[OrderId, FoundOrder]) -> dict[OrderId, FoundOrder]:
    """Return what is known with what was found besides, which counts more where it is recognized."""
    return {**more, **known, **{id: each for id, each in more.items() if each.is_recognized}}


def _mark(line: msgspec.Raw) -> _OrderMark | None:
    """Return the names of an order; None for a line that has none."""
    try:
        return decode(_OrderMark, line)
    except UnreadablePayload:
        return None
