"""A probe of DERIBIT: the facts that the connector relies on, asked of the venue itself.

Each fact is one that only a live account can confirm, or that the venue may change. Orders of the probe are for the
smallest amount of one perpetual and are named by labels of its own (`PROBE_PREFIX`); they rest far from the market, or
are refused, and those that rest are canceled again. None is executed.
"""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from itertools import count

import msgspec

from cadenza.adapters.venues.deribit.catalogue import read_catalogue
from cadenza.adapters.venues.deribit.classify import ORDER_NOT_FOUND, TIMED_OUT, RpcReply, answer_of
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import DeribitPrices, OrderRow, PlacementResult
from cadenza.adapters.venues.deribit.orders import historical, label_request, plain, state_request
from cadenza.adapters.venues.deribit.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.deribit.requests import Parameter, RequestPool, RpcMessage, matching
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.probe import (
    ProbeAsk,
    ProbeFinding,
    SeenOtherwise,
    findings_of,
    shown_catalogue,
    shown_time,
)
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.ids import VenueId
from cadenza.domain.market.instrument import Instrument
from cadenza.network.outcomes import Answered
from cadenza.ports.clock import Clock
from cadenza.ports.venue import VerifiedKey

PROBE_PREFIX = "CadenzaProbe"
PERPETUAL, CURRENCY = "BTC-PERPETUAL", "BTC"
FAR = Decimal("0.8")
"""A resting order of the probe is placed at this part of the best bid."""

NO_ORDER = "999999999999999999"
WOULD_TAKE, NO_FUNDS = 11054, 10009
LATE_MS = 2_000


