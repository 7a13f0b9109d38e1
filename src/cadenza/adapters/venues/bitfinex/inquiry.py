"""Questions about single orders: how they stand, and what they executed.

Every question has a larger nonce than the requests before it, so its answer is a fence for them
(docs/decisions/0042-bitfinex-orders-over-rest.md): what it does not find can only be refused from then on. What was
taken in just before may not be listed yet, so an order is dead only if a second question does not find it either.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from cadenza.adapters.venues.bitfinex.endpoints import ORDER_TRADES
from cadenza.adapters.venues.bitfinex.models import TradeFields
from cadenza.adapters.venues.bitfinex.order_match import FoundOrder, Match
from cadenza.adapters.venues.bitfinex.order_search import OrderSearch
from cadenza.adapters.venues.bitfinex.owed_fees import OwedFees
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_orders import end_report, fill_report
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.kit.doubt import SECOND_QUESTION_MS, OrderDoubts
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_facts import OrderFacts, facts_of_ours, fills_of_ours, found_reports, status
from cadenza.adapters.venues.kit.order_match import not_recognized
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError, CredentialRejected, VenueUnavailable
from cadenza.domain.ids import InstrumentId, OrderId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import FillReport, Report
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.clock import Clock

_OF_FORMER_KEY = "a former key may have signed the order, and questions of another key cannot prove that it is dead"


class OrderInquiry:
    """Asks the venue about orders of one account."""

    def __init__(
        self,
        *,
        search: OrderSearch,
        rest: BitfinexRest,
        key: PrivateKey,
        signed_since_ms: int,
        scope: AccountScope,
        owed: OwedFees,
        spec: VenueSpec,
        clock: Clock,
    ) -> None:
        """`signed_since_ms`: since when (our clock) no other key has signed orders of the account."""
        self._search = search
        self._rest = rest
        self._key = key
        self._signed_since_ms = signed_since_ms
        self._scope = scope
        self._owed = owed
        self._clock = clock
        self._doubts = OrderDoubts(spec, scope.account_type, clock, rest.clock)

    async def about(self, orders: Sequence[Order]) -> Sequence[Report]:
        """Return all that the venue knows of orders of ours, as `ExecutionSession.lookup` does. A few questions find
        all of them."""
        if not orders:
            return []
        asked_at_ms = self._clock.now_ms()
        try:
            found = dict(await self._find(orders, asked_at_ms))
            dead = [each for each in orders if found[each.id].is_empty and self._doubts.is_dead(each, asked_at_ms)]
            if dead:
                await self._clock.sleep_ms(SECOND_QUESTION_MS)
                found |= await self._find(dead, asked_at_ms)
        except CadenzaError as error:
            return [self._doubts.unknown(order, str(error)) for order in orders]
        answers = await asyncio.gather(*(self._answer(order, found[order.id], asked_at_ms) for order in orders))
        return [report for answer in answers for report in answer]

    async def end_of(self, order: Order) -> Sequence[Report] | None:
        """Return how an order ended, with its fills; None when it has not ended, as far as the venue says."""
        try:
            own = (await self._search.find([order]))[order.id].own
            facts = None if own is None else self._ours(order, own)
            if own is None or facts is None or facts.is_working:
                return None
            return [*fills_of_ours(await self._fills(facts, own), order), end_report(facts)]
        except (UnreadablePayload, CadenzaError):
            return None

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        """Return the order that has this id at the venue, as `ExecutionSession.identify` does."""
        if not (venue_order_id.isascii() and venue_order_id.isdigit()):
            return []
        try:
            found = await self._search.by_id(int(venue_order_id))
            if found is None:
                return []
            if not self._scope.covers_order(found.fields.symbol, found.fields.type):
                return []  # it is another account's of ours
            facts = self._facts(found)
            if facts.instrument_id != instrument_id:
                return []  # the venue's ids are of all instruments; ours asks for one
            return found_reports(facts, await self._fills(facts, found))
        except UnreadablePayload as error:
            assert found is not None
            return [unreadable(self._scope.account_id, bytes(found.line), error)]
        except CredentialRejected as error:
            raise VenueUnavailable(str(error)) from error

    # Helpers

    async def _find(self, orders: Sequence[Order], asked_at_ms: int) -> Mapping[OrderId, Match]:
        """Ask. What was sent before the question cannot arrive after its answer, if it was signed with the same key."""
        asked = [
            each for each in orders if self._search.times.has_left(each.id) or self._doubts.is_dead(each, asked_at_ms)
        ]
        found = await self._search.find(orders)
        for order in asked:
            if order.created_at_ms >= self._signed_since_ms:
                self._search.times.arrive_no_more(order.id)
        return found

    async def _answer(self, order: Order, match: Match, asked_at_ms: int) -> Sequence[Report]:
        found = match.own or match.unreadable
        if found is None:
            return self._not_known(order, asked_at_ms, match)
        try:
            facts = self._ours(order, found)
        except UnreadablePayload as error:
            return self._doubts.unreadable(order, bytes(found.line), error)
        try:
            fills = await self._fills(facts, found)
        except CadenzaError as error:
            return [self._doubts.unknown(order, str(error))]
        return [*fills_of_ours(fills, order), status(facts)]

    def _ours(self, order: Order, found: FoundOrder) -> OrderFacts:
        return facts_of_ours(self._facts(found), order)

    async def _fills(self, facts: OrderFacts, found: FoundOrder) -> list[Report]:
        """Return the executions of an order, the oldest first."""
        if not facts.executed:
            return []
        places = {"symbol": found.fields.symbol, "id": facts.venue_order_id}
        lines = await self._rest.rows(self._key, ORDER_TRADES, {}, places=places, is_urgent=True)

        def read(line: msgspec.Raw) -> FillReport:
            row = decode(TradeFields, line)
            fill = fill_report(row, self._scope)
            self._owed.note(row, line)
            return fill

        return list(reversed(read_each(lines, self._scope.account_id, read)))

    def _not_known(self, order: Order, asked_at_ms: int, match: Match) -> Sequence[Report]:
        is_of_former_key = order.created_at_ms < self._signed_since_ms
        unproved = _OF_FORMER_KEY if is_of_former_key else None
        return not_recognized(order, match, self._facts, self._doubts, asked_at_ms, unproved=unproved)

    def _facts(self, found: FoundOrder) -> OrderFacts:
        return found.facts(self._scope)
