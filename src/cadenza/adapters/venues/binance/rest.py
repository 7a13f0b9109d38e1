"""The raw client of BINANCE's REST APIs: signed and public requests at the venue's pace, on the venue's time.

One client serves every session of a connector, because the venue counts weight by address. It knows nothing of orders:
what an answer proves is decided by `classify`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

import msgspec
import structlog

from cadenza.adapters.venues.binance.classify import (
    HTTP_BANNED,
    HTTP_OK,
    HTTP_TOO_MANY,
    TIMESTAMP_REFUSED,
    classify_query,
    error_body,
    refused_key,
    said,
)
from cadenza.adapters.venues.binance.credential import BinanceSigner, Parameters, ParameterValue, encoded_query
from cadenza.adapters.venues.binance.endpoints import ENDPOINTS, BinanceEndpoint, BinanceMarket
from cadenza.adapters.venues.binance.models import (
    BinancePayload,
)
from cadenza.adapters.venues.binance.requests import BinanceRequest, stamp
from cadenza.adapters.venues.binance.spec import (
    MARGIN_LIMITS,
    MARGIN_REST,
    SPOT_LIMITS,
    SPOT_REST,
    USDM_LIMITS,
    USDM_REST,
    PaceLimits,
)
from cadenza.adapters.venues.kit.not_sent import not_sent_for_pace
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.request_instant import RequestInstant, made_now
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, Outcome, OutcomeUnknown
from cadenza.network.pace_queue import PaceRefusal
from cadenza.network.pace_windows import MeterKey, WindowLimit
from cadenza.network.pacing import Pacer, PaceTicket
from cadenza.network.traffic import HttpCalls
from cadenza.ports.clock import Clock

_log = structlog.get_logger("cadenza.venue")

READ_MS_MAX = 10_000
"""How long a request may wait for its turn, and then for its reply, unless its caller says otherwise."""

READING_TURN_MS_MAX = 45_000
"""How long a reading of an account waits for its turn. When many accounts are opened, the venue's weight lets them go
one after another: whoever gives up sooner opens its session again, and what it had read was read in vain. With the
reply it stays within the `ANSWER_MS_MAX` of the ports."""

RETRY_AFTER_MS = 60_000
BANNED_MS = 120_000
ORDERS_HELD_MS = 10_000
"""How long nothing is sent after a refusal for the pace that does not say how long: too many requests, a ban, too many
orders."""

CONNECTIONS_MAX, CONNECTIONS_FOR_URGENT = 32, 4
"""Requests that are under way to one host at a time, and how many of these places only cancels and questions about
orders may take. The others wait here, where cancels overtake them, and not within the HTTP client."""

_TOO_MANY_ORDERS = -1015
_PUBLIC = "public"
_MINUTE_MS, _10_S_MS, _DAY_MS = 60_000, 10_000, 86_400_000
_COUNTS = {"10s": _10_S_MS, "1m": _MINUTE_MS, "1d": _DAY_MS}
_WEIGHT, _READINGS, _ORDERS, _UNDER_WAY = "weight", "readings", "orders", "under way"
_ANY = ""
_USED_WEIGHT = re.compile(r"x-(?:mbx|sapi)-used(?:-ip)?-weight-1m")
_ORDER_COUNT = re.compile(r"x-mbx-order-count-(\w+)")


class _ServerTime(BinancePayload, frozen=True, kw_only=True):
    server_ms: int = msgspec.field(name="serverTime")


@dataclass(frozen=True, slots=True)
class _HostHold:
    """Nothing leaves until this instant of our monotonic clock. `words` say why, for people."""

    until_ms: int
    words: str


class BinanceRest:
    """Sends requests to the hosts of one environment. A market without a URL there answers `NotSent`.

    Law: a request is written at most once. It leaves only when the venue's limits allow it, cancels before everything
    else, and readings leave room for orders; it is signed after that, with the venue's time. After a `429` no request
    of that market leaves until `Retry-After` has passed. A `418` is a ban of our address: no request leaves to any
    market of that host until the ban ends. Spot and margin are markets of one host.
    """

    def __init__(
        self,
        *,
        urls: Mapping[str, str],
        http: HttpCalls,
        clock: Clock,
        limits: Mapping[BinanceMarket, PaceLimits] | None = None,
    ) -> None:
        self._bases = {
            market: urls[name]
            for market, name in (
                (BinanceMarket.SPOT, SPOT_REST),
                (BinanceMarket.MARGIN, MARGIN_REST),
                (BinanceMarket.USDM, USDM_REST),
            )
            if name in urls
        }
        self._http = http
        self._clock = clock
        defaults = {
            BinanceMarket.SPOT: SPOT_LIMITS,
            BinanceMarket.MARGIN: MARGIN_LIMITS,
            BinanceMarket.USDM: USDM_LIMITS,
        }
        self._pacers = {
            market: Pacer(_windows(each), clock=clock) for market, each in {**defaults, **(limits or {})}.items()
        }
        spot, usdm = (self._new_clock(market) for market in (BinanceMarket.SPOT, BinanceMarket.USDM))
        self.clocks: Mapping[BinanceMarket, VenueClock] = {
            BinanceMarket.SPOT: spot,
            BinanceMarket.MARGIN: spot,
            BinanceMarket.USDM: usdm,
        }
        self._troubles: dict[BinanceMarket, str] = {}
        self._holds: dict[BinanceMarket, _HostHold] = {}

    def has(self, market: BinanceMarket) -> bool:
        """Return whether the environment has the market."""
        return market in self._bases

    def clock_of(self, market: BinanceMarket) -> VenueClock:
        return self.clocks[market]

    def trouble(self, market: BinanceMarket) -> str | None:
        """Return in words why the last request for the time of the market's host failed; None when it did not."""
        return self._troubles.get(market)

    def held(self, market: BinanceMarket) -> str | None:
        """Return in words why nothing may be sent to the market now, and until when; None when it may."""
        hold = self._holds.get(market)
        return None if hold is None or hold.until_ms <= self._clock.monotonic_ms() else hold.words

    def hold(self, market: BinanceMarket, status: int, for_ms: int | None) -> None:
        """The venue has refused a request of the market, over REST or a WebSocket, for its pace (`429`), or because it
        has banned our address (`418`). It asks for a pause of `for_ms`; None where it does not say how long."""
        is_banned = status == HTTP_BANNED
        if for_ms is None:
            for_ms = BANNED_MS if is_banned else RETRY_AFTER_MS
        until = datetime.fromtimestamp((self._clock.now_ms() + for_ms) // 1000, UTC)
        what = "banned this address" if is_banned else "asked for a pause"
        words = f"BINANCE {what} (HTTP {status}) until {until:%Y-%m-%d %H:%M:%S} UTC"
        for each in BinanceMarket:
            if each is market or (is_banned and self.clocks[each] is self.clocks[market]):
                self._pacers[each].hold(MeterKey(_WEIGHT, _ANY), for_ms)
                self._holds[each] = _HostHold(self._clock.monotonic_ms() + for_ms, words)

    def doubt_clocks(self) -> None:
        """Ask every host for its time at once: a connection was lost, and the answer shows if the venue is there."""
        for clock in self.clocks.values():
            clock.doubt()

    def use_limits(self, market: BinanceMarket, limits: PaceLimits) -> None:
        """Keep these limits from now on, also for the requests that wait."""
        self._pacers[market].use_limits(_windows(limits))

    def close(self) -> None:
        """Send nothing any more: requests that wait are answered with `NotSent`, and so are later ones."""
        for pacer in self._pacers.values():
            pacer.close()

    async def public(
        self,
        market: BinanceMarket,
        endpoint: BinanceEndpoint,
        parameters: Parameters,
        *,
        leave_by_ms: int | None = None,
        is_urgent: bool = False,
    ) -> Outcome:
        """Make a public reading request and return its outcome. It waits for its turn until `leave_by_ms` (our
        monotonic clock). `is_urgent`: it goes before the others."""
        by_ms = self._leave_by(leave_by_ms)
        request = BinanceRequest("GET", endpoint.path, dict(parameters))
        ticket = await self._turn(market, _PUBLIC, endpoint.weight, by_ms, is_urgent=is_urgent)
        if isinstance(ticket, NotSent):
            return ticket
        return await self._call(market, _PUBLIC, request, None, ticket, READ_MS_MAX)

    async def signed(
        self,
        market: BinanceMarket,
        signer: BinanceSigner,
        make: Callable[[RequestInstant], BinanceRequest],
        *,
        weight: int,
        success_weight: int | None = None,
        leave_by_ms: int | None = None,
        reply_ms_max: int = READ_MS_MAX,
        is_order: bool = False,
        is_urgent: bool = False,
    ) -> Outcome:
        """Make a signed request and return its outcome.

        `make` is called when the request may leave, and may raise `TooLateToSend`; nothing is sent then. The request
        waits for its turn until `leave_by_ms` (our monotonic clock), and then `reply_ms_max` for its reply. `is_order`:
        it is a new order, which is counted besides its weight. `success_weight`: what the venue counts when the request
        succeeds, if that is not `weight`. `is_urgent`: it goes before the others.
        """
        leave_by_ms = self._leave_by(leave_by_ms)
        ticket = await self._turn(market, signer.api_key, weight, leave_by_ms, is_order=is_order, is_urgent=is_urgent)
        if isinstance(ticket, NotSent):
            return ticket
        made = made_now(make, self.clock_of(market), ticket)
        if isinstance(made, NotSent):
            return made
        request, _ = made
        return await self._call(
            market, signer.api_key, request, signer, ticket, reply_ms_max, success_weight=success_weight
        )

    async def keyed(
        self,
        market: BinanceMarket,
        signer: BinanceSigner,
        method: str,
        endpoint: BinanceEndpoint,
        parameters: Parameters,
    ) -> Outcome:
        """Make a request that shows the key and is not signed, such as those about listen keys."""
        ticket = await self._turn(market, signer.api_key, endpoint.weight, self._leave_by(None))
        if isinstance(ticket, NotSent):
            return ticket
        request = BinanceRequest(method, endpoint.path, dict(parameters))
        return await self._call(market, signer.api_key, request, None, ticket, READ_MS_MAX, shows_key=True)

    async def read(self, market: BinanceMarket, endpoint: BinanceEndpoint, parameters: Parameters) -> bytes:
        """Return the body of a public request. Raises `VenueUnavailable`."""
        return body_of(market, await self.public(market, endpoint, parameters))

    async def read_signed(
        self,
        market: BinanceMarket,
        signer: BinanceSigner,
        endpoint: BinanceEndpoint,
        parameters: Parameters,
        *,
        is_urgent: bool = False,
    ) -> bytes:
        """Return the body of a signed reading request. Raises `CredentialRejected` when the venue refuses the key, and
        `VenueUnavailable` when it does not answer."""
        make, by_ms = request_of(endpoint, parameters), self._leave_by(None)
        if not is_urgent:
            by_ms = self._clock.monotonic_ms() + READING_TURN_MS_MAX
        outcome = await self.signed(
            market, signer, make, weight=endpoint.weight, leave_by_ms=by_ms, is_urgent=is_urgent
        )
        return body_of(market, outcome)

    # Helpers

    def _new_clock(self, market: BinanceMarket) -> VenueClock:
        async def ask() -> int | None:
            outcome = await self.public(market, ENDPOINTS[market].time, {}, is_urgent=True)
            try:
                server_ms = decode(_ServerTime, body_of(market, outcome)).server_ms
            except (VenueUnavailable, CredentialRejected, UnreadablePayload) as error:
                held = self.held(market) if _is_for_pace(outcome) else None
                self._troubles[market] = held or str(error)
                return None
            self._troubles.pop(market, None)
            return server_ms

        return VenueClock(self._clock, ask)

    def _leave_by(self, given_ms: int | None) -> int:
        return self._clock.monotonic_ms() + READ_MS_MAX if given_ms is None else given_ms

    async def _turn(
        self,
        market: BinanceMarket,
        caller: str,
        weight: int,
        by_ms: int,
        *,
        is_order: bool = False,
        is_urgent: bool = False,
    ) -> PaceTicket | NotSent:
        """Wait until the request may leave."""
        if market not in self._bases:
            return NotSent(NotSentCause.NOT_CONNECTED, f"this environment has no {market.value}")
        charges = {MeterKey(_WEIGHT, _ANY): weight, MeterKey(_UNDER_WAY, _ANY): 1}
        if is_order:
            charges[MeterKey(_ORDERS, caller)] = 1
        elif not is_urgent:
            charges[MeterKey(_READINGS, _ANY)] = weight
            caller = f"readings of {caller}"  # an order does not wait behind them
        ticket = await self._pacers[market].acquire(caller, charges, deadline_ms=by_ms, is_urgent=is_urgent)
        if isinstance(ticket, PaceRefusal):
            is_of_host = ticket.hold is not None and ticket.hold.key.kind == _WEIGHT
            return not_sent_for_pace(ticket, self._clock, pause=self.held(market) if is_of_host else None)
        return ticket

    async def _call(
        self,
        market: BinanceMarket,
        caller: str,
        request: BinanceRequest,
        signer: BinanceSigner | None,
        ticket: PaceTicket,
        reply_ms_max: int,
        *,
        shows_key: bool = False,
        success_weight: int | None = None,
    ) -> Outcome:
        query = encoded_query(request.parameters) if signer is None else signer.signed_query(request.parameters)
        url = f"{self._bases[market]}{request.path}{'?' if query else ''}{query}"
        headers = {"X-MBX-APIKEY": caller} if signer is not None or shows_key else {}
        by_ms = self._clock.monotonic_ms() + reply_ms_max
        with ticket:
            outcome = await self._http.call(HttpRequest(request.method, url, by_ms, headers=headers))
            if isinstance(outcome, NotSent):
                ticket.give_back()
            elif isinstance(outcome, Answered):
                self._settle(market, caller, request, ticket, outcome, success_weight)
        return outcome

    def _settle(
        self,
        market: BinanceMarket,
        caller: str,
        request: BinanceRequest,
        ticket: PaceTicket,
        answer: Answered,
        success_weight: int | None,
    ) -> None:
        """Learn from the answer what the venue counts."""
        if answer.status == HTTP_OK and success_weight is not None:
            ticket.settle({MeterKey(_WEIGHT, _ANY): success_weight})
        pacer = self._pacers[market]
        for name, value in answer.headers.items():
            if _USED_WEIGHT.fullmatch(name) and value.isdigit():
                pacer.raise_to(MeterKey(_WEIGHT, _ANY), _MINUTE_MS, int(value))
            elif (count := _ORDER_COUNT.fullmatch(name)) and count[1] in _COUNTS and value.isdigit():
                pacer.raise_to(MeterKey(_ORDERS, caller), _COUNTS[count[1]], int(value))
        if answer.status == HTTP_OK:
            return
        error = error_body(answer.body)
        if request.method in ("POST", "DELETE"):
            text = "" if error is None else said(error)
            _log.info("venue_refused", request=f"{request.method} {request.path}", status=answer.status, text=text)
        if error is not None and error.code == TIMESTAMP_REFUSED:
            self.clock_of(market).doubt()
        if error is not None and error.code == _TOO_MANY_ORDERS:
            pacer.hold(MeterKey(_ORDERS, caller), _retry_after_ms(answer) or ORDERS_HELD_MS)
        elif answer.status in (HTTP_TOO_MANY, HTTP_BANNED):
            self.hold(market, answer.status, _retry_after_ms(answer))


def request_of(endpoint: BinanceEndpoint, parameters: Parameters) -> Callable[[RequestInstant], BinanceRequest]:
    """Return what makes a reading request of an endpoint when it may leave."""
    named: dict[str, ParameterValue] = dict(parameters)
    return lambda time: BinanceRequest("GET", endpoint.path, {**named, **stamp(time)})


def _is_for_pace(outcome: Outcome) -> bool:
    """Whether the venue, or our own pace, did not let the request through."""
    if isinstance(outcome, NotSent):
        return outcome.cause in (NotSentCause.DEADLINE, NotSentCause.FULL)
    return isinstance(outcome, Answered) and outcome.status in (HTTP_TOO_MANY, HTTP_BANNED)


def _windows(limits: PaceLimits) -> Mapping[str, tuple[WindowLimit, ...]]:
    readings, parts = limits.weight_per_minute - limits.order_weight, limits.reading_parts
    spans = (
        (limits.orders_per_10_s, _10_S_MS),
        (limits.orders_per_minute, _MINUTE_MS),
        (limits.orders_per_day, _DAY_MS),
    )
    return {
        _UNDER_WAY: (WindowLimit(CONNECTIONS_MAX, 1, CONNECTIONS_FOR_URGENT),),
        _WEIGHT: (WindowLimit(limits.weight_per_minute, _MINUTE_MS, limits.reserved_weight),),
        _READINGS: (
            WindowLimit(readings, _MINUTE_MS, limits.reserved_weight),
            WindowLimit(readings // parts, _MINUTE_MS // parts),
        ),
        _ORDERS: tuple(WindowLimit(count, span_ms) for count, span_ms in spans if count is not None),
    }


def _retry_after_ms(answer: Answered) -> int | None:
    text = answer.headers.get("retry-after", "")
    return int(text) * 1_000 if text.isdigit() and len(text) < 9 else None


def body_of(market: BinanceMarket, outcome: Outcome) -> bytes:
    """Return the body of a success. Raises `CredentialRejected` when the venue refuses the key, else
    `VenueUnavailable`."""
    if isinstance(outcome, Answered):
        if outcome.status == HTTP_OK:
            return outcome.body
        _refuse(market, outcome)
    cause = outcome.cause.value
    text = "did not answer" if isinstance(outcome, OutcomeUnknown) else "could not be asked"
    raise VenueUnavailable(f"the venue {text}: {cause}{f', {outcome.detail}' if outcome.detail else ''}")


def _refuse(market: BinanceMarket, answer: Answered) -> NoReturn:
    error = error_body(answer.body)
    if refusal := refused_key(market, answer.status, error):
        raise CredentialRejected(f"the venue refused the key: {refusal}")
    raise VenueUnavailable(f"the venue answered {answer.status}: {classify_query(market, answer.status, error).text}")
