"""Cancels: of one order, and of every order of an account in an instrument by one request."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cadenza.adapters.venues.binance.classify import HTTP_OK, classify_cancel, error_body
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.dialects import MarketDialect
from cadenza.adapters.venues.binance.inquiry import OrderInquiry
from cadenza.adapters.venues.binance.orders import cancel_all_request
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.order_calls import REPLY_MS_MAX, Reports
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import CancelRefusal, Report
from cadenza.network.outcomes import Answered, NotSent


class OrderCancels:
    """Makes the cancels of one session. They go before new orders in the pacing."""

    def __init__(
        self,
        *,
        rest: BinanceRest,
        signer: BinanceSigner,
        dialect: MarketDialect,
        scope: AccountScope,
        inquiry: OrderInquiry,
        symbol: Callable[[InstrumentId], str | None],
        life: SessionLife,
    ) -> None:
        self._rest = rest
        self._signer = signer
        self._dialect = dialect
        self._market = dialect.endpoints.market
        self._scope = scope
        self._inquiry = inquiry
        self._symbol = symbol
        self._life = life

    async def cancel(self, order: Order) -> Reports:
        symbol = self._symbol(order.instrument_id)
        if symbol is None:
            return []
        outcome = await self._rest.signed(
            self._market,
            self._signer,
            lambda time: self._dialect.cancel(order, symbol, time),
            weight=self._dialect.endpoints.cancel_weight,
            success_weight=self._dialect.endpoints.success_weight,
            reply_ms_max=REPLY_MS_MAX,
            is_urgent=True,
        )
        if isinstance(outcome, NotSent):
            return []
        if not isinstance(outcome, Answered):
            return [self._life.unsettled_cancels.unknown(order, outcome)]
        if outcome.status == HTTP_OK:
            try:
                return self._dated(self._dialect.canceled(outcome.body, self._scope, order))
            except UnreadablePayload as error:
                return [self._life.unsettled_cancels.unknown(order, outcome, str(error))]
        return await self._refused(order, symbol, outcome)

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Reports:
        """Cancel every order of the instrument. Whatever the reply does not settle is asked for again, order by
        order."""
        symbol, endpoint = self._symbol(instrument_id), self._dialect.endpoints.cancel_all
        if symbol is None or endpoint is None:
            return []
        outcome = await self._rest.signed(
            self._market,
            self._signer,
            lambda time: cancel_all_request(endpoint.path, symbol, time),
            weight=endpoint.weight,
            reply_ms_max=REPLY_MS_MAX,
            is_urgent=True,
        )
        if not isinstance(outcome, Answered):
            return []
        if outcome.status != HTTP_OK:
            self._life.look_at_key(classify_cancel(outcome.status, error_body(outcome.body)))
            return []
        try:
            return self._dated(self._dialect.canceled_all(outcome.body, self._scope, orders))
        except UnreadablePayload:
            return []

    async def _refused(self, order: Order, symbol: str, answered: Answered) -> Reports:
        verdict = classify_cancel(answered.status, error_body(answered.body))
        self._life.look_at_key(verdict)
        is_gone = verdict.refusal is CancelRefusal.UNKNOWN_ORDER
        end = await self._inquiry.end_of(order, symbol) if is_gone else None
        return self._life.unsettled_cancels.refused(order, verdict, answered, end)

    def _dated(self, reports: Sequence[Report]) -> Reports:
        return [replace(each, at_ms=each.at_ms or self._life.venue_time_ms()) for each in reports]
