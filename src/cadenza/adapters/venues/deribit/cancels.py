"""Cancels. They are paid from the same credits as orders, and go before them."""

from collections.abc import Sequence

import msgspec

from cadenza.adapters.venues.deribit.classify import answer_of, classify_cancel
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.inquiry import OrderInquiry
from cadenza.adapters.venues.deribit.models import CanceledOrders, OrderRow
from cadenza.adapters.venues.deribit.names import currencies_of, external_name
from cadenza.adapters.venues.deribit.orders import cancel_all_request, cancel_request
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_orders import end_report, order_facts
from cadenza.adapters.venues.deribit.requests import RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.lines import read_each
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports
from cadenza.adapters.venues.kit.order_facts import facts_of_ours
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CancelRefusal, Report
from cadenza.network.outcomes import Answered, NotSent, Outcome


class OrderCancels:
    """Makes the cancels of one session."""

    def __init__(
        self,
        *,
        rest: DeribitRest,
        signer: DeribitSigner,
        scope: AccountScope,
        inquiry: OrderInquiry,
        life: SessionLife,
    ) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope
        self._inquiry = inquiry
        self._life = life

    async def cancel(self, order: Order) -> Reports:
        """The reply is the order as it is after the cancel. An order whose id at the venue is not known is canceled by
        its label, under each currency that may list it, and the venue answers how many that ended."""
        name = external_name(InstrumentId(order.instrument_id))
        refused: Answered | None = None
        for currency in currencies_of(name):
            outcome = await self._call(cancel_request(order, currency))
            if isinstance(outcome, NotSent):
                return []
            if not isinstance(outcome, Answered):
                return [self._life.unsettled_cancels.unknown(order, outcome)]
            answer = answer_of(outcome.body)
            if answer is None or answer.result is None:
                return await self._refused(order, classify_cancel(outcome.status, answer), outcome)
            if order.venue_order_id is not None:
                return self._canceled(order, answer.result)
            if _count(answer.result):
                return []
            refused = outcome
        assert refused is not None
        none = ReplyOutcome(
            verdict=ReplyVerdict.CANCEL_REFUSED,
            text="no open order has the label",
            refusal=CancelRefusal.UNKNOWN_ORDER,
        )
        return await self._refused(order, none, refused)

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


def _count(result: msgspec.Raw) -> int:
    try:
        return decode(int, result)
    except UnreadablePayload:
        return 1  # something was done; the stream says what