class DeribitProbe:
    """Implements `VenueProbe`. Where the venue's time cannot be seen, nothing more is asked."""

    def __init__(self, *, venue_id: VenueId, rest: DeribitRest, signer: DeribitSigner, clock: Clock) -> None:
        self._venue_id = venue_id
        self._rest = rest
        self._signer = signer
        self._run = clock.now_ms() % 10**10
        self._numbers = count(1)
        self._verified: VerifiedKey | None = None
        self._instrument: Instrument | None = None

    def findings(self, *, with_orders: bool) -> AsyncIterator[ProbeFinding]:
        return findings_of({**self._readings(), **(self._trades() if with_orders else {})})

    def _readings(self) -> Mapping[str, ProbeAsk]:
        return {
            "the venue answers with its time": self._time,
            "every listed instrument can be read": self._catalogue,
            "the key is accepted, and the account has an id and a margin model that is known here": self._account,
            "the key may not withdraw": self._rights,
            "an order that never was is 10004": self._unknown_order,
            "a label that no order has lists nothing, among recent and historical orders": self._unknown_label,
            "a cancel of an order that never was is 10004": self._unknown_cancel,
        }

    def _trades(self) -> Mapping[str, ProbeAsk]:
        return {
            "an order is found by its label as soon as its reply has come": self._found_at_once,
            "a second order under the label of one that works is taken": self._label_again,
            "a canceled order is still found by its label": self._known_after_end,
            "an order whose valid_until has passed is refused, and the answer says when it came": self._expired,
            "a post-only order that would take is refused with 11054": self._post_only,
        }

    # Facts that need no order

    async def _time(self) -> str:
        return await shown_time(self._rest.clock, lambda: self._rest.trouble)

    async def _catalogue(self) -> str:
        catalogue = await read_catalogue(self._rest, self._venue_id)
        found = (each for each in catalogue.instruments if each.external_symbol == PERPETUAL)
        self._instrument = next(found, None)
        refused = [(each.name, each.reason) for each in catalogue.refused]
        return shown_catalogue(len(catalogue.instruments), refused)

    async def _account(self) -> str:
        try:
            verified = self._verified = await ReachableAccounts(self._rest).reached(self._signer)
        except CredentialRejected as refused:
            raise SeenOtherwise(str(refused)) from refused
        first = verified.accounts[0]
        return f"account {first.external_id.partition(':')[0]}, {first.external_type}"

    async def _rights(self) -> str:
        """No fact of the venue but of the key: the connector needs no such right."""
        rights = None if self._verified is None else self._verified.rights
        if rights is None:
            raise VenueUnavailable("the key's rights are not known")
        if rights.may_withdraw:
            raise SeenOtherwise("it may: make a key whose wallet scope is read or none, and delete this one")
        return "it may not"

    async def _unknown_order(self) -> str:
        return _is_code(await self._ask(state_request(NO_ORDER, is_historical=False)), ORDER_NOT_FOUND)

    async def _unknown_label(self) -> str:
        label = self._new_label()
        for is_historical in (False, True):
            listed = await self._labelled(label, is_historical=is_historical)
            if listed:
                raise SeenOtherwise(f"{len(listed)} orders have it")
        return "no order has it"

    async def _unknown_cancel(self) -> str:
        return _is_code(await self._ask(matching("private/cancel", {"order_id": NO_ORDER})), ORDER_NOT_FOUND)

    # Facts that need orders

    async def _found_at_once(self) -> str:
        label, id = await self._rest_far()
        try:
            return _has_only(await self._labelled(label), 1)
        finally:
            await self._cancel(id)

    async def _label_again(self) -> str:
        label, first = await self._rest_far()
        _, second = await self._rest_far(label)
        try:
            return _has_only(await self._labelled(label), 2)
        finally:
            await self._cancel(first)
            await self._cancel(second)

    async def _known_after_end(self) -> str:
        label, id = await self._rest_far()
        await self._cancel(id)
        states = [row.state for row in await self._labelled(label)]
        if states != ["cancelled"]:
            raise SeenOtherwise(f"the states under its label are {states}")
        return "its state is cancelled"

    async def _expired(self) -> str:
        now = self._rest.clock.usable()
        if now is None:
            raise VenueUnavailable("the venue's time is not known")
        answer = await self._buy(self._new_label(), valid_until=now.venue_ms - LATE_MS)
        _is_code(answer, TIMED_OUT)
        if answer.received_ms is None:
            raise SeenOtherwise(f"{answer.said}, and not when it came")
        return f"{answer.said}, {answer.received_ms - now.venue_ms + LATE_MS} ms late"

    async def _post_only(self) -> str:
        instrument, _, ask = await self._market()
        taking = plain((ask * 2 // instrument.pip_size) * instrument.pip_size)
        answer = await self._buy(self._new_label(), price=taking, post_only=True, reject_post_only=True)
        return _is_code(answer, WOULD_TAKE)

    # Helpers

    def _new_label(self) -> str:
        return f"{PROBE_PREFIX}{self._run}n{next(self._numbers)}"

    async def _market(self) -> tuple[Instrument, Decimal, Decimal]:
        """Return the instrument, its best bid and its best ask."""
        if self._instrument is None:
            raise VenueUnavailable(f"{PERPETUAL} is not listed here")
        request = RpcMessage("public/get_order_book", {"instrument_name": PERPETUAL, "depth": 1}, RequestPool.PUBLIC)
        prices = decode(DeribitPrices, await self._rest.read(request))
        if not prices.bid or not prices.ask:
            raise VenueUnavailable(f"{PERPETUAL} has no prices here")
        return self._instrument, prices.bid, prices.ask

    async def _buy(self, label: str, **further: Parameter) -> RpcReply:
        """Place an order far from the market, unless `further` says otherwise. Raises `VenueUnavailable` when the
        account cannot pay for it: that says nothing about the venue."""
        instrument, bid, _ = await self._market()
        price = plain((bid * FAR // instrument.pip_size) * instrument.pip_size)
        params: dict[str, Parameter] = {
            "instrument_name": PERPETUAL,
            "amount": plain(instrument.min_quantity),
            "type": "limit",
            "price": price,
            "label": label,
            **further,
        }
        answer = await self._ask(matching("private/buy", params))
        if answer.code == NO_FUNDS:
            raise VenueUnavailable(f"the account cannot pay for an order of {params['amount']} USD: {answer.said}")
        return answer

    async def _rest_far(self, label: str | None = None) -> tuple[str, str]:
        """Place an order that rests, and return its label and its id."""
        label = label or self._new_label()
        answer = await self._buy(label)
        if answer.result is None:
            raise SeenOtherwise(f"the order was refused: {answer.said}")
        return label, decode(OrderRow, decode(PlacementResult, answer.result).order).id

    async def _cancel(self, id: str) -> None:
        await self._ask(matching("private/cancel", {"order_id": id}))

    async def _labelled(self, label: str, *, is_historical: bool = False) -> list[OrderRow]:
        answer = await self._ask(label_request(label, CURRENCY, is_historical=is_historical))
        if answer.result is None:
            asked = f" with {historical(is_historical)}" if is_historical else ""
            raise SeenOtherwise(f"the question{asked} was refused: {answer.said}")
        return [decode(OrderRow, line) for line in decode(list[msgspec.Raw], answer.result)]

    async def _ask(self, request: RpcMessage) -> RpcReply:
        outcome = await self._rest.signed(self._signer, lambda _: request, pool=request.pool)
        answer = answer_of(outcome.body) if isinstance(outcome, Answered) else None
        if answer is None:
            raise VenueUnavailable("the venue did not answer")
        return answer


def _is_code(answer: RpcReply, code: int) -> str:
    if answer.code != code:
        raise SeenOtherwise("it succeeded" if answer.is_success else f"it is {answer.said}")
    return answer.said


def _has_only(rows: list[OrderRow], number: int) -> str:
    if len(rows) != number:
        raise SeenOtherwise(f"{len(rows)} orders have the label")
    return f"{number} found"
