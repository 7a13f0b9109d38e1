"""Finds orders at the venue: by its id, by our label, among recent and historical ones, and what a trigger order has
become."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from cadenza.adapters.venues.deribit.classify import RpcReply, answer_of, classify_query
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import DeribitTicker, OrderMark, OrderRow, TriggerPage
from cadenza.adapters.venues.deribit.names import currencies_of, external_name
from cadenza.adapters.venues.deribit.order_match import FoundOrder, Match, has_moved_limit, match_of, orders_of
from cadenza.adapters.venues.deribit.orders import TRIGGER_TYPES, label_of, label_request, state_request
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import is_triggered
from cadenza.adapters.venues.deribit.requests import Parameter, RpcMessage, ticker_request
from cadenza.adapters.venues.deribit.rest import DeribitRest, result_of
from cadenza.adapters.venues.deribit.spec import UNFILLED_MEMORY_MS
from cadenza.adapters.venues.kit.order_match import OrderMatch
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.placing_times import PlacingTimes
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.held import as_sent
from cadenza.domain.trading.order import Order
from cadenza.network.outcomes import Answered, Outcome
from cadenza.ports.clock import Clock

RECENT_MS = UNFILLED_MEMORY_MS // 2
"""An order that was recorded less long ago is in the store of recent orders, whatever became of it."""

RECENT, STORES = (False,), (False, True)
"""The store of recent orders, and both: whether each is historical."""

TRIGGERS_MAX = 1_000
"""Lines of the history of trigger orders that are searched for what one has become."""

ORIGINS_MAX = 3
"""How many orders are asked which trigger orders they were, in one search."""


class OrderSearch:
    """Finds orders of one account. `times` says when orders can have been placed. Each method raises
    `VenueUnavailable` and `CredentialRejected`."""

    def __init__(self, *, rest: DeribitRest, signer: DeribitSigner, scope: AccountScope, clock: Clock) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope
        self._clock = clock
        self.times = PlacingTimes(rest.clock, held_up_ms=0)

    async def find(self, order: Order) -> Match:
        """Return what the venue has of an order of ours. One whose id at the venue is known is found by that, another
        among all orders that have our label."""
        sent, name = as_sent(order), external_name(InstrumentId(order.instrument_id))
        stores = STORES if self._clock.now_ms() - sent.created_at_ms > RECENT_MS else RECENT
        if sent.venue_order_id is None:
            return await self._match(sent, name, stores)
        line = await self.by_id(sent.venue_order_id, name, label=sent.sent_id, stores=stores)
        return OrderMatch(own=None if line is None else FoundOrder(line))

    async def by_id(
        self, venue_order_id: str, name: str, *, label: str | None = None, stores: Sequence[bool] = STORES
    ) -> msgspec.Raw | None:
        """Return the order that has this id at the venue; of a trigger order that was triggered, what it has become.
        None when the venue does not know it."""
        line = await self._by_own_id(venue_order_id, stores)
        if line is None or not _is_triggered(line):
            return line
        return await self._successor(venue_order_id, name, label)

    # Our orders that the venue has not named

    async def _match(self, order: Order, name: str, stores: Sequence[bool]) -> Match:
        found = await self._with_origins(order, await self._labelled(label_of(order), name, stores))
        match = match_of(order, found, self._scope, self.times)
        if match.strangers:  # the dates count only if the venue's clock was not set
            if not await self._rest.clock.measure():
                raise VenueUnavailable("the venue's time could not be asked for")
            match = match_of(order, found, self._scope, self.times)
        if any(has_moved_limit(order, each, self._scope) for each in match.rivals):
            match = match_of(order, found, self._scope, self.times, await self._ticker(name))
        own = match.own
        if own is None or not own.has_become_another:
            return match
        became = await self._successor(own.row.id, name, label_of(order))
        return replace(match, own=FoundOrder(became, own.line))

    async def _labelled(self, label: str, name: str, stores: Sequence[bool]) -> list[FoundOrder]:
        """Return the orders of a label in an instrument. The venue lists them by currency."""
        lines: list[msgspec.Raw] = []
        for is_historical in stores:
            for currency in currencies_of(name):
                answer = await self._asked(label_request(label, currency, is_historical=is_historical))
                lines += _decoded(list[msgspec.Raw], answer)
        return orders_of(lines, name)

    async def _with_origins(self, order: Order, found: Sequence[FoundOrder]) -> list[FoundOrder]:
        """Return the orders, each with the trigger order that it was, where that may be ours and is not listed."""
        asked = 0
        with_origin: list[FoundOrder] = []
        for each in found:
            origin_id = _origin_id(each) if order.type in TRIGGER_TYPES and asked < ORIGINS_MAX else None
            if origin_id is not None:
                asked += 1
                each = FoundOrder(each.line, await self._by_own_id(origin_id, STORES))
            with_origin.append(each)
        return with_origin

    async def _ticker(self, name: str) -> DeribitTicker | None:
        """Return the present ticker; None when the venue does not state it, which explains no limit price."""
        try:
            return decode(DeribitTicker, result_of(await self._rest.public(ticker_request(name))))
        except (VenueUnavailable, UnreadablePayload):
            return None

    # Trigger orders

    async def _successor(self, venue_order_id: str, name: str, label: str | None) -> msgspec.Raw:
        """Return what a trigger order has become. Ours has the same label; of another one its history says it."""
        for each in await self._labelled(label, name, STORES) if label else ():
            if _origin_id(each) == venue_order_id or _is_about(each.origin, venue_order_id):
                return each.line
        became = await self._became(venue_order_id, name)
        line = None if became is None else await self._by_own_id(became, STORES)
        if line is None:
            raise VenueUnavailable("the venue does not say yet what the trigger order has become")
        return line

    async def _became(self, venue_order_id: str, name: str) -> str | None:
        for currency in currencies_of(name):
            params: dict[str, Parameter] = {"currency": currency, "instrument_name": name, "count": TRIGGERS_MAX}
            outcome = await self._call(RpcMessage("private/get_trigger_order_history", params))
            answer = answer_of(outcome.body) if isinstance(outcome, Answered) else None
            if answer is None or answer.result is None:
                continue
            try:
                entries = decode(TriggerPage, answer.result).entries
            except UnreadablePayload:
                continue
            for entry in entries:
                if entry.trigger_order_id == venue_order_id and entry.order_id:
                    return entry.order_id
        return None

    # Helpers

    async def _by_own_id(self, venue_order_id: str, stores: Sequence[bool]) -> msgspec.Raw | None:
        for is_historical in stores:
            outcome = await self._call(state_request(venue_order_id, is_historical=is_historical))
            answer = answer_of(outcome.body) if isinstance(outcome, Answered) else None
            if answer is not None and answer.result is not None:
                return answer.result
            if not isinstance(outcome, Answered) or not _is_not_found(outcome, answer):
                raise VenueUnavailable(_cause(outcome))
        return None

    async def _asked(self, request: RpcMessage) -> msgspec.Raw:
        outcome = await self._call(request)
        answer = answer_of(outcome.body) if isinstance(outcome, Answered) else None
        if answer is None or answer.result is None:
            raise VenueUnavailable(_cause(outcome))
        return answer.result

    async def _call(self, request: RpcMessage) -> Outcome:
        return await self._rest.signed(self._signer, lambda _: request, pool=request.pool, is_urgent=True)


T = TypeVar("T")


def _decoded(type: type[T], result: msgspec.Raw) -> T:
    try:
        return decode(type, result)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"DERIBIT answered with something else: {error}") from error


def _is_not_found(outcome: Answered, answer: RpcReply | None) -> bool:
    return classify_query(outcome.status, answer).verdict is ReplyVerdict.NOT_FOUND


def _is_triggered(line: msgspec.Raw) -> bool:
    try:
        return is_triggered(decode(OrderRow, line))
    except UnreadablePayload:
        return False


def _origin_id(found: FoundOrder) -> str | None:
    """Return which trigger order an order was, if that is not listed."""
    try:
        return found.row.trigger_order_id if found.lacks_origin else None
    except UnreadablePayload:
        return None


def _is_about(line: msgspec.Raw | None, venue_order_id: str) -> bool:
    try:
        return line is not None and decode(OrderMark, line).id == venue_order_id
    except UnreadablePayload:
        return False


def _cause(outcome: Outcome) -> str:
    if isinstance(outcome, Answered):
        answer = answer_of(outcome.body)
        return f"status {outcome.status}{'' if answer is None else f', {answer.said}'}"
    return f"{outcome.cause.value}{f', {outcome.detail}' if outcome.detail else ''}"
