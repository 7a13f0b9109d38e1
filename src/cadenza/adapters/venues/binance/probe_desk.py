"""What the probes of all markets share: requests about orders of one symbol, and the facts that hold on each market.

The orders of a probe are named by ids of its own (`PROBE_PREFIX`), rest far from the market, and are canceled again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from itertools import count

import msgspec

from cadenza.adapters.venues.binance.catalogue import read_catalogue
from cadenza.adapters.venues.binance.classify import (
    HTTP_CLIENT_ERRORS,
    HTTP_OK,
    classify_query,
    classify_submit,
    error_body,
)
from cadenza.adapters.venues.binance.credential import BinanceSigner, ParameterValue
from cadenza.adapters.venues.binance.endpoints import ENDPOINTS, BinanceEndpoint, BinanceMarket, depth_endpoint
from cadenza.adapters.venues.binance.models import BinanceRateLimit
from cadenza.adapters.venues.binance.requests import RECV_WINDOW_MS, BinanceRequest, stamp
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.probe import SeenOtherwise, shown_catalogue, shown_time
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.ids import VenueId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.domain.trading.enums import RejectReason
from cadenza.network.outcomes import Answered
from cadenza.ports.clock import Clock

PROBE_PREFIX = "cadenza-probe-"
SYMBOL = "BTCUSDT"
FAR = Decimal("0.8")
"""A resting order of the probe is placed at this part of the best bid: far enough to rest, within the price band."""

RESERVE = Decimal("1.05")
"""A part of it is for a post-only order that is to be refused, whose price is up to 1 % above the best ask."""

_MONEY_MISSING = (RejectReason.INSUFFICIENT_BALANCE, RejectReason.INSUFFICIENT_MARGIN)
_WALLETS = {BinanceMarket.SPOT: "spot", BinanceMarket.MARGIN: "cross margin", BinanceMarket.USDM: "USD-M"}

LOOKUP_TRIES = 20
LOOKUP_PAUSE_MS = 250
NO_SUCH_ORDER, NOT_CANCELED, TOO_LATE = -2013, -2011, -1021

ProbeParameters = dict[str, ParameterValue]


class ProbedOrder(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    executed: Decimal = msgspec.field(name="executedQty", default=Decimal(0))
    order_id: int = msgspec.field(name="orderId")
    fills: list[msgspec.Raw] = []


class _Depth(msgspec.Struct, frozen=True, kw_only=True):
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class ProbedMarket:
    """The symbol that the probe trades, with its best prices."""

    instrument: Instrument
    bid: Decimal
    ask: Decimal

    def quantity_at(self, price: Decimal) -> Decimal:
        """Return the smallest quantity that may be ordered at this price, with a tenth more for the market's moves."""
        lot = self.instrument.lot_size
        least = max(self.instrument.min_quantity, self.instrument.min_notional * Decimal("1.1") / price)
        return (least / lot).quantize(Decimal(1), ROUND_UP) * lot

    @property
    def enough(self) -> Decimal:
        """What the dearest order of the probe costs, with its fee and a reserve, in whole units of the quote asset."""
        dearest = max(self.quantity_at(price) for price in (self.bid, self.far_price))
        return (dearest * self.ask * RESERVE).quantize(Decimal(1), ROUND_UP)

    @property
    def far_price(self) -> Decimal:
        pip = self.instrument.pip_size
        return (self.bid * FAR // pip) * pip


class ProbeDesk:
    """One market, asked with one key. `market` stands for the host, and margin's instruments are those of spot;
    `further` are parameters that each request about an order has, `of_new_orders` those of new orders besides."""

    def __init__(
        self,
        market: BinanceMarket,
        *,
        venue_id: VenueId,
        rest: BinanceRest,
        signer: BinanceSigner,
        clock: Clock,
        further: ProbeParameters | None = None,
    ) -> None:
        self.endpoints = ENDPOINTS[market]
        self.rest = rest
        self.signer = signer
        self.clock = clock
        self._venue_id = venue_id
        self.of_new_orders: ProbeParameters = {}
        self.stated_limits: Sequence[BinanceRateLimit] = ()
        """What `catalogue` has found."""
        self._further = further or {}
        self._run = clock.now_ms() % 10**9
        self._numbers = count(1)
        self._market: ProbedMarket | None = None

    # Facts of every market

    async def time(self) -> str:
        market = self.endpoints.market
        return await shown_time(self.rest.clock_of(market), lambda: self.rest.trouble(market))

    async def catalogue(self) -> str:
        market = BinanceMarket.USDM if self.endpoints.market is BinanceMarket.USDM else BinanceMarket.SPOT
        catalogue = await read_catalogue(self.rest, market, self._venue_id)
        self.stated_limits = catalogue.limits
        found = next((each for each in catalogue.instruments if each.external_symbol == SYMBOL), None)
        if found is not None:
            body = await self.rest.read(market, depth_endpoint(market, 5), {"symbol": SYMBOL, "limit": 5})
            depth = msgspec.json.decode(body, type=_Depth)
            if depth.bids and depth.asks:
                self._market = ProbedMarket(found, depth.bids[0][0], depth.asks[0][0])
        refused = [(each.symbol, each.reason) for each in catalogue.refused]
        return shown_catalogue(len(catalogue.instruments), refused)

    async def deadline(self) -> str:
        """The proof that an order is dead rests on this."""
        endpoint = self.endpoints.account

        def late(time: RequestInstant) -> BinanceRequest:
            stamp = time.venue_ms - RECV_WINDOW_MS - 1_000
            return BinanceRequest("GET", endpoint.path, {"recvWindow": RECV_WINDOW_MS, "timestamp": stamp})

        return is_code(await self._signed(late, endpoint.weight), TOO_LATE)

    async def unknown_order(self) -> str:
        return is_code(await self.ask_about(self.new_id()), NO_SUCH_ORDER)

    async def unknown_cancel(self) -> str:
        return is_code(await self.order("DELETE", {"origClientOrderId": self.new_id()}), NOT_CANCELED)

    async def found_at_once(self) -> str:
        id = await self.rest_far()
        started_ms = self.clock.monotonic_ms()
        try:
            for tries in range(LOOKUP_TRIES):
                answer = await self.ask_about(id)
                if answer.status == 200:
                    took = f"{self.clock.monotonic_ms() - started_ms} ms after its reply"
                    if tries:
                        raise SeenOtherwise(f"it was found {took} only, by question {tries + 1}")
                    return took
                await self.clock.sleep_ms(LOOKUP_PAUSE_MS)
            raise SeenOtherwise(f"it was not found by {LOOKUP_TRIES} questions")
        finally:
            await self.cancel(id)

    async def duplicate(self) -> str:
        id = await self.rest_far()
        try:
            answer = await self.place_far(id)
            verdict = classify_submit(self.endpoints.market, answer.status, error_body(answer.body))
            if not verdict.is_duplicate:
                raise SeenOtherwise(f"{answer.status}: {verdict.text}")
            return verdict.text
        finally:
            await self.cancel(id)

    async def known_after_end(self) -> str:
        id = await self.rest_far()
        await self.cancel(id)
        status = msgspec.json.decode(success(await self.ask_about(id)), type=ProbedOrder).status
        if status != "CANCELED":
            raise SeenOtherwise(f"it is {status}")
        return status

    async def id_is_free_again(self) -> str:
        """So a second send of ours would be executed, and none is ever made."""
        id = await self.rest_far()
        await self.cancel(id)
        answer = await self.place_far(id)
        if answer.status != 200:
            raise SeenOtherwise(text_of(answer))
        await self.cancel(id)
        return "it was taken"

    async def post_only(self, words: Mapping[str, ParameterValue]) -> str:
        """`words` make a limit order a post-only one. Its price is so far through the book that it takes although the
        market moves meanwhile."""
        market, id = self.require_market(), self.new_id()
        pip = market.instrument.pip_size
        price = market.ask + 10 * pip + market.ask / 200 // pip * pip
        answer = await self.order("POST", {**words, **self._buy(price), "newClientOrderId": id})
        if answer.status == 200:
            await self.cancel(id)
            raise SeenOtherwise("it was taken")
        verdict = classify_submit(self.endpoints.market, answer.status, error_body(answer.body))
        if verdict.reason is not RejectReason.POST_ONLY_WOULD_TAKE:
            raise SeenOtherwise(f"{answer.status}: {verdict.text}")
        return verdict.text

    # Requests

    def require_market(self) -> ProbedMarket:
        """Return the market that `catalogue` has found. Raises `VenueUnavailable`."""
        if self._market is None:
            raise VenueUnavailable(f"{SYMBOL} has no prices here")
        return self._market

    def new_id(self) -> str:
        return f"{PROBE_PREFIX}{self._run}-{self.endpoints.market.value[:1]}{next(self._numbers)}"

    async def rest_far(self) -> str:
        """Place an order that rests, and return its id."""
        id = self.new_id()
        success(await self.place_far(id))
        return id

    async def place_far(self, id: str, further: Mapping[str, ParameterValue] | None = None) -> Answered:
        limit: ProbeParameters = {"type": "LIMIT", "timeInForce": "GTC", "newClientOrderId": id}
        return await self.order("POST", {**limit, **self._buy(self.require_market().far_price), **(further or {})})

    async def cancel(self, id: str) -> None:
        success(await self.order("DELETE", {"origClientOrderId": id}))

    async def ask_about(self, id: str) -> Answered:
        return await self.order("GET", {"origClientOrderId": id})

    async def order(
        self, method: str, parameters: Mapping[str, ParameterValue], endpoint: BinanceEndpoint | None = None
    ) -> Answered:
        """Make a request about an order of the symbol, of `endpoint` if it is not the usual one."""
        endpoint = endpoint or self.endpoints.order

        is_new = method == "POST"
        named = {"symbol": SYMBOL, **self._further, **(self.of_new_orders if is_new else {}), **parameters}

        def make(time: RequestInstant) -> BinanceRequest:
            return BinanceRequest(method, endpoint.path, {**named, **stamp(time)})

        return await self._signed(make, endpoint.weight, is_order=is_new)

    async def read(self, endpoint: BinanceEndpoint, parameters: Mapping[str, ParameterValue] | None = None) -> bytes:
        """Return the body of a signed reading request. Raises `CredentialRejected` and `VenueUnavailable`."""
        return await self.rest.read_signed(self.endpoints.market, self.signer, endpoint, parameters or {})

    def _buy(self, price: Decimal) -> ProbeParameters:
        quantity = to_plain(self.require_market().quantity_at(price))
        return {"side": "BUY", "price": to_plain(price), "quantity": quantity}

    async def _signed(
        self, make: Callable[[RequestInstant], BinanceRequest], weight: int, *, is_order: bool = False
    ) -> Answered:
        market = self.endpoints.market
        outcome = await self.rest.signed(market, self.signer, make, weight=weight, is_order=is_order)
        if not isinstance(outcome, Answered):
            raise VenueUnavailable(f"no answer: {outcome.cause.value}")
        _require_processed(market, outcome)
        if is_order:
            self._require_money(outcome)
        return outcome

    def _require_money(self, answer: Answered) -> None:
        """Raise `VenueUnavailable` when the order was refused because the account cannot pay for it: that says nothing
        about the fact."""
        market = self.endpoints.market
        verdict = classify_submit(market, answer.status, error_body(answer.body))
        if answer.status != HTTP_OK and verdict.reason in _MONEY_MISSING:
            enough = to_plain(self.require_market().enough)
            raise VenueUnavailable(f"{verdict.text} Put {enough} USDT into the {_WALLETS[market]} wallet.")


def _require_processed(market: BinanceMarket, answer: Answered) -> None:
    """Raise when the answer says nothing about the fact: the key or its signature was not accepted
    (`CredentialRejected`), or the venue did not process the request (`VenueUnavailable`)."""
    if answer.status == HTTP_OK:
        return
    verdict = classify_query(market, answer.status, error_body(answer.body))
    if verdict.verdict is ReplyVerdict.KEY_REJECTED:
        raise CredentialRejected(f"the key is not accepted: {verdict.text}")
    if verdict.verdict is ReplyVerdict.RATE_LIMITED or answer.status not in HTTP_CLIENT_ERRORS:
        raise VenueUnavailable(f"the venue did not process it: status {answer.status}")


def is_code(answer: Answered, code: int) -> str:
    """Return the refusal with this code. Raises `SeenOtherwise` for any other answer."""
    error = error_body(answer.body)
    if error is None or error.code != code:
        raise SeenOtherwise(text_of(answer))
    return f"{error.code} {error.msg}"


def success(answer: Answered) -> bytes:
    """Return the body of a success. Raises `SeenOtherwise`."""
    if answer.status != 200:
        raise SeenOtherwise(text_of(answer))
    return answer.body


def text_of(answer: Answered) -> str:
    error = error_body(answer.body)
    return f"status {answer.status}" if error is None else f"status {answer.status}, {error.code} {error.msg}"
