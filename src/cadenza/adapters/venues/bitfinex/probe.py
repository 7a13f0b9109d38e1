"""A probe of BITFINEX: the facts that the connector relies on, asked of the venue itself.

Each fact is one that only a live account can confirm, or that the venue may change. Orders of the probe are for the
smallest amount of one pair; they rest far from the market, or are refused, and those that rest are canceled again. None
is executed.
"""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from itertools import count

import msgspec

from cadenza.adapters.venues.bitfinex.answers import GENERIC, NONCE, refusal_of
from cadenza.adapters.venues.bitfinex.catalogue import read_catalogue
from cadenza.adapters.venues.bitfinex.classify import OrderAnswer, order_answer
from cadenza.adapters.venues.bitfinex.endpoints import (
    CANCEL,
    OPEN_ORDERS,
    PAST_ORDERS,
    PERMISSIONS,
    PUBLIC_BOOK,
    SUBMIT,
    USER,
    RestEndpoint,
)
from cadenza.adapters.venues.bitfinex.mapping import POST_ONLY
from cadenza.adapters.venues.bitfinex.models import NotificationFields, OrderFields
from cadenza.adapters.venues.bitfinex.orders import day_of
from cadenza.adapters.venues.bitfinex.probe_key import OldNonce, ProbeKey
from cadenza.adapters.venues.bitfinex.probe_market import BookProbe
from cadenza.adapters.venues.bitfinex.public_models import BookRow
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest, Body
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
from cadenza.domain.ids import Environment, VenueId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.network.outcomes import Answered
from cadenza.ports.clock import Clock

PAIRS = {Environment.LIVE: "tBTCUSD", Environment.UAT: "tTESTBTC:TESTUSD"}
"""The pair in which the probe looks at books and places orders."""

FAR = Decimal("0.8")
"""A resting order of the probe is placed at this part of the best bid."""

NO_ORDER = 1
NOT_FOUND, NO_FUNDS, POST_ONLY_ENDED = "Order not found", "Invalid order: not enough", "POSTONLY CANCELED"


