"""Questions about single orders: how they stand, and what they executed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from cadenza.adapters.venues.kit.doubt import OrderDoubts
from cadenza.adapters.venues.kit.order_facts import (
    OrderFacts,
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
from cadenza.adapters.venues.okx.classify import HTTP_OK, answer_of, classify_query
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import QUERY, QUERY_ALGO, counted_as
from cadenza.adapters.venues.okx.models import OkxAlgoOrder, OkxOrder
from cadenza.adapters.venues.okx.order_trades import OrderTrades
from cadenza.adapters.venues.okx.orders import ORDER, number_request, query_request
from cadenza.adapters.venues.okx.parse import AccountScope
from cadenza.adapters.venues.okx.parse_instruments import external_name
from cadenza.adapters.venues.okx.parse_orders import became, end_report, facts_of_algo, facts_of_order
from cadenza.adapters.venues.okx.requests import OkxRequest
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.outcomes import Answered, Outcome
from cadenza.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a question about an order has brought: the `row` that the venue has of it, or why there is none. Either the
    venue does not know the order, or it did not say."""

    row: msgspec.Raw | None = None
    is_not_known: bool = False
    cause: str = ""


class OrderInquiry:
    """Asks the venue about orders of one account."""

    def __init__(self, *, rest: OkxRest, signer: OkxSigner, scope: AccountScope, spec: VenueSpec, clock: Clock) -> None:
        self._rest = rest
        self._signer = signer
        self._scope = scope
        self._spec = spec
        self._clock = clock
        self._doubts = OrderDoubts(spec, scope.account_type, clock, rest.clock)
        self._trades = OrderTrades(rest, signer, scope)

    async def about(self, order: Order) -> Sequence[Report]:
        """Return all that the venue knows of an order of ours, as `ExecutionSession.lookup` does."""
        name = external_name(order.instrument_id)
        request = query_request(order, name)
        asked_at_ms = self._clock.now_ms()
        asked = await self._ask(request, name)
        if asked.is_not_known and await self._doubts.wants_second_question(order, asked_at_ms):
            asked = await self._ask(request, name)
        if asked.row is not None:
            return await self._known(order, name, asked)
        if asked.is_not_known:
            return [self._doubts.not_known(order, asked_at_ms)]
        return [self._doubts.unknown(order, asked.cause)]

    async def end_of(self, order: Order) -> Sequence[Report] | None:
        """Return how an order ended, with its fills; None when it has not ended, as far as the venue says."""
        name = external_name(order.instrument_id)
        asked = await self._ask(query_request(order, name), name)
        if asked.row is None:
            return None
        try:
            found = self._read(asked.row)
            if found is None or found.is_working:
                return None
            facts = facts_of_ours(found, order)
            return [*fills_of_ours(await self._fills(facts, name, asked.row), order), end_report(facts)]
        except (UnreadablePayload, CadenzaError):
            return None

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        """Return the order that has this id at the venue, as `ExecutionSession.identify` does."""
        name = external_name(instrument_id)
        request = number_request(venue_order_id, name)
        if request is None:
            return []
        asked = await self._ask(request, name)
        if asked.is_not_known:
            return []
        if asked.row is None:
            raise VenueUnavailable(f"the venue did not say what the order is: {asked.cause}")
        try:
            facts = self._read(asked.row)
            if facts is None:
                return []
            if _is_renamed_algo(asked.row, facts):
                later = await self._ask(_number(facts.venue_order_id, name), name)
                if later.row is None:
                    raise VenueUnavailable(f"the venue did not say what the algo order has become: {later.cause}")
                asked, algo, found = later, facts, self._read(later.row)
                assert found is not None
                facts = replace(found, sent_id=algo.sent_id, former_venue_order_id=algo.former_venue_order_id)
            assert asked.row is not None
            return found_reports(facts, await self._fills(facts, name, asked.row))
        except UnreadablePayload as error:
            return [unreadable(self._scope.account_id, bytes(asked.row or b""), error)]

    # Helpers

    async def _ask(self, request: OkxRequest, name: str) -> _Asked:
        """Put a question about an order of an instrument."""
        endpoint = QUERY if request.path == ORDER else QUERY_ALGO
        outcome = await self._rest.signed(
            self._signer, endpoint, lambda _: request, instrument=counted_as(name), is_urgent=True
        )
        if not isinstance(outcome, Answered):
            return _Asked(cause=_cause(outcome))
        answer = answer_of(outcome.body)
        if outcome.status == HTTP_OK and answer is not None and answer.is_success:
            rows = answer.reply.data
            return _Asked(rows[0]) if rows else _Asked(is_not_known=True, cause="the answer has no order")
        verdict = classify_query(outcome.status, answer).verdict
        return _Asked(is_not_known=verdict is ReplyVerdict.NOT_FOUND, cause=_cause(outcome))

    async def _known(self, order: Order, name: str, asked: _Asked) -> Sequence[Report]:
        rename: Sequence[Report] = ()
        row = asked.row
        assert row is not None
        try:
            found = self._read(row)
            if found is None:
                raise UnreadablePayload("our order has no quantity")
            facts = facts_of_ours(found, order)
            if _is_renamed_algo(row, facts):
                rename, asked_at_ms = renamed(facts), self._clock.now_ms()
                later = await self._ask(_number(facts.venue_order_id, name), name)
                if later.row is None:
                    return [*rename, self._successor_not_known(order, facts, later, asked_at_ms)]
                row = later.row
                found = self._read(row)
                assert found is not None
                facts = replace(found, order_id=order.id, sent_id=order.sent_id)
            elif facts.former_venue_order_id is not None:
                rename = renamed(facts)
        except UnreadablePayload as error:
            return self._doubts.unreadable(order, bytes(row), error)
        try:
            fills = await self._fills(facts, name, row)
        except CadenzaError as error:
            return [*rename, self._doubts.unknown(order, str(error))]
        return [*rename, *fills_of_ours(fills, order), status(facts)]

    def _read(self, row: msgspec.Raw) -> OrderFacts | None:
        if _is_algo(row):
            return facts_of_algo(decode(OkxAlgoOrder, row), self._scope)
        return facts_of_order(decode(OkxOrder, row), self._scope)

    async def _fills(self, facts: OrderFacts, name: str, row: msgspec.Raw) -> list[Report]:
        if not facts.executed:
            return []
        return await self._trades.of(facts, name, decode(OkxOrder, row).kind)

    def _successor_not_known(self, order: Order, algo: OrderFacts, later: _Asked, asked_at_ms: int) -> Report:
        """What it means that the venue does not know the order that an algo order has become. How long it is remembered
        goes by the age of that order, which was placed when the algo order was triggered."""
        if not later.is_not_known:
            return self._doubts.unknown(order, f"the order that it became: {later.cause}")
        age_ms = max(0, self._rest.clock.earliest_ms() - algo.at_ms)
        unfilled_ms = self._spec.memory_of(self._scope.account_type).unfilled_ms
        if unfilled_ms is not None and age_ms <= unfilled_ms:
            return self._doubts.unknown(order, "the venue does not know yet what the algo order has become")
        return self._doubts.not_known(order.known_as(algo.venue_order_id, asked_at_ms), asked_at_ms)


class _AlgoMark(msgspec.Struct, frozen=True, kw_only=True):
    """What distinguishes a row of the algo service: an order has a number of its own, and may name an algo order too,
    but it has no trigger fields."""

    trigger: str | None = msgspec.field(name="slTriggerPx", default=None)
    executed: str | None = msgspec.field(name="accFillSz", default=None)


def _is_algo(row: msgspec.Raw) -> bool:
    return decode(_AlgoMark, row).executed is None


def _is_renamed_algo(row: msgspec.Raw, facts: OrderFacts) -> bool:
    """Whether the row is about an algo order that has become another order."""
    return _is_algo(row) and became(decode(OkxAlgoOrder, row)) == facts.venue_order_id


def _number(venue_order_id: str, name: str) -> OkxRequest:
    request = number_request(venue_order_id, name)
    if request is None:
        raise UnreadablePayload("an algo order has become an order without a number")
    return request


def _cause(outcome: Outcome) -> str:
    if isinstance(outcome, Answered):
        answer = answer_of(outcome.body)
        return f"status {outcome.status}{'' if answer is None else f', {answer.said}'}"
    return f"{outcome.cause.value}{f', {outcome.detail}' if outcome.detail else ''}"
