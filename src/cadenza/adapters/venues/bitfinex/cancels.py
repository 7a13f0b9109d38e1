"""Cancels. They go before new orders in the pacing, and have a limit of their own."""

from cadenza.adapters.venues.bitfinex.classify import OrderAnswer, classify_cancel, order_answer
from cadenza.adapters.venues.bitfinex.endpoints import CANCEL
from cadenza.adapters.venues.bitfinex.inquiry import OrderInquiry
from cadenza.adapters.venues.bitfinex.order_search import OrderSearch
from cadenza.adapters.venues.bitfinex.orders import cancel_bodies
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest, Body
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.domain.errors import CadenzaError
from cadenza.domain.evolve import evolve
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CancelRefusal
from cadenza.network.outcomes import Answered, NotSent, Outcome


class OrderCancels:
    """Makes the cancels of one session."""

    def __init__(
        self,
        *,
        search: OrderSearch,
        rest: BitfinexRest,
        key: PrivateKey,
        scope: AccountScope,
        inquiry: OrderInquiry,
        life: SessionLife,
    ) -> None:
        self._search = search
        self._rest = rest
        self._key = key
        self._scope = scope
        self._inquiry = inquiry
        self._life = life

    async def cancel(self, order: Order) -> Reports:
        """Cancel an order by the venue's id. An order that has none yet is looked for first, because somebody else's
        may have our id: that one is left alone. If nothing open has our id, the order may still be on its way, and is
        canceled by our id."""
        if order.venue_order_id is not None:
            return await self._send(order)
        try:
            match = await self._search.to_cancel(order)
        except CadenzaError:
            return []  # nothing was sent
        if match is None:
            return await self._send(order)
        if match.own is None or match.own.is_past:
            cause = "an open order that has our id may be somebody else's, and is left alone"
            return [self._life.unsettled_cancels.not_made(order, cause)]
        return await self._send(evolve(order, venue_order_id=str(match.own.mark.id)))

    async def _send(self, order: Order) -> Reports:
        """A success says that the venue has the request; how the order ends, the stream brings."""
        instant = self._rest.clock.present()
        last: tuple[ReplyOutcome, Answered] | None = None
        for body in cancel_bodies(order, self._scope, 0 if instant is None else instant.ahead_ms):
            outcome = await self._call(body)
            if isinstance(outcome, NotSent):
                return []
            if not isinstance(outcome, Answered):
                return [self._life.unsettled_cancels.unknown(order, outcome)]
            answer = order_answer(outcome.status, outcome.body)
            if answer.is_success:
                return []
            last = self._refusal(outcome, answer), outcome
            if last[0].refusal is not CancelRefusal.UNKNOWN_ORDER:
                break
        assert last is not None
        return await self._refused(order, *last)

    async def _call(self, body: Body) -> Outcome:
        return await self._rest.signed(self._key, CANCEL, lambda _: body, reply_ms_max=REPLY_MS_MAX, is_urgent=True)

    def _refusal(self, outcome: Answered, answer: OrderAnswer) -> ReplyOutcome:
        verdict = classify_cancel(outcome.status, answer)
        self._life.look_at_key(verdict)
        return verdict

    async def _refused(self, order: Order, verdict: ReplyOutcome, answered: Answered) -> Reports:
        is_gone = verdict.refusal is CancelRefusal.UNKNOWN_ORDER
        end = await self._inquiry.end_of(order) if is_gone else None
        return self._life.unsettled_cancels.refused(order, verdict, answered, end)
