"""Questions about single orders: how they stand, and what they executed."""

from collections.abc import Sequence

import msgspec

from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import OrderRow
from cadenza.adapters.venues.deribit.names import external_name
from cadenza.adapters.venues.deribit.order_search import FoundOrders, OrderSearch
from cadenza.adapters.venues.deribit.order_trades import OrderTrades
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import end_report, is_triggered, order_facts
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.doubt import OrderDoubts
from cadenza.adapters.venues.kit.order_facts import (
    OrderFacts,
    external,
    facts_of_ours,
    fills_of_ours,
    found_reports,
    renamed,
    status,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.clock import Clock


class OrderInquiry:
    """Asks the venue about orders of one account."""

    def __init__(
        self, *, rest: DeribitRest, signer: DeribitSigner, scope: AccountScope, spec: VenueSpec, clock: Clock
    ) -> None:
        self._scope = scope
        self._clock = clock
        self._doubts = OrderDoubts(spec, scope.account_type, clock, rest.clock)
        self._search = OrderSearch(rest=rest, signer=signer, clock=clock)
        self._trades = OrderTrades(rest, signer, scope)

    async def about(self, order: Order) -> Sequence[Report]:
        """Return all that the venue knows of an order of ours, as `ExecutionSession.lookup` does."""
        name = external_name(InstrumentId(order.instrument_id))
        asked_at_ms = self._clock.now_ms()
        found = await self._search.order(order, name)
        if found.verdict is ReplyVerdict.NOT_FOUND and await self._doubts.wants_second_question(order, asked_at_ms):
            found = await self._search.order(order, name)
        if found.lines:
            return await self._known(order, found)
        if found.verdict is ReplyVerdict.NOT_FOUND:
            return [self._doubts.not_known(order, asked_at_ms)]
        return [self._doubts.unknown(order, found.cause)]

    async def end_of(self, order: Order) -> Sequence[Report] | None:
        """Return how an order ended, with its fills; None when it has not ended, as far as the venue says."""
        found = await self._search.order(order, external_name(InstrumentId(order.instrument_id)))
        try:
            facts = self._ours(order, found.lines)[0] if found.lines else None
            if facts is None or facts.is_working:
                return None
            return [*renamed(facts), *fills_of_ours(await self._fills(facts), order), end_report(facts)]
        except (UnreadablePayload, CadenzaError):
            return None

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        """Return the order that has this id at the venue, as `ExecutionSession.identify` does."""
        name = external_name(instrument_id)
        found = await self._search.by_id(venue_order_id, name)
        if found.verdict is ReplyVerdict.NOT_FOUND:
            return []
        if not found.lines:
            raise VenueUnavailable(f"the venue did not say what the order is: {found.cause}")
        line = found.lines[0]
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

    # Helpers

    async def _known(self, order: Order, found: FoundOrders) -> Sequence[Report]:
        try:
            facts, others = self._ours(order, found.lines)
        except UnreadablePayload as error:
            return self._doubts.unreadable(order, bytes(found.lines[0]), error)
        rename = renamed(facts)
        try:
            fills = await self._fills(facts)
        except CadenzaError as error:
            return [*rename, self._doubts.unknown(order, str(error))]
        return [*rename, *fills_of_ours(fills, order), status(facts), *(external(each) for each in others)]

    def _ours(self, order: Order, lines: Sequence[msgspec.Raw]) -> tuple[OrderFacts, Sequence[OrderFacts]]:
        """Return which of the orders of a label is ours, and those that are not. The venue does not compare labels, so
        another program may use ours: the first one in our instrument and on our side counts. A trigger order and what
        it has become are one. Raises `UnreadablePayload` when none of them can be ours."""
        rows = [decode(OrderRow, line) for line in lines]
        became = {row.trigger_order_id for row in rows}
        standing = [row for row in rows if not (is_triggered(row) and row.id in became)]
        if waiting := [row for row in standing if is_triggered(row)]:
            raise UnreadablePayload(f"the venue does not say what the trigger order {waiting[0].id[:40]} has become")
        facts = sorted((order_facts(row, self._scope) for row in standing), key=lambda each: each.placed_at_ms or 0)
        own = next((each for each in facts if _can_be(each, order)), facts[0])
        ours = facts_of_ours(own, order)
        return ours, [each for each in facts if each is not own and each.is_working]

    async def _fills(self, facts: OrderFacts) -> list[Report]:
        return await self._trades.of(facts) if facts.executed else []


def _can_be(facts: OrderFacts, order: Order) -> bool:
    return facts.instrument_id == order.instrument_id and facts.side is order.side
