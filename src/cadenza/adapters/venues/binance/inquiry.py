"""Questions about single orders: how they stand, and what they executed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cadenza.adapters.venues.binance.classify import HTTP_OK, classify_query, error_body
from cadenza.adapters.venues.binance.credential import BinanceSigner, Parameters
from cadenza.adapters.venues.binance.dialects import MarketDialect
from cadenza.adapters.venues.binance.endpoints import BinanceEndpoint
from cadenza.adapters.venues.binance.history import is_unknown_symbol
from cadenza.adapters.venues.binance.order_trades import OrderTrades
from cadenza.adapters.venues.binance.parse import AccountScope
from cadenza.adapters.venues.binance.rest import BinanceRest, request_of
from cadenza.adapters.venues.kit.doubt import OrderDoubts, ended_unfilled_report
from cadenza.adapters.venues.kit.order_facts import (
    OrderFacts,
    ended,
    facts_of_ours,
    fills_of_ours,
    found_reports,
    renamed,
    status,
)
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.evolve import evolve
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.outcomes import Answered, Outcome
from cadenza.ports.clock import Clock


class OrderInquiry:
    """Asks one market about orders of one account."""

    def __init__(
        self,
        *,
        rest: BinanceRest,
        signer: BinanceSigner,
        dialect: MarketDialect,
        scope: AccountScope,
        spec: VenueSpec,
        clock: Clock,
        is_off_list: Callable[[str | None], bool],
    ) -> None:
        """`is_off_list` says whether the market's list was read and lacks a symbol."""
        self._rest = rest
        self._signer = signer
        self._dialect = dialect
        self._scope = scope
        self._spec = spec
        self._clock = clock
        self._venue_clock = rest.clock_of(dialect.endpoints.market)
        self._doubts = OrderDoubts(spec, dialect.account_type, clock, self._venue_clock)
        self._is_off_list = is_off_list
        self._trades = OrderTrades(rest, signer, dialect, scope)

    async def about(self, order: Order, symbol: str | None) -> Sequence[Report]:
        """Return all that the venue knows of an order of ours, as `ExecutionSession.lookup` does."""
        if symbol is None:
            return [self._not_listed(order, symbol, "the venue's list was not read yet")]
        asked_at_ms = self._clock.now_ms()
        outcome = await self._ask(order, symbol)
        verdict = self._verdict(outcome)
        if verdict is ReplyVerdict.NOT_FOUND and await self._doubts.wants_second_question(order, asked_at_ms):
            outcome = await self._ask(order, symbol)
            verdict = self._verdict(outcome)
        if isinstance(outcome, Answered) and outcome.status == HTTP_OK:
            return await self._known(order, symbol, outcome.body)
        if verdict is ReplyVerdict.NOT_FOUND:
            return [await self._not_found(order, symbol, asked_at_ms)]
        if verdict is ReplyVerdict.ENDED_UNFILLED:
            return [ended_unfilled_report(order, self._venue_clock.earliest_ms())]
        if is_unknown_symbol(outcome):
            return [self._not_listed(order, symbol, _cause(outcome))]
        return [self._doubts.unknown(order, _cause(outcome))]

    async def end_of(self, order: Order, symbol: str) -> Sequence[Report] | None:
        """Return how an order ended, with its fills; None when it has not ended, as far as the venue says."""
        outcome = await self._ask(order, symbol)
        if not isinstance(outcome, Answered) or outcome.status != HTTP_OK:
            return None
        try:
            facts = facts_of_ours(self._dialect.order(outcome.body, self._scope), order)
            if facts.is_working or facts.is_refused or self._dialect.became(outcome.body) is not None:
                return None
            fills = await self._trades.of(facts, symbol)
        except (UnreadablePayload, CadenzaError):
            return None
        stands = status(facts) if facts.executed >= facts.quantity else ended(facts)
        return [*fills_of_ours(fills, order), stands]

    async def identify(self, symbol: str, venue_order_id: str) -> Sequence[Report]:
        """Return the order that has this id at the venue, as `ExecutionSession.identify` does."""
        question = self._dialect.question(venue_order_id)
        if question is None:
            return []
        outcome = await self._put(symbol, *question)
        if self._verdict(outcome) in (ReplyVerdict.NOT_FOUND, ReplyVerdict.ENDED_UNFILLED):
            return []
        body = _answer_of(outcome)
        try:
            facts = self._dialect.order(body, self._scope)
            number = self._dialect.became(body)
            if number is not None:
                outcome = await self._ask_about(symbol, number)
                if self._verdict(outcome) is ReplyVerdict.NOT_FOUND:
                    return []
                body = _answer_of(outcome)
                former_id = facts.former_venue_order_id
                found = self._dialect.order(body, self._scope)
                facts = replace(found, sent_id=facts.sent_id, former_venue_order_id=former_id)
        except UnreadablePayload as error:
            return [unreadable(self._scope.account_id, body, error)]
        return found_reports(facts, await self._trades.of(facts, symbol))

    # Helpers

    async def _ask(self, order: Order, symbol: str) -> Outcome:
        return await self._rest.signed(
            self._dialect.endpoints.market,
            self._signer,
            lambda time: self._dialect.query(order, symbol, time),
            weight=self._dialect.endpoints.order.weight,
            is_urgent=True,
        )

    async def _ask_about(self, symbol: str, number: int) -> Outcome:
        return await self._put(symbol, self._dialect.endpoints.order, {"orderId": number})

    async def _put(self, symbol: str, endpoint: BinanceEndpoint, parameters: Parameters) -> Outcome:
        """Put a question about an order of an instrument."""
        make = request_of(endpoint, {"symbol": symbol, **parameters})
        market = self._dialect.endpoints.market
        return await self._rest.signed(market, self._signer, make, weight=endpoint.weight, is_urgent=True)

    def _verdict(self, outcome: Outcome) -> ReplyVerdict:
        if not isinstance(outcome, Answered) or outcome.status == HTTP_OK:
            return ReplyVerdict.UNKNOWN
        return classify_query(self._dialect.endpoints.market, outcome.status, error_body(outcome.body)).verdict

    async def _known(self, order: Order, symbol: str, body: bytes) -> Sequence[Report]:
        rename: Sequence[Report] = ()
        try:
            facts = facts_of_ours(self._dialect.order(body, self._scope), order)
            number = self._dialect.became(body)
            if number is not None:
                rename = renamed(facts)
                asked_at_ms = self._clock.now_ms()
                outcome = await self._ask_about(symbol, number)
                if self._verdict(outcome) is ReplyVerdict.NOT_FOUND:
                    return [*rename, self._successor_not_known(order, facts, asked_at_ms)]
                if not isinstance(outcome, Answered) or outcome.status != HTTP_OK:
                    return [*rename, self._doubts.unknown(order, f"the order that it became: {_cause(outcome)}")]
                body = outcome.body
                found = self._dialect.order(body, self._scope)
                facts = replace(found, order_id=order.id, sent_id=order.sent_id)
        except UnreadablePayload as error:
            return self._doubts.unreadable(order, body, error)
        try:
            fills = await self._trades.of(facts, symbol)
        except CadenzaError as error:
            return [self._doubts.unknown(order, str(error))]
        return [*rename, *fills_of_ours(fills, order), status(facts)]

    def _not_listed(self, order: Order, symbol: str | None, cause: str) -> Report:
        """Return what it means that the venue knows no such symbol, or that we know none. Of a symbol that was taken
        off the list, nothing can be asked any more; the list that was read last may be older than the symbol."""
        if self._is_off_list(symbol):
            return self._doubts.undetermined(order, "the venue does not list the instrument any more")
        return self._doubts.unknown(order, cause)

    async def _not_found(self, order: Order, symbol: str, asked_at_ms: int) -> Report:
        """Return what it means that the venue does not know an order. If a conditional order has become it, that is
        asked how long ago."""
        for former_id in reversed(order.former_venue_order_ids):
            question = self._dialect.question(former_id)
            if question is None:
                continue
            outcome = await self._put(symbol, *question)
            if not isinstance(outcome, Answered) or outcome.status != HTTP_OK:
                if self._verdict(outcome) is ReplyVerdict.NOT_FOUND:
                    continue
                return self._doubts.unknown(order, f"the conditional order: {_cause(outcome)}")
            try:
                return self._successor_not_known(order, self._dialect.order(outcome.body, self._scope), asked_at_ms)
            except UnreadablePayload:
                return self._doubts.undetermined(order, "the venue's answer about the conditional order cannot be read")
        return self._doubts.not_known(order, asked_at_ms)

    def _successor_not_known(self, order: Order, conditional: OrderFacts, asked_at_ms: int) -> Report:
        """Return what it means that the venue does not know the order that a conditional one has become. What it
        remembers goes by the age of that order, which was placed when the conditional one was triggered: not after the
        last change of the conditional order."""
        age_ms = max(0, self._venue_clock.earliest_ms() - conditional.at_ms)
        unfilled_ms = self._spec.memory_of(self._dialect.account_type).unfilled_ms
        if unfilled_ms is not None and age_ms <= unfilled_ms:
            return self._doubts.unknown(order, "the venue does not know yet what the conditional order has become")
        successor = order.known_as(conditional.venue_order_id, asked_at_ms)
        return self._doubts.not_known(evolve(successor, created_at_ms=asked_at_ms - age_ms), asked_at_ms)


def _answer_of(outcome: Outcome) -> bytes:
    """Return the body of an answer. Raises `VenueUnavailable`."""
    if not isinstance(outcome, Answered) or outcome.status != HTTP_OK:
        raise VenueUnavailable(f"the venue did not say what the order is: {_cause(outcome)}")
    return outcome.body


def _cause(outcome: Outcome) -> str:
    if isinstance(outcome, Answered):
        error = error_body(outcome.body)
        return f"status {outcome.status}{'' if error is None else f', {error.code} {error.msg[:200]}'}"
    return f"{outcome.cause.value}{f', {outcome.detail}' if outcome.detail else ''}"
