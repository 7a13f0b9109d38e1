"""Finds orders at the venue: by its id, by our label, among recent and historical ones, and what a trigger order has
become."""

from dataclasses import dataclass

import msgspec

from cadenza.adapters.venues.deribit.classify import answer_of, classify_query
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import OrderRow, TriggerPage
from cadenza.adapters.venues.deribit.names import currencies_of
from cadenza.adapters.venues.deribit.orders import label_of, label_request, state_request
from cadenza.adapters.venues.deribit.parse_orders import is_triggered
from cadenza.adapters.venues.deribit.requests import Parameter, RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.deribit.spec import UNFILLED_MEMORY_MS
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.trading.order import Order
from cadenza.network.outcomes import Answered, Outcome
from cadenza.ports.clock import Clock

RECENT_MS = UNFILLED_MEMORY_MS // 2
"""An order that was recorded less long ago is in the store of recent orders, whatever became of it."""

TRIGGERS_MAX = 1_000
"""Lines of the history of trigger orders that are searched for what one has become."""


@dataclass(frozen=True, slots=True)
class FoundOrders:
    """What a question about an order has brought: the lines that were found, the order that was asked for first. With
    none of them, the venue does not know the order (NOT_FOUND), or could not be asked (`cause`)."""

    verdict: ReplyVerdict
    cause: str = ""
    lines: tuple[msgspec.Raw, ...] = ()


class OrderSearch:
    """Asks for orders of one account."""

    def __init__(self, *, rest: DeribitRest, signer: DeribitSigner, clock: Clock) -> None:
        self._rest = rest
        self._signer = signer
        self._clock = clock

    async def order(self, order: Order, name: str) -> FoundOrders:
        """Find an order of ours, in an instrument of that name: by the venue's id once it is known, else by its
        label."""
        is_old = self._clock.now_ms() - order.created_at_ms > RECENT_MS
        if order.venue_order_id is not None:
            return await self.by_id(order.venue_order_id, name, label=order.sent_id, may_be_old=is_old)
        for is_historical in (False, True) if is_old else (False,):
            found = await self._labelled(label_of(order), name, is_historical=is_historical)
            if found.verdict is not ReplyVerdict.NOT_FOUND:
                return found
        return found

    async def by_id(
        self, venue_order_id: str, name: str, *, label: str | None = None, may_be_old: bool = True
    ) -> FoundOrders:
        """Find an order by the venue's id; of a trigger order that was triggered, what it has become."""
        for is_historical in (False, True) if may_be_old else (False,):
            found = await self._ask(state_request(venue_order_id, is_historical=is_historical))
            if not found.lines:
                if found.verdict is ReplyVerdict.NOT_FOUND:
                    continue
                return found
            if not _is_triggered(found.lines[0]):
                return found
            return await self._successor(venue_order_id, name, label)
        return found

    async def _labelled(self, label: str, name: str, *, is_historical: bool) -> FoundOrders:
        """The venue lists the orders of a label by currency. It does not know one only if no list has it."""
        lines: dict[bytes, msgspec.Raw] = {}
        for currency in currencies_of(name):
            outcome = await self._call(label_request(label, currency, is_historical=is_historical))
            answer = answer_of(outcome.body) if isinstance(outcome, Answered) else None
            if answer is None or answer.result is None:
                return FoundOrders(ReplyVerdict.UNKNOWN, _cause(outcome))
            try:
                lines |= {bytes(line): line for line in decode(list[msgspec.Raw], answer.result)}
            except UnreadablePayload as error:
                return FoundOrders(ReplyVerdict.UNKNOWN, str(error))
        if not lines:
            return FoundOrders(ReplyVerdict.NOT_FOUND, "no order has the label")
        return FoundOrders(ReplyVerdict.UNKNOWN, lines=tuple(lines.values()))

    async def _successor(self, venue_order_id: str, name: str, label: str | None) -> FoundOrders:
        """Return what a trigger order has become. Ours has the same label; of another one its history says it."""
        if label:
            for is_historical in (False, True):
                found = await self._labelled(label, name, is_historical=is_historical)
                if own := tuple(line for line in found.lines if _became_of(line, venue_order_id)):
                    return FoundOrders(ReplyVerdict.UNKNOWN, lines=own)
        became = await self._became(venue_order_id, name)
        for is_historical in (False, True) if became is not None else ():
            found = await self._ask(state_request(became or "", is_historical=is_historical))
            if found.verdict is not ReplyVerdict.NOT_FOUND:
                return found
        return FoundOrders(ReplyVerdict.UNKNOWN, "the venue does not say yet what the trigger order has become")

    async def _became(self, venue_order_id: str, name: str) -> str | None:
        for currency in currencies_of(name):
            params: dict[str, Parameter] = {"currency": currency, "instrument_name": name, "count": TRIGGERS_MAX}
            outcome = await self._call(RpcMessage("private/get_trigger_order_history", params))
            answer = answer_of(outcome.body) if isinstance(outcome, Answered) else None
            if answer is None or answer.result is None:
                continue
            try:
                entries = decode(TriggerPage, answer.result).entries
            except UnreadablePayload:
                continue
            for entry in entries:
                if entry.trigger_order_id == venue_order_id and entry.order_id:
                    return entry.order_id
        return None

    async def _ask(self, request: RpcMessage) -> FoundOrders:
        outcome = await self._call(request)
        if not isinstance(outcome, Answered):
            return FoundOrders(ReplyVerdict.UNKNOWN, _cause(outcome))
        answer = answer_of(outcome.body)
        if answer is not None and answer.result is not None:
            return FoundOrders(ReplyVerdict.UNKNOWN, lines=(answer.result,))
        return FoundOrders(classify_query(outcome.status, answer).verdict, _cause(outcome))

    async def _call(self, request: RpcMessage) -> Outcome:
        return await self._rest.signed(self._signer, lambda _: request, pool=request.pool, is_urgent=True)


def _is_triggered(line: msgspec.Raw) -> bool:
    try:
        return is_triggered(decode(OrderRow, line))
    except UnreadablePayload:
        return False


def _became_of(line: msgspec.Raw, venue_order_id: str) -> bool:
    try:
        return decode(OrderRow, line).trigger_order_id == venue_order_id
    except UnreadablePayload:
        return False


def _cause(outcome: Outcome) -> str:
    if isinstance(outcome, Answered):
        answer = answer_of(outcome.body)
        return f"status {outcome.status}{'' if answer is None else f', {answer.said}'}"
    return f"{outcome.cause.value}{f', {outcome.detail}' if outcome.detail else ''}"
