"""Cancels. They go before new orders in the pacing, and have a limit of their own at the venue."""

from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.adapters.venues.okx.classify import HTTP_OK, UNDER_WAY, classify_cancel, order_answer_of
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import CANCEL, CANCEL_ALGO, counted_as
from cadenza.adapters.venues.okx.inquiry import OrderInquiry
from cadenza.adapters.venues.okx.orders import cancel_request, is_in_algo_service
from cadenza.adapters.venues.okx.parse_instruments import external_name
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CancelRefusal
from cadenza.network.outcomes import Answered, NotSent


class OrderCancels:
    """Makes the cancels of one session."""

    def __init__(
        self,
        *,
        rest: OkxRest,
        signer: OkxSigner,
        inquiry: OrderInquiry,
        life: SessionLife,
    ) -> None:
        self._rest = rest
        self._signer = signer
        self._inquiry = inquiry
        self._life = life

    async def cancel(self, order: Order) -> Reports:
        """A success says that the venue has the request; how the order ends, the stream brings."""
        name = external_name(order.instrument_id)
        request = cancel_request(order, name)
        outcome = await self._rest.signed(
            self._signer,
            CANCEL_ALGO if is_in_algo_service(order) else CANCEL,
            lambda _: request,
            instrument=counted_as(name),
            reply_ms_max=REPLY_MS_MAX,
            is_urgent=True,
        )
        if isinstance(outcome, NotSent):
            return []
        if not isinstance(outcome, Answered):
            return [self._life.unsettled_cancels.unknown(order, outcome)]
        answer = order_answer_of(outcome.body)
        if outcome.status == HTTP_OK and answer is not None and (answer.is_success or answer.code == UNDER_WAY):
            return []
        verdict = classify_cancel(outcome.status, answer)
        self._life.look_at_key(verdict)
        return await self._refused(order, verdict, outcome)

    async def _refused(self, order: Order, verdict: ReplyOutcome, answered: Answered) -> Reports:
        is_gone = verdict.refusal is CancelRefusal.UNKNOWN_ORDER
        end = await self._inquiry.end_of(order) if is_gone else None
        return self._life.unsettled_cancels.refused(order, verdict, answered, end)