class BitfinexProbe:
    """Implements `VenueProbe`. Where the venue's time cannot be seen, nothing more is asked."""

    def __init__(self, *, venue_id: VenueId, rest: BitfinexRest, key: ProbeKey, books: BookProbe, clock: Clock) -> None:
        self._venue_id = venue_id
        self._pair = PAIRS[venue_id.environment]
        self._rest = rest
        self._key = key
        self._books = books
        self._cids = count(clock.now_ms() % 10**12)
        self._instrument: Instrument | None = None

    def findings(self, *, with_orders: bool) -> AsyncIterator[ProbeFinding]:
        return findings_of({**self._readings(), **(self._trades() if with_orders else {})})

    def _readings(self) -> Mapping[str, ProbeAsk]:
        return {
            "the venue dates its answers": self._time,
            "every listed instrument can be read": self._catalogue,
            "a book has the venue's own checksums, and no frame of its socket is missing": self._book,
            "the key is accepted, and the account has a number": self._account,
            "the key may not withdraw": self._rights,
            "a request whose nonce is not larger than the last one is refused with 10114": self._nonce,
            "an order that never was is in no list": self._unknown_order,
            "a cancel of an order that never was is 10001, and says so": self._unknown_cancel,
        }

    def _trades(self) -> Mapping[str, ProbeAsk]:
        return {
            "an order is found as soon as its reply has come, with our id": self._found_at_once,
            "an order is canceled by our id and its day": self._canceled_by_our_id,
            "a canceled order is found by its id among the past ones": self._known_after_end,
            "a post-only order that would take ends as POSTONLY CANCELED": self._post_only,
            "an order below the smallest amount is 10001, and an invalid order": self._too_small,
        }

    # Facts that need no order

    async def _time(self) -> str:
        return await shown_time(self._rest.clock, lambda: self._rest.trouble)

    async def _catalogue(self) -> str:
        catalogue = await read_catalogue(self._rest, self._venue_id)
        found = (each for each in catalogue.instruments if each.external_symbol == self._pair)
        self._instrument = next(found, None)
        refused = [(each.name, each.reason) for each in catalogue.refused]
        return shown_catalogue(len(catalogue.instruments), refused)

    async def _book(self) -> str:
        return await self._books.follow(self._listed())

    async def _account(self) -> str:
        try:
            fields = decode(list[msgspec.Raw], await self._asked(USER))
        except CredentialRejected as refused:
            raise SeenOtherwise(str(refused)) from refused
        return f"user {decode(int, fields[0])}"

    async def _rights(self) -> str:
        """No fact of the venue but of the key: the connector needs no such right."""
        rows = decode(list[list[object]], await self._asked(PERMISSIONS))
        if any(row[:1] == ["withdraw"] and row[2:3] != [0] for row in rows):
            raise SeenOtherwise("it may: make a key without the permission to withdraw, and delete this one")
        return "it may not"

    async def _nonce(self) -> str:
        """The proof that an order which was not answered is dead rests on this."""
        await self._asked(USER)
        outcome = await self._rest.signed(OldNonce(self._key), USER, lambda _: {})
        refusal = refusal_of(outcome.body) if isinstance(outcome, Answered) else None
        if refusal is None:
            raise SeenOtherwise("it was taken")
        if refusal.code != NONCE:
            raise SeenOtherwise(refusal.said)
        return refusal.said

    async def _unknown_order(self) -> str:
        for endpoint in (OPEN_ORDERS, PAST_ORDERS):
            if await self._listed_orders(endpoint, NO_ORDER):
                raise SeenOtherwise(f"{endpoint.path} lists it")
        return "no list has it"

    async def _unknown_cancel(self) -> str:
        return _is_refused(await self._ask(CANCEL, {"id": NO_ORDER}), GENERIC, NOT_FOUND)

    # Facts that need orders

    async def _found_at_once(self) -> str:
        order = await self._rest_far()
        try:
            found = await self._listed_orders(OPEN_ORDERS, order.id)
            if [each.cid for each in found] != [order.cid]:
                raise SeenOtherwise(f"{len(found)} orders are found by its id")
            return f"its status is {found[0].status}"
        finally:
            await self._ask(CANCEL, {"id": order.id})

    async def _canceled_by_our_id(self) -> str:
        order = await self._rest_far()
        try:
            assert order.cid is not None
            day = day_of(order.created_ms)
            answer = await self._ask(CANCEL, {"cid": order.cid, "cid_date": day})
            if not answer.is_success:
                raise SeenOtherwise(f"the cancel is {answer.said}")
            return f"of {day}"
        finally:
            await self._ask(CANCEL, {"id": order.id})

    async def _known_after_end(self) -> str:
        order = await self._rest_far()
        await self._ask(CANCEL, {"id": order.id})
        return await self._ended_as(order.id, "CANCELED")

    async def _post_only(self) -> str:
        _, ask = await self._prices()
        order = await self._placed(price=self._valid(ask * 2), flags=POST_ONLY)
        return await self._ended_as(order.id, POST_ONLY_ENDED)

    async def _too_small(self) -> str:
        instrument = self._listed()
        bid, _ = await self._prices()
        tiny = to_plain(instrument.lot_size)
        answer = await self._ask(SUBMIT, self._order(self._valid(bid * FAR), amount=tiny))
        return _is_refused(answer, GENERIC, "Invalid order")

    # Helpers

    def _listed(self) -> Instrument:
        if self._instrument is None:
            raise VenueUnavailable(f"{self._pair} is not listed here")
        return self._instrument

    async def _prices(self) -> tuple[Decimal, Decimal]:
        """Return the best bid and the best ask."""
        rows = decode(list[BookRow], await self._rest.read(PUBLIC_BOOK, {"symbol": self._pair}, {"len": "1"}))
        bids = [row.price for row in rows if row.amount > 0]
        asks = [row.price for row in rows if row.amount < 0]
        if not bids or not asks:
            raise VenueUnavailable(f"{self._pair} has no prices here")
        return max(bids), min(asks)

    def _valid(self, price: Decimal) -> str:
        step = self._listed().price_step(price)
        return to_plain(price // step * step)

    def _order(self, price: str, **further: str | int) -> Body:
        least = to_plain(self._listed().min_quantity)
        order = {"type": "EXCHANGE LIMIT", "symbol": self._pair, "amount": least, "price": price}
        return {**order, "cid": next(self._cids), **further}

    async def _rest_far(self) -> OrderFields:
        """Place an order that rests."""
        bid, _ = await self._prices()
        return await self._placed(price=self._valid(bid * FAR))

    async def _placed(self, *, price: str, **further: str | int) -> OrderFields:
        """Raises `VenueUnavailable` when the account cannot pay for it: that says nothing about the venue."""
        outcome = await self._rest.signed(self._key, SUBMIT, lambda _: self._order(price, **further))
        if not isinstance(outcome, Answered):
            raise VenueUnavailable("the venue did not answer")
        answer = order_answer(outcome.status, outcome.body)
        if answer.refusal is not None and answer.refusal.text.startswith(NO_FUNDS):
            raise VenueUnavailable(f"the account cannot pay for an order: {answer.said}")
        if not answer.is_success:
            raise SeenOtherwise(f"the order was refused: {answer.said}")
        return decode(list[OrderFields], decode(NotificationFields, outcome.body).data)[0]

    async def _ended_as(self, id: int, word: str) -> str:
        found = await self._listed_orders(PAST_ORDERS, id)
        if len(found) != 1 or not found[0].status.startswith(word):
            raise SeenOtherwise(f"the past orders with its id are {[each.status for each in found]}")
        return f"its status is {found[0].status}"

    async def _listed_orders(self, endpoint: RestEndpoint, id: int) -> list[OrderFields]:
        body = await self._rest.asked(self._key, endpoint, {"id": [id]})
        return decode(list[OrderFields], body)

    async def _asked(self, endpoint: RestEndpoint) -> bytes:
        return await self._rest.asked(self._key, endpoint, {})

    async def _ask(self, endpoint: RestEndpoint, body: Body) -> OrderAnswer:
        outcome = await self._rest.signed(self._key, endpoint, lambda _: body)
        if not isinstance(outcome, Answered):
            raise VenueUnavailable("the venue did not answer")
        return order_answer(outcome.status, outcome.body)


def _is_refused(answer: OrderAnswer, code: int, text: str) -> str:
    refusal = answer.refusal
    if refusal is None or refusal.code != code or not refusal.text.startswith(text):
        raise SeenOtherwise("it succeeded" if answer.is_success else f"it is {answer.said}")
    return answer.said
