"""Questions about single orders: how they stand, and what they executed."""

from collections.abc import Sequence

from cadenza.adapters.venues.deribit.models import OrderRow
from cadenza.adapters.venues.deribit.names import external_name
from cadenza.adapters.venues.deribit.order_match import FoundOrder
from cadenza.adapters.venues.deribit.order_search import OrderSearch
from cadenza.adapters.venues.deribit.order_trades import OrderTrades
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import end_report, order_facts
from cadenza.adapters.venues.kit.doubt import OrderDoubts
from cadenza.adapters.venues.kit.order_facts import (
    OrderFacts,
    facts_of_ours,
    fills_of_ours,
    found_reports,
    renamed,
    status,
)
from cadenza.adapters.venues.kit.order_match import not_recognized
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.clock import Clock


class OrderInquiry:
    """Asks the venue about orders of one account."""

    def __init__(
        self, *, search: OrderSearch, trades: OrderTrades, scope: AccountScope, doubts: OrderDoubts, clock: Clock
    ) -> None:
        self._search = search
        self._trades = trades
        self._scope = scope
        self._doubts = doubts
        self._clock = clock

    async def about(self, order: Order) -> Sequence[Report]:
        """Return all that the venue knows of an order of ours, as `ExecutionSession.lookup` does."""
        asked_at_ms = self._clock.now_ms()
        try:
            match = await self._search.find(order)
            if match.is_empty and await self._doubts.wants_second_question(order, asked_at_ms):
                match = await self._search.find(order)
        except CadenzaError as error:
            return [self._doubts.unknown(order, str(error))]
        found = match.own or match.unreadable
        if found is None:
            return not_recognized(order, match, self._facts, self._doubts, asked_at_ms)
        return await self._known(order, found)

    async def end_of(self, order: Order) -> Sequence[Report] | None:
        """Return how an order ended, with its fills; None when it has not ended, as far as the venue says."""
        try:
            own = (await self._search.find(order)).own
            facts = None if own is None else self.of_ours(own, order)
            if facts is None or facts.is_working:
                return None
            return [*renamed(facts), *fills_of_ours(await self._fills(facts), order), end_report(facts)]
        except (UnreadablePayload, CadenzaError):
            return None

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        """Return the order that has this id at the venue, as `ExecutionSession.identify` does."""
        name = external_name(instrument_id)
        line = await self._search.by_id(venue_order_id, name)
        if line is None:
            return []
        try:
            row = decode(OrderRow, line)
            if row.instrument != name:
                return []  # the venue's ids are of all instruments; ours asks for one
            if not self._scope.covers(row.instrument):
                return []  # it is another account's of ours
            facts = order_facts(row, self._scope)
            return found_reports(facts, await self._fills(facts))
        except UnreadablePayload as error:
            return [unreadable(self._scope.account_id, bytes(line), error)]

    def of_ours(self, found: FoundOrder, order: Order) -> OrderFacts:
        """Return how an order that was recognized as ours stands. Raises `UnreadablePayload`."""
        return facts_of_ours(self._facts(found), order)

    # Helpers

    async def _known(self, order: Order, found: FoundOrder) -> Sequence[Report]:
        try:
            facts = self.of_ours(found, order)
        except UnreadablePayload as error:
            return self._doubts.unreadable(order, bytes(found.line), error)
        try:
            fills = await self._fills(facts)
        except CadenzaError as error:
            return [*renamed(facts), self._doubts.unknown(order, str(error))]
        return [*renamed(facts), *fills_of_ours(fills, order), status(facts)]

    def _facts(self, found: FoundOrder) -> OrderFacts:
        return found.facts(self._scope)

    async def _fills(self, facts: OrderFacts) -> list[Report]:
        return await self._trades.of(facts) if facts.executed else []
