"""A probe of BINANCE spot: the facts of the venue that the connector relies on, asked of the venue itself.

Each fact is one that only a live account can confirm, or that the venue may change. The orders of the probe are named
by ids of its own (`PROBE_PREFIX`), rest far from the market, and are canceled again. One is executed: the smallest that
the symbol takes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from itertools import count

import msgspec

from cadenza.adapters.venues.binance.classify import BinanceMarket, classify_submit, error_body
from cadenza.adapters.venues.binance.credential import BinanceSigner, ParameterValue
from cadenza.adapters.venues.binance.endpoints import SPOT, depth_endpoint
from cadenza.adapters.venues.binance.models import BinanceLimits, BinanceSpotAccount, decode
from cadenza.adapters.venues.binance.orders import RECV_WINDOW_MS, BinanceRequest, RequestTime
from cadenza.adapters.venues.binance.parse_instruments import spot_catalogue
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import SPOT_LIMITS
from cadenza.adapters.venues.kit.probe import ProbeFinding, ProbeVerdict
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError, VenueUnavailable
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.outcomes import Answered
from cadenza.ports.clock import Clock

PROBE_PREFIX = "cadenza-probe-"
SYMBOL = "BTCUSDT"
FAR = Decimal("0.8")
"""A resting order of the probe is placed at this part of the best bid: far enough to rest, within the price band."""

LOOKUP_TRIES = 20
LOOKUP_PAUSE_MS = 250
NO_SUCH_ORDER, NOT_CANCELED, TOO_LATE, REJECTED = -2013, -2011, -1021, -2010

Parameters = dict[str, ParameterValue]


class _Depth(msgspec.Struct, frozen=True, kw_only=True):
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


class _PlacedOrder(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    executed: Decimal = msgspec.field(name="executedQty", default=Decimal(0))
    order_id: int = msgspec.field(name="orderId")
    fills: list[msgspec.Raw] = []


class _SeenOtherwise(Exception):
    """The venue did not show what was asked for. The message says what it showed."""


@dataclass(frozen=True, slots=True)
class _Market:
    """The symbol that the probe trades."""

    instrument: Instrument
    bid: Decimal
    ask: Decimal

    def quantity_at(self, price: Decimal) -> Decimal:
        """Return the smallest quantity that may be ordered at this price, with a tenth more for the market's moves."""
        lot = self.instrument.lot_size
        least = max(self.instrument.min_quantity, self.instrument.min_notional * Decimal("1.1") / price)
        return (least / lot).quantize(Decimal(1), ROUND_UP) * lot

    @property
    def far_price(self) -> Decimal:
        pip = self.instrument.pip_size
        return (self.bid * FAR // pip) * pip


class BinanceProbe:
    """Implements `VenueProbe` for spot."""

    def __init__(self, *, spec: VenueSpec, rest: BinanceRest, signer: BinanceSigner, clock: Clock) -> None:
        self._spec = spec
        self._rest = rest
        self._signer = signer
        self._clock = clock
        self._run = clock.now_ms()
        self._numbers = count(1)
        self._market: _Market | None = None

    async def findings(self, *, with_orders: bool) -> AsyncIterator[ProbeFinding]:
        for fact, ask in _READINGS.items():
            yield await self._finding(fact, ask)
        if not with_orders:
            return
        for fact, ask in _TRADES.items():
            yield await self._finding(fact, ask)

    async def _finding(self, fact: str, ask: "_Ask") -> ProbeFinding:
        try:
            return ProbeFinding(fact, ProbeVerdict.CONFIRMED, await ask(self))
        except _SeenOtherwise as seen:
            return ProbeFinding(fact, ProbeVerdict.REFUTED, str(seen))
        except (CadenzaError, UnreadablePayload, msgspec.DecodeError) as error:
            return ProbeFinding(fact, ProbeVerdict.UNSEEN, str(error))

    # Readings

    async def clock(self) -> str:
        venue_clock = self._rest.clock_of(BinanceMarket.SPOT)
        if not await venue_clock.measure():
            raise VenueUnavailable("the venue did not answer with its time")
        instant = venue_clock.usable()
        if instant is None:
            raise _SeenOtherwise("its time is known too roughly to send an order with a deadline")
        return f"it is {instant.ahead_ms} ms ahead of ours, give or take {instant.error_ms} ms"

    async def catalogue(self) -> str:
        body = await self._rest.read(BinanceMarket.SPOT, SPOT.exchange_info, {})
        catalogue = spot_catalogue(body, self._spec.venue_id)
        found = next((each for each in catalogue.instruments if each.external_symbol == SYMBOL), None)
        if found is not None:
            depth = msgspec.json.decode(
                await self._rest.read(BinanceMarket.SPOT, depth_endpoint(BinanceMarket.SPOT, 5), _depth_of(SYMBOL)),
                type=_Depth,
            )
            if depth.bids and depth.asks:
                self._market = _Market(found, depth.bids[0][0], depth.asks[0][0])
        if catalogue.refused:
            first = catalogue.refused[0]
            name = first.symbol or "one without a name"
            raise _SeenOtherwise(f"{len(catalogue.refused)} cannot be read, the first is {name}: {first.reason}")
        return f"{len(catalogue.instruments)} symbols"

    async def limits(self) -> str:
        stated = decode(BinanceLimits, await self._rest.read(BinanceMarket.SPOT, SPOT.exchange_info, {}))
        found = {(each.type, each.interval, each.count): each.limit for each in stated.limits}
        usual = {
            ("REQUEST_WEIGHT", "MINUTE", 1): SPOT_LIMITS.weight_per_minute,
            ("ORDERS", "SECOND", 10): SPOT_LIMITS.orders_per_10_s,
            ("ORDERS", "DAY", 1): SPOT_LIMITS.orders_per_day,
        }
        other = [
            f"{kind} is {found.get(kind)} instead of {limit}"
            for kind, limit in usual.items()
            if found.get(kind) != limit
        ]
        if other:
            raise _SeenOtherwise("; ".join(other))
        return ", ".join(str(limit) for limit in usual.values())

    async def account(self) -> str:
        body = await self._rest.read_signed(BinanceMarket.SPOT, self._signer, SPOT.account, {})
        uid = decode(BinanceSpotAccount, body).uid
        if uid is None:
            raise _SeenOtherwise("the account has no uid")
        return f"account {uid}, {self._signer.type.value}"

    async def deadline(self) -> str:
        """The proof that an order is dead rests on this."""

        def late(time: RequestTime) -> BinanceRequest:
            stamp = time.venue_ms - RECV_WINDOW_MS - 1_000
            return BinanceRequest("GET", SPOT.account.path, {"recvWindow": RECV_WINDOW_MS, "timestamp": stamp})

        return self._is_code(await self._signed(late, SPOT.account.weight), TOO_LATE)

    async def unknown_order(self) -> str:
        answer = await self._ask_about(self._new_id())
        return self._is_code(answer, NO_SUCH_ORDER)

    async def unknown_cancel(self) -> str:
        return self._is_code(await self._order("DELETE", {"origClientOrderId": self._new_id()}), NOT_CANCELED)

    # Orders

    async def found_at_once(self) -> str:
        market = self._require_market()
        id = await self._rest_far(market)
        started_ms = self._clock.monotonic_ms()
        try:
            for tries in range(LOOKUP_TRIES):
                answer = await self._ask_about(id)
                if answer.status == 200:
                    took = f"{self._clock.monotonic_ms() - started_ms} ms after its reply"
                    if tries:
                        raise _SeenOtherwise(f"it was found {took} only, by question {tries + 1}")
                    return took
                await self._clock.sleep_ms(LOOKUP_PAUSE_MS)
            raise _SeenOtherwise(f"it was not found by {LOOKUP_TRIES} questions")
        finally:
            await self._cancel(id)

    async def duplicate(self) -> str:
        market = self._require_market()
        id = await self._rest_far(market)
        try:
            answer = await self._place_far(market, id)
            verdict = classify_submit(BinanceMarket.SPOT, answer.status, error_body(answer.body))
            if not verdict.is_duplicate:
                raise _SeenOtherwise(f"{answer.status}: {verdict.text}")
            return verdict.text
        finally:
            await self._cancel(id)

    async def known_after_end(self) -> str:
        id = await self._rest_far(self._require_market())
        await self._cancel(id)
        answer = await self._ask_about(id)
        status = msgspec.json.decode(_success(answer), type=_PlacedOrder).status
        if status != "CANCELED":
            raise _SeenOtherwise(f"it is {status}")
        return status

    async def id_is_free_again(self) -> str:
        """So a second send of ours would be executed, and none is ever made."""
        market = self._require_market()
        id = await self._rest_far(market)
        await self._cancel(id)
        answer = await self._place_far(market, id)
        if answer.status != 200:
            raise _SeenOtherwise(_text(answer))
        await self._cancel(id)
        return "it was taken"

    async def post_only(self) -> str:
        market = self._require_market()
        price, id = market.ask + 10 * market.instrument.pip_size, self._new_id()
        quantity = to_plain(market.quantity_at(price))
        answer = await self._order(
            "POST",
            {"side": "BUY", "type": "LIMIT_MAKER", "price": to_plain(price), "quantity": quantity,
             "newClientOrderId": id},
        )  # fmt: skip
        if answer.status == 200:
            await self._cancel(id)
            raise _SeenOtherwise("it was taken")
        verdict = classify_submit(BinanceMarket.SPOT, answer.status, error_body(answer.body))
        if verdict.reason is not RejectReason.POST_ONLY_WOULD_TAKE:
            raise _SeenOtherwise(f"{answer.status}: {verdict.text}")
        return verdict.text

    async def fills_in_reply(self) -> str:
        market = self._require_market()
        answer = await self._order(
            "POST",
            {"side": "BUY", "type": "MARKET", "quantity": to_plain(market.quantity_at(market.bid)),
             "newClientOrderId": self._new_id(), "newOrderRespType": "FULL"},
        )  # fmt: skip
        placed = msgspec.json.decode(_success(answer), type=_PlacedOrder)
        trades = await self._rest.read_signed(
            BinanceMarket.SPOT, self._signer, SPOT.order_trades, {"symbol": SYMBOL, "orderId": placed.order_id}
        )
        listed = len(msgspec.json.decode(trades, type=list[msgspec.Raw]))
        if placed.status != "FILLED" or not placed.fills or listed != len(placed.fills):
            raise _SeenOtherwise(f"{placed.status}, {len(placed.fills)} fills in the reply, {listed} listed")
        return f"{listed} of {to_plain(placed.executed)} in all"

    # Helpers

    def _require_market(self) -> _Market:
        if self._market is None:
            raise VenueUnavailable(f"{SYMBOL} has no prices here")
        return self._market

    def _new_id(self) -> str:
        return f"{PROBE_PREFIX}{self._run % 10**9}-{next(self._numbers)}"

    async def _rest_far(self, market: _Market) -> str:
        """Place an order that rests, and return its id."""
        id = self._new_id()
        _success(await self._place_far(market, id))
        return id

    async def _place_far(self, market: _Market, id: str) -> Answered:
        price = market.far_price
        quantity = to_plain(market.quantity_at(price))
        return await self._order(
            "POST",
            {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": to_plain(price), "quantity": quantity,
             "newClientOrderId": id},
        )  # fmt: skip

    async def _cancel(self, id: str) -> None:
        _success(await self._order("DELETE", {"origClientOrderId": id}))

    async def _ask_about(self, id: str) -> Answered:
        return await self._order("GET", {"origClientOrderId": id})

    async def _order(self, method: str, parameters: Parameters) -> Answered:
        def make(time: RequestTime) -> BinanceRequest:
            return BinanceRequest(method, SPOT.order.path, {"symbol": SYMBOL, **parameters, **time.parameters(None)})

        return await self._signed(make, SPOT.order.weight, is_order=method == "POST")

    async def _signed(
        self, make: Callable[[RequestTime], BinanceRequest], weight: int, *, is_order: bool = False
    ) -> Answered:
        outcome = await self._rest.signed(BinanceMarket.SPOT, self._signer, make, weight=weight, is_order=is_order)
        if not isinstance(outcome, Answered):
            raise VenueUnavailable(f"no answer: {outcome.cause.value}")
        return outcome

    def _is_code(self, answer: Answered, code: int) -> str:
        error = error_body(answer.body)
        if error is None or error.code != code:
            raise _SeenOtherwise(_text(answer))
        return f"{error.code} {error.msg}"


_Ask = Callable[[BinanceProbe], Awaitable[str]]

_READINGS: Mapping[str, _Ask] = {
    "the venue answers with its time": BinanceProbe.clock,
    "every listed symbol can be read": BinanceProbe.catalogue,
    "the limits are those that the connector begins with": BinanceProbe.limits,
    "the key is accepted, and the account has an id": BinanceProbe.account,
    "a request whose time has passed is refused with -1021": BinanceProbe.deadline,
    "an order that never was is -2013": BinanceProbe.unknown_order,
    "a cancel of an order that never was is -2011": BinanceProbe.unknown_cancel,
}
_TRADES: Mapping[str, _Ask] = {
    "an order is found by our id as soon as its reply has come": BinanceProbe.found_at_once,
    "a second order with the id of one that works is refused as a duplicate": BinanceProbe.duplicate,
    "a canceled order is still found": BinanceProbe.known_after_end,
    "the id of an order that has ended is taken again": BinanceProbe.id_is_free_again,
    "a post-only order that would take is refused": BinanceProbe.post_only,
    "the reply to a market order has its fills, and they are listed at once": BinanceProbe.fills_in_reply,
}


def _depth_of(symbol: str) -> Parameters:
    return {"symbol": symbol, "limit": 5}


def _success(answer: Answered) -> bytes:
    if answer.status != 200:
        raise _SeenOtherwise(_text(answer))
    return answer.body


def _text(answer: Answered) -> str:
    error = error_body(answer.body)
    return f"status {answer.status}" if error is None else f"status {answer.status}, {error.code} {error.msg}"
