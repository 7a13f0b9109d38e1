"""The way of one request, by REST or WebSocket: limits, signature, time, fault, execution, disk, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from cadenza.simulators.binance.venue import BinanceVenue
from cadenza.simulators.binance.wire.errors import (
    VenueRefusal,
    bad_key_format,
    bad_signature,
    bad_timestamp,
    key_rejected,
    not_sent,
    timed_out,
    timestamp_ahead,
)
from cadenza.simulators.binance.wire.keys import SimulatedKey, has_key_format
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.params import RequestParams
from cadenza.simulators.binance.wire.session import UserSession
from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.faults import FaultKind, RequestFault
from cadenza.simulators.kit.records import RequestRow

RECV_WINDOW_MS = 5_000
RECV_WINDOW_MS_MAX = 60_000
AHEAD_MS_MAX = 1_000


class RequestSecurity(Enum):
    """What a request needs. KEY: a key. USER_DATA and TRADE: a signature by a key with that permission too."""

    NONE = "NONE"
    KEY = "KEY"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"

    @property
    def is_signed(self) -> bool:
        return self in (RequestSecurity.USER_DATA, RequestSecurity.TRADE)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCall:
    """A request that may be executed: who calls, when, with what."""

    venue: BinanceVenue
    params: RequestParams
    key: SimulatedKey | None
    now_ms: int
    address: str
    session: UserSession | None = None

    @property
    def account(self) -> str:
        assert self.key is not None
        return self.key.account


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueEndpoint:
    """A request that a market knows. `is_order` marks what weighs nothing when it succeeds; `shows_order_counts` what
    is answered with the counts of orders."""

    name: str
    handler: Callable[[VenueCall], object]
    security: RequestSecurity = RequestSecurity.NONE
    weight: Callable[[RequestParams], int] = lambda _: 1
    is_order: bool = False
    shows_order_counts: bool = False
    market: VenueMarket = VenueMarket.SPOT


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRequest:
    """A request as it came. `payload` is what its signature signs. A session that has logged on needs no signature."""

    params: dict[str, str]
    key: str | None
    payload: str
    signature: str
    address: str
    session: UserSession | None = None
    fault: RequestFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueAnswer:
    """Status, payload and headers; or how the connection fails instead. `raw` is a body that is not JSON."""

    status: int = 200
    payload: object = None
    headers: dict[str, str] = field(default_factory=dict)
    account: str | None = None
    cut: ConnectionCut | None = None
    raw: str | None = None


class VenueGateway:
    def __init__(self, venue: BinanceVenue) -> None:
        self._venue = venue

    async def serve(self, endpoint: VenueEndpoint, asked: VenueRequest) -> VenueAnswer:
        """Answer a request. When this returns, what the request changed is on disk. A caller that is cancelled, because
        its client has left, does not cancel the request."""
        return await self._venue.running.complete(self._serve(endpoint, asked))

    async def _serve(self, endpoint: VenueEndpoint, asked: VenueRequest) -> VenueAnswer:
        fault = asked.fault or self._venue.faults.for_request(endpoint.name, endpoint.market)
        if fault is not None and (early := _before(fault)) is not None:
            return early
        params = RequestParams(asked.params)
        key: SimulatedKey | None = None
        try:
            self._charge(endpoint, params, asked.address)
            key = self._authenticate(endpoint, asked, params)
            if fault is not None and fault.kind is FaultKind.LATE:
                await self._venue.clock.sleep_ms(fault.delay_ms)
            answer = self._execute(endpoint, asked, params, key)
        except VenueRefusal as error:
            answer = self._refusal(endpoint, error, asked.address)
        await self._venue.commit(self._request_row(endpoint, asked, key, answer))
        return await self._after(fault, answer)

    def _charge(self, endpoint: VenueEndpoint, params: RequestParams, address: str) -> None:
        weight = 0 if endpoint.is_order else endpoint.weight(params)
        self._venue.limits(endpoint.market).charge(address, weight, self._venue.now_ms())

    def _execute(
        self, endpoint: VenueEndpoint, asked: VenueRequest, params: RequestParams, key: SimulatedKey | None
    ) -> VenueAnswer:
        venue, now_ms = self._venue, self._venue.now_ms()
        if endpoint.security.is_signed:
            self._check_time(params)
        call = VenueCall(
            venue=venue, params=params, key=key, now_ms=now_ms, address=asked.address, session=asked.session
        )
        payload = endpoint.handler(call)
        headers = self._headers(endpoint.market, asked.address)
        if endpoint.shows_order_counts and key is not None:
            counts = venue.limits(endpoint.market).order_counts(key.account, now_ms)
            headers |= {f"X-MBX-ORDER-COUNT-{name}": str(count) for name, count in counts.items()}
        return VenueAnswer(payload=payload, headers=headers, account=None if key is None else key.account)

    def _refusal(self, endpoint: VenueEndpoint, error: VenueRefusal, address: str) -> VenueAnswer:
        venue = self._venue
        if endpoint.is_order:
            venue.limits(endpoint.market).add_weight(address, endpoint.weight(RequestParams({})), venue.now_ms())
        headers = self._headers(endpoint.market, address)
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        return VenueAnswer(status=error.status, payload=error.payload, headers=headers)

    def _headers(self, market: VenueMarket, address: str) -> dict[str, str]:
        used = str(self._venue.limits(market).used_weight(address, self._venue.now_ms()))
        if market is VenueMarket.MARGIN:
            return {"X-SAPI-USED-UID-WEIGHT-1M": used}
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def _authenticate(self, endpoint: VenueEndpoint, asked: VenueRequest, params: RequestParams) -> SimulatedKey | None:
        if endpoint.security is RequestSecurity.NONE:
            return None
        session_key = None if asked.session is None else asked.session.key
        if session_key is not None and not asked.key:
            key = self._known(session_key.key)
        else:
            key = self._known(asked.key)
            if endpoint.security.is_signed:
                self._check_signature(key, asked)
        permissions = key.permissions
        is_trade = endpoint.security is RequestSecurity.TRADE
        if not permissions.can_read or (is_trade and not permissions.may_trade(endpoint.market)):
            raise key_rejected()
        if endpoint.security.is_signed:
            self._check_time(params)
        return key

    def _known(self, text: str | None) -> SimulatedKey:
        if not text or not has_key_format(text):
            raise bad_key_format()
        key = self._venue.keys.find(text)
        if key is None:
            raise key_rejected()
        return key

    def _check_signature(self, key: SimulatedKey, asked: VenueRequest) -> None:
        if not asked.signature:
            raise not_sent("signature")
        if not key.verifies(asked.payload, asked.signature):
            raise bad_signature()

    def _check_time(self, params: RequestParams) -> None:
        """Refuse a request that is too old or too far ahead. This happens on arrival and again before the engine."""
        timestamp = params.instant_ms("timestamp")
        if timestamp is None:
            raise not_sent("timestamp")
        window = params.number("recvWindow")
        if window is not None and window > RECV_WINDOW_MS_MAX:
            raise VenueRefusal(-1131, f"recvWindow must be less than {RECV_WINDOW_MS_MAX}.")
        now_ms = self._venue.now_ms()
        if timestamp >= now_ms + AHEAD_MS_MAX:
            raise timestamp_ahead()
        if now_ms - timestamp > (RECV_WINDOW_MS if window is None else window):
            raise bad_timestamp()

    def _request_row(
        self, endpoint: VenueEndpoint, asked: VenueRequest, key: SimulatedKey | None, answer: VenueAnswer
    ) -> RequestRow | None:
        if endpoint.security is not RequestSecurity.TRADE:
            return None
        hidden = ("signature", "apiKey")
        outcome = "OK"
        if answer.status != 200 and isinstance(answer.payload, dict):
            outcome = f"{answer.payload['code']} {answer.payload['msg']}"
        return RequestRow(
            market=endpoint.market,
            account="" if key is None else key.account,
            name=endpoint.name,
            parameters={name: value for name, value in asked.params.items() if name not in hidden},
            outcome=outcome,
            at_ms=self._venue.now_ms(),
        )

    async def _after(self, fault: RequestFault | None, answer: VenueAnswer) -> VenueAnswer:
        if fault is None:
            return answer
        match fault.kind:
            case FaultKind.SILENCE_AFTER:
                return VenueAnswer(cut=ConnectionCut.SILENCE)
            case FaultKind.RESET_AFTER:
                return VenueAnswer(cut=ConnectionCut.RESET)
            case FaultKind.ERROR_AFTER:
                return VenueAnswer(status=fault.status, raw=fault.body)
            case FaultKind.TIMEOUT_AFTER:
                return VenueAnswer(status=timed_out().status, payload=timed_out().payload)
            case FaultKind.SLOW:
                await self._venue.clock.sleep_ms(fault.delay_ms)
        return answer


def _before(fault: RequestFault) -> VenueAnswer | None:
    """Return the answer to a request that is not executed; None when it is."""
    match fault.kind:
        case FaultKind.SILENCE_BEFORE:
            return VenueAnswer(cut=ConnectionCut.SILENCE)
        case FaultKind.RESET_BEFORE:
            return VenueAnswer(cut=ConnectionCut.RESET)
        case FaultKind.ERROR_BEFORE:
            return VenueAnswer(status=fault.status, raw=fault.body)
        case FaultKind.TIMEOUT_BEFORE:
            return VenueAnswer(status=timed_out().status, payload=timed_out().payload)
        case FaultKind.TOO_MANY_REQUESTS | FaultKind.BANNED:
            status = 429 if fault.kind is FaultKind.TOO_MANY_REQUESTS else 418
            error = VenueRefusal(-1003, "Too many requests.", status, fault.retry_after_s)
            headers = {"Retry-After": str(fault.retry_after_s)}
            return VenueAnswer(status=status, payload=error.payload, headers=headers)
    return None
