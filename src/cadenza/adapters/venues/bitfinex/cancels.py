"""Cancels. They go before new orders in the pacing, and have a limit of their own."""

from collections.abc import Callable
from dataclasses import replace

from cadenza.adapters.venues.bitfinex.classify import OrderAnswer, classify_cancel, order_answer
from cadenza.adapters.venues.bitfinex.endpoints import CANCEL
from cadenza.adapters.venues.bitfinex.inquiry import OrderInquiry
from cadenza.adapters.venues.bitfinex.orders import cancel_bodies
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest, Body
from cadenza.adapters.venues.kit.doubt import unknown_outcome
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports
from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome, ReplyVerdict, cancel_report
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CancelRefusal
from cadenza.network.outcomes import Answered, NotSent, Outcome
from cadenza.ports.clock import Clock


class OrderCancels:
    """Makes the cancels of one session. `look_at_key` takes the outcome of a request that the venue refused."""

    def __init__(
        self,
        *,
        rest: BitfinexRest,
        key: PrivateKey,
        scope: AccountScope,
        inquiry: OrderInquiry,
        look_at_key: Callable[[ReplyOutcome], None],
        clock: Clock,
    ) -> None:
        self._rest = rest
        self._key = key
        self._scope = scope
        self._inquiry = inquiry
        self._look_at_key = look_at_key
        self._clock = clock

    async def cancel(self, order: Order) -> Reports:
        """A success says that the venue has the request; how the order ends, the stream brings."""
        instant = self._rest.clock.present()
        last: tuple[ReplyOutcome, Answered] | None = None
        for body in cancel_bodies(order, self._scope, 0 if instant is None else instant.ahead_ms):
            outcome = await self._call(body)
            if isinstance(outcome, NotSent):
                return []
            if not isinstance(outcome, Answered):
                return [unknown_outcome(order, self._clock.now_ms(), outcome)]
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
        self._look_at_key(verdict)
        return verdict

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
