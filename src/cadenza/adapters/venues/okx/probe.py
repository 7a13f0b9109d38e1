"""A probe of OKX: the facts that the connector relies on, asked of the venue itself.

Each fact is one that only a live account can confirm, or that the venue may change.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from cadenza.adapters.venues.kit.order_facts import Standing
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.probe import (
    ProbeAsk,
    ProbeFinding,
    SeenOtherwise,
    findings_of,
    shown_catalogue,
    shown_time,
)
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.catalogue import read_catalogue
from cadenza.adapters.venues.okx.classify import DUPLICATES, NO_OPEN_ORDER, NOT_FOUND, TIMESTAMP_REFUSED, OkxAnswer
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import CANCEL_ALGO, CONFIG, FILLS, QUERY_ALGO
from cadenza.adapters.venues.okx.models import OkxAlgoOrder, OkxFill, OkxOrder, amount
from cadenza.adapters.venues.okx.probe_desk import PAIR, PairDesk, is_code, success
from cadenza.adapters.venues.okx.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.okx.requests import TIMESTAMP_AGE_MS_MAX
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.ids import VenueId
from cadenza.domain.money import to_plain
from cadenza.ports.clock import Clock
from cadenza.ports.venue import VerifiedKey

LOOKUP_TRIES = 20
LOOKUP_PAUSE_MS = 250
EXPIRED = ("50036", "50037")
_TOO_OLD_MS = TIMESTAMP_AGE_MS_MAX + 1_000


class OkxProbe:
    """Implements `VenueProbe`, with one pair of spot. Where the venue's time cannot be seen, nothing more is asked.
    One order is executed, of the smallest quantity."""

    def __init__(self, *, venue_id: VenueId, rest: OkxRest, signer: OkxSigner, clock: Clock) -> None:
        self._venue_id = venue_id
        self._rest = rest
        self._clock = clock
        self._desk = PairDesk(rest, signer, clock)
        self._verified: VerifiedKey | None = None

    def findings(self, *, with_orders: bool) -> AsyncIterator[ProbeFinding]:
        return findings_of({**self._readings(), **(self._trades() if with_orders else {})})

    def _readings(self) -> Mapping[str, ProbeAsk]:
        return {
            "the venue answers with its time": self._time,
            "every listed instrument can be read": self._catalogue,
            "the key is accepted, and the account has an id and modes that are known here": self._account,
            "the key may not withdraw": self._rights,
            "a request whose time has passed is refused with 50102": self._old_request,
            "an order that never was is 51603": self._unknown_order,
            "a conditional order that never was is 51603": self._unknown_algo,
            "a cancel of an order that never was is 51400": self._unknown_cancel,
        }

    def _trades(self) -> Mapping[str, ProbeAsk]:
        return {
            "an order is found by our id as soon as its reply has come": self._found_at_once,
            "a second order with the id of one that works is refused as a duplicate": self._duplicate,
            "a canceled order is still found": self._known_after_end,
            "the id of an order that has ended is taken again": self._id_is_free_again,
            "an order whose time has passed is refused": self._expired,
            "a post-only order that would take is canceled with source 31": self._post_only,
            "the executions of a filled order are listed at once": self._fills,
            "a conditional order is found by our id as soon as its reply has come": self._algo_found_at_once,
            "a conditional order by a request whose time has passed is refused with 50102": self._old_algo,
        }

    # Facts that need no order

    async def _time(self) -> str:
        return await shown_time(self._rest.clock, lambda: self._rest.trouble)

    async def _catalogue(self) -> str:
        catalogue = await read_catalogue(self._rest, self._venue_id)
        for instrument in catalogue.instruments:
            if instrument.external_symbol == PAIR:
                await self._desk.look_at(instrument)
        refused = [(each.name, each.reason) for each in catalogue.refused]
        return shown_catalogue(len(catalogue.instruments), refused)

    async def _account(self) -> str:
        try:
            verified = self._verified = await ReachableAccounts(self._rest).reached(self._desk.signer)
        except CredentialRejected as refused:
            raise SeenOtherwise(str(refused)) from refused
        types = [each.type for each in verified.accounts]
        self._desk.trade_mode = mapping.TRADE_MODES[
            AccountType.SPOT if AccountType.SPOT in types else AccountType.MARGIN
        ]
        first = verified.accounts[0]
        return f"account {first.external_id.partition(':')[0]}, {first.external_type}: {', '.join(types)}"

    async def _rights(self) -> str:
        """No fact of the venue but of the key: the connector needs no such right."""
        rights = None if self._verified is None else self._verified.rights
        if rights is None:
            raise VenueUnavailable("the key's rights are not known")
        if rights.may_withdraw:
            raise SeenOtherwise("it may: make a key without the right to withdraw, and delete this one")
        bound = "bound to addresses" if rights.is_bound_to_addresses else "it works from any address: bind it to yours"
        return f"it may not; {bound}"

    async def _old_request(self) -> str:
        """That the venue lets no conditional order in after its deadline rests on this."""
        answer = await self._desk.ask(CONFIG, age_ms=_TOO_OLD_MS)
        return is_code(answer, TIMESTAMP_REFUSED)

    async def _unknown_order(self) -> str:
        return is_code(await self._desk.look_up(self._desk.new_id()), NOT_FOUND)

    async def _unknown_algo(self) -> str:
        return is_code(await self._look_up_algo(self._desk.new_id()), NOT_FOUND)

    async def _unknown_cancel(self) -> str:
        return is_code(await self._desk.cancel(self._desk.new_id()), NO_OPEN_ORDER)

    # Facts that need orders

    async def _found_at_once(self) -> str:
        id = await self._desk.rest_far()
        try:
            return await self._found(id, self._desk.look_up)
        finally:
            success(await self._desk.cancel(id))

    async def _duplicate(self) -> str:
        id = await self._desk.rest_far()
        try:
            return is_code(await self._desk.place_far(id), *DUPLICATES)
        finally:
            success(await self._desk.cancel(id))

    async def _known_after_end(self) -> str:
        id = await self._desk.rest_far()
        success(await self._desk.cancel(id))
        order = await self._order(id)
        if _standing(order) is not Standing.CANCELED:
            raise SeenOtherwise(f"it is {order.state}")
        return order.state

    async def _id_is_free_again(self) -> str:
        """So a second send of ours would be executed, and none is ever made."""
        id = await self._desk.rest_far()
        success(await self._desk.cancel(id))
        success(await self._desk.place_far(id))
        success(await self._desk.cancel(id))
        return "it was taken"

    async def _expired(self) -> str:
        """The proof that an order is dead rests on this."""
        id = self._desk.new_id()
        answer = await self._desk.place_far(id, expires_in_ms=-1_000)
        if answer.is_success:
            await self._desk.cancel(id)
            raise SeenOtherwise("it was taken")
        return is_code(answer, *EXPIRED)

    async def _post_only(self) -> str:
        id = self._desk.new_id()
        price = to_plain(self._desk.require_prices().taking_price)
        success(await self._desk.buy(id, {"ordType": "post_only", "px": price}))
        order = await self._ended(id)
        if _standing(order) is not Standing.CANCELED or order.cancel_source != mapping.WOULD_TAKE:
            await self._desk.cancel(id)
            raise SeenOtherwise(f"it is {order.state}, with source {order.cancel_source!r}")
        return order.cancel_text or "canceled"

    async def _fills(self) -> str:
        id = self._desk.new_id()
        success(await self._desk.buy(id, {"ordType": mapping.MARKET, "tgtCcy": "base_ccy", "banAmend": True}))
        order = await self._ended(id)
        if _standing(order) is not Standing.FILLED:
            raise SeenOtherwise(f"it is {order.state}")
        rows = await self._rest.rows(self._desk.signer, FILLS, {"instType": "SPOT", "ordId": order.order_id})
        listed = sum(amount(decode(OkxFill, row).size) for row in rows)
        if listed != amount(order.executed):
            raise SeenOtherwise(f"{order.executed} is executed, {listed} listed")
        return f"{len(rows)} of {order.executed} in all"

    async def _algo_found_at_once(self) -> str:
        id = self._desk.new_id()
        success(await self._desk.buy_later(id))
        try:
            return await self._found(id, self._look_up_algo)
        finally:
            await self._cancel_algo(id)

    async def _old_algo(self) -> str:
        id = self._desk.new_id()
        answer = await self._desk.buy_later(id, _TOO_OLD_MS)
        if answer.is_success:
            await self._cancel_algo(id)
            raise SeenOtherwise("it was taken")
        return is_code(answer, TIMESTAMP_REFUSED)

    # Helpers

    async def _found(self, id: str, look_up: Callable[[str], Awaitable[OkxAnswer]]) -> str:
        started_ms = self._clock.monotonic_ms()
        for tries in range(LOOKUP_TRIES):
            if (await look_up(id)).is_success:
                took = f"{self._clock.monotonic_ms() - started_ms} ms after its reply"
                if tries:
                    raise SeenOtherwise(f"it was found {took} only, by question {tries + 1}")
                return took
            await self._clock.sleep_ms(LOOKUP_PAUSE_MS)
        raise SeenOtherwise(f"it was not found by {LOOKUP_TRIES} questions")

    async def _order(self, id: str) -> OkxOrder:
        return decode(OkxOrder, success(await self._desk.look_up(id)).reply.data[0])

    async def _ended(self, id: str) -> OkxOrder:
        """Return the order when it has ended, or as it stands after a while."""
        for _ in range(LOOKUP_TRIES):
            order = await self._order(id)
            if _standing(order) is not Standing.WORKING:
                break
            await self._clock.sleep_ms(LOOKUP_PAUSE_MS)
        return order

    async def _look_up_algo(self, id: str) -> OkxAnswer:
        return await self._desk.ask(QUERY_ALGO, query={"algoClOrdId": id})

    async def _cancel_algo(self, id: str) -> None:
        """An order of the algo service is canceled by the venue's own number."""
        row = decode(OkxAlgoOrder, success(await self._look_up_algo(id)).reply.data[0])
        success(await self._desk.ask(CANCEL_ALGO, body=[{"instId": PAIR, "algoId": row.algo_id}]))


def _standing(order: OkxOrder) -> Standing:
    return mapping.ORDER_STATES.of(order.state)
