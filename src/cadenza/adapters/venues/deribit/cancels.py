"""Cancels. They are paid from the same credits as orders, and go before them. No cancel names a label: the venue would
take off every order that has it."""

from collections.abc import Sequence

import msgspec

from cadenza.adapters.venues.deribit.classify import answer_of, classify_cancel
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.inquiry import OrderInquiry
from cadenza.adapters.venues.deribit.models import CanceledOrders, OrderRow
from cadenza.adapters.venues.deribit.names import external_name
from cadenza.adapters.venues.deribit.order_search import OrderSearch
from cadenza.adapters.venues.deribit.orders import cancel_all_request, cancel_request
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import end_report, order_facts
from cadenza.adapters.venues.deribit.requests import RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports
from cadenza.adapters.venues.kit.order_facts import facts_of_ours, renamed
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CancelRefusal, Report
from cadenza.network.outcomes import Answered, NotSent, Outcome


class OrderCancels:
    """Makes the cancels of one session."""

    def __init__(
        self,
        *,
        search: OrderSearch,
        rest: DeribitRest,
        signer: DeribitSigner,
        scope: AccountScope,
        inquiry: OrderInquiry,
        life: SessionLife,
    ) -> None:
        self._search = search
        self._rest = rest
        self._signer = signer
        self._scope = scope
        self._inquiry = inquiry
        self._life = life

    async def cancel(self, order: Order) -> Reports:
        """Cancel an order by the venue's id. An order that has none yet is looked for first, because somebody else's
        may have our label: that one is left alone. What is not there yet cannot be canceled."""
        if order.venue_order_id is not None:
            return await self._send(order, order.venue_order_id)
        try:
            match = await self._search.find(order)
            own = None if match.own is None else self._inquiry.of_ours(match.own, order)
        except (CadenzaError, UnreadablePayload):
            return []  # nothing was sent
        if own is not None:
            named = evolve(order, venue_order_id=own.venue_order_id)
            return [*renamed(own), *await self._send(named, own.venue_order_id)]
        if not match.is_empty:
            cause = "an order that has our label may be somebody else's, and is left alone"
            return [self._life.unsettled_cancels.not_made(order, cause)]
        return self._life.unsettled_cancels.not_found(order, "no order of ours has the label")

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Reports:
        """The reply lists the orders that it ended. What became of the others is asked order by order."""
        outcome = await self._call(cancel_all_request(external_name(instrument_id)))
        if isinstance(outcome, NotSent):
            return []
        answer = answer_of(outcome.body) if isinstance(outcome, Answered) else None
        if answer is None or answer.result is None:
            if isinstance(outcome, Answered):
                self._life.look_at_key(classify_cancel(outcome.status, answer))
            return [self._life.unsettled_cancels.unknown(order, outcome) for order in orders]
        try:
            lines = [line for each in decode(list[CanceledOrders], answer.result) for line in each.orders]
        except UnreadablePayload as error:
            return [self._life.unsettled_cancels.unknown(order, outcome, str(error)) for order in orders]
        by_id = {order.venue_order_id: order for order in orders}

        def read(line: msgspec.Raw) -> Report | None:
            facts = order_facts(decode(OrderRow, line), self._scope)
            order = by_id.get(facts.venue_order_id)
            if order is None:
                return None
            return None if facts.is_working else end_report(facts_of_ours(facts, order))

        return read_each(lines, self._scope.account_id, read)

    # Helpers

    async def _send(self, order: Order, venue_order_id: str) -> Reports:
        """The reply is the order as it is after the cancel."""
        outcome = await self._call(cancel_request(venue_order_id))
        if isinstance(outcome, NotSent):
            return []
        if not isinstance(outcome, Answered):
            return [self._life.unsettled_cancels.unknown(order, outcome)]
        answer = answer_of(outcome.body)
        if answer is None or answer.result is None:
            return await self._refused(order, classify_cancel(outcome.status, answer), outcome)
        return self._canceled(order, answer.result)

    async def _call(self, request: RpcMessage) -> Outcome:
        return await self._rest.signed(
            self._signer, lambda _: request, pool=request.pool, reply_ms_max=REPLY_MS_MAX, is_urgent=True
        )

    def _canceled(self, order: Order, result: msgspec.Raw) -> Reports:
        """A reply that cannot be read leaves it to the stream to say how the order ended."""
        try:
            facts = facts_of_ours(order_facts(decode(OrderRow, result), self._scope), order)
        except UnreadablePayload:
            return []
        return [] if facts.is_working else [end_report(facts)]

    async def _refused(self, order: Order, verdict: ReplyOutcome, answered: Answered) -> Reports:
        self._life.look_at_key(verdict)
        is_gone = verdict.refusal in (CancelRefusal.UNKNOWN_ORDER, CancelRefusal.TOO_LATE)
        end = await self._inquiry.end_of(order) if is_gone else None
        return self._life.unsettled_cancels.refused(order, verdict, answered, end)
