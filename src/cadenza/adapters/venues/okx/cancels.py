"""Cancels. They go before new orders in the pacing, and have a limit of their own at the venue."""

from collections.abc import Callable
from dataclasses import replace

from cadenza.adapters.venues.kit.doubt import unknown_outcome
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict, cancel_report
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
from cadenza.ports.clock import Clock


class OrderCancels:
    """Makes the cancels of one session. `look_at_key` takes the outcome of a request that the venue refused."""

    def __init__(
        self,
        *,
        rest: OkxRest,
        signer: OkxSigner,
        inquiry: OrderInquiry,
        look_at_key: Callable[[ReplyOutcome], None],
        clock: Clock,
    ) -> None:
        self._rest = rest
        self._signer = signer
        self._inquiry = inquiry
        self._look_at_key = look_at_key
        self._clock = clock

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
            return [unknown_outcome(order, self._clock.now_ms(), outcome)]
        answer = order_answer_of(outcome.body)
        if outcome.status == HTTP_OK and answer is not None and (answer.is_success or answer.code == UNDER_WAY):
            return []
        verdict = classify_cancel(outcome.status, answer)
        self._look_at_key(verdict)
        return await self._refused(order, verdict, outcome)

    async def _refused(self, order: Order, verdict: ReplyOutcome, outcome: Answered) -> Reports:
        end: Reports = ()
        if verdict.refusal is CancelRefusal.UNKNOWN_ORDER:
            # The venue says the same of an order that was never there and of one that has ended.
            found = await self._inquiry.end_of(order)
            if found is not None:
                end, verdict = found, replace(verdict, refusal=CancelRefusal.TOO_LATE)
        refused = cancel_report(verdict, order, self._rest.clock.earliest_ms())
        if refused is not None:
            return [*end, refused]
        unknown = verdict.verdict is ReplyVerdict.UNKNOWN
        return [unknown_outcome(order, self._clock.now_ms(), outcome)] if unknown else end
