"""The way of one request, by REST or socket: pace, fault, nonce, execution, disk, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cadenza.simulators.bitfinex.private_feeds import MARKET
from cadenza.simulators.bitfinex.trading.operations import OPERATION_NAMES, REQUEST_TYPES, OrderCall
from cadenza.simulators.bitfinex.trading.queries import Asked
from cadenza.simulators.bitfinex.venue import BitfinexVenue
from cadenza.simulators.bitfinex.wire.errors import (
    GENERIC,
    MAINTENANCE,
    BitfinexRefusal,
    rate_limited,
)
from cadenza.simulators.bitfinex.wire.keys import BitfinexKey
from cadenza.simulators.bitfinex.wire.pacing import BitfinexPace
from cadenza.simulators.bitfinex.wire.params import BitfinexParams
from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.faults import FaultKind, RequestFault
from cadenza.simulators.kit.records import RequestRow

GATEWAY_TIMEOUT = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexCall:
    """A request that may be executed. `path` holds the named parts of its path."""

    venue: BitfinexVenue
    params: BitfinexParams
    path: dict[str, str]
    key: BitfinexKey | None
    now_ms: int

    @property
    def account(self) -> str:
        assert self.key is not None
        return self.key.account

    @property
    def asked(self) -> Asked:
        """The request as a question of the account. An order is found only some time after it was placed, where a fault
        says so."""
        return Asked(
            account=self.account,
            params=self.params,
            path=self.path,
            known_until_ms=self.now_ms - self.venue.faults.lookup_lag_ms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexEndpoint:
    """A request that the venue knows. `name` is what faults and lists call it. `scope` is what its key must be allowed
    to read, or to write when `writes`; without one it is public. `operation` is the order operation that it is."""

    name: str
    handler: Callable[[BitfinexCall], object] | None = None
    scope: str | None = None
    writes: bool = False
    pace: BitfinexPace | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexRequest:
    """A request whose signature was checked, with its nonce, or an input of a socket that has logged in."""

    values: dict[str, object]
    address: str
    path: dict[str, str] = field(default_factory=dict)
    key: BitfinexKey | None = None
    nonce: int | None = None
    session_id: int | None = None
    fault: RequestFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexAnswer:
    """Status and payload; or how the connection fails instead. `raw` is a body that is not JSON. `notice` is what a
    socket gets in place of a notification that was kept back."""

    status: int = 200
    payload: object = None
    cut: ConnectionCut | None = None
    raw: str | None = None
    notice: list[object] | None = None


class BitfinexGateway:
    def __init__(self, venue: BitfinexVenue) -> None:
        self._venue = venue

    async def serve(self, endpoint: BitfinexEndpoint, asked: BitfinexRequest) -> BitfinexAnswer:
        """Answer a request. When this returns, what the request changed is on disk. A caller that is cancelled, because
        its client has left, does not cancel the request."""
        return await self._venue.running.complete(self._serve(endpoint, asked))

    async def _serve(self, endpoint: BitfinexEndpoint, asked: BitfinexRequest) -> BitfinexAnswer:
        venue = self._venue
        fault = asked.fault or venue.faults.for_request(endpoint.name, MARKET)
        if fault is not None and (early := self._before(endpoint, asked, fault)) is not None:
            return early
        is_muted = fault is not None and fault.kind is not FaultKind.LATE
        is_told = False
        try:
            self._admit(endpoint, asked)
            if fault is not None and fault.kind is FaultKind.LATE:
                await venue.clock.sleep_ms(fault.delay_ms)
            self._use_nonce(asked)
            is_told = not is_muted
            answer = BitfinexAnswer(payload=self._execute(endpoint, asked, is_muted))
        except BitfinexRefusal as refusal:
            notice = None if is_told else self._refused(endpoint, asked, refusal.text)
            answer = BitfinexAnswer(status=refusal.status, payload=refusal.payload, notice=notice)
        await venue.commit(_request_row(endpoint, asked, answer, venue.now_ms()))
        return await self._after(endpoint, asked, fault, answer)

    def _admit(self, endpoint: BitfinexEndpoint, asked: BitfinexRequest) -> None:
        venue, key = self._venue, asked.key
        if endpoint.pace is not None:
            venue.pacing.charge(endpoint.pace, asked.address, venue.clock.monotonic_ms())
        if endpoint.scope is not None:
            assert key is not None
            if endpoint.scope not in (key.writes if endpoint.writes else key.reads):
                raise BitfinexRefusal(GENERIC, "api_key: permission invalid")
        if endpoint.writes and venue.requests_public.in_maintenance:
            raise BitfinexRefusal(MAINTENANCE, "ready: invalid")

    def _use_nonce(self, asked: BitfinexRequest) -> None:
        """A nonce is used just before the execution: a request that was overtaken fails."""
        if asked.nonce is not None and asked.key is not None:
            self._venue.use_nonce(asked.key.key, asked.nonce)

    def _execute(self, endpoint: BitfinexEndpoint, asked: BitfinexRequest, is_muted: bool) -> object:
        venue, params = self._venue, BitfinexParams(asked.values)
        now_ms = venue.now_ms()
        venue.exchange.cancel_overdue(now_ms)
        if endpoint.operation is not None:
            assert asked.key is not None
            call = OrderCall(
                account=asked.key.account,
                params=params,
                now_ms=now_ms,
                session_id=asked.session_id,
                is_muted=is_muted,
            )
            return venue.operations.execute(endpoint.operation, call)
        assert endpoint.handler is not None
        return endpoint.handler(BitfinexCall(venue=venue, params=params, path=asked.path, key=asked.key, now_ms=now_ms))

    def _before(self, endpoint: BitfinexEndpoint, asked: BitfinexRequest, fault: RequestFault) -> BitfinexAnswer | None:
        """Return the answer to a request that is not executed; None when it is."""
        match fault.kind:
            case FaultKind.SILENCE_BEFORE:
                return BitfinexAnswer(cut=ConnectionCut.SILENCE)
            case FaultKind.RESET_BEFORE:
                return BitfinexAnswer(cut=ConnectionCut.RESET)
            case FaultKind.ERROR_BEFORE:
                return self._failed(endpoint, asked, fault)
            case FaultKind.TIMEOUT_BEFORE:
                return BitfinexAnswer(status=GATEWAY_TIMEOUT, raw="", cut=_silence_of(asked))
            case FaultKind.TOO_MANY_REQUESTS:
                refusal = rate_limited()
                return BitfinexAnswer(
                    status=refusal.status,
                    payload=refusal.payload,
                    notice=self._refused(endpoint, asked, refusal.text),
                )
            case FaultKind.BANNED:
                return BitfinexAnswer(status=403, raw="Forbidden", cut=_silence_of(asked))
        return None

    async def _after(
        self,
        endpoint: BitfinexEndpoint,
        asked: BitfinexRequest,
        fault: RequestFault | None,
        answer: BitfinexAnswer,
    ) -> BitfinexAnswer:
        if fault is None:
            return answer
        match fault.kind:
            case FaultKind.SILENCE_AFTER:
                return BitfinexAnswer(cut=ConnectionCut.SILENCE)
            case FaultKind.RESET_AFTER:
                return BitfinexAnswer(cut=ConnectionCut.RESET)
            case FaultKind.ERROR_AFTER:
                return self._failed(endpoint, asked, fault)
            case FaultKind.TIMEOUT_AFTER:
                return BitfinexAnswer(status=GATEWAY_TIMEOUT, raw="", cut=_silence_of(asked))
            case FaultKind.SLOW:
                await self._venue.clock.sleep_ms(fault.delay_ms)
        if isinstance(answer.payload, list) and answer.status == 200 and fault.kind is not FaultKind.LATE:
            return BitfinexAnswer(status=answer.status, payload=answer.payload, notice=answer.payload)
        return answer

    def _failed(self, endpoint: BitfinexEndpoint, asked: BitfinexRequest, fault: RequestFault) -> BitfinexAnswer:
        return BitfinexAnswer(
            status=fault.status, raw=fault.body, notice=self._refused(endpoint, asked, fault.body or "internal error")
        )

    def _refused(self, endpoint: BitfinexEndpoint, asked: BitfinexRequest, text: str) -> list[object] | None:
        if endpoint.operation is None or asked.key is None:
            return None
        call = OrderCall(account=asked.key.account, params=BitfinexParams(asked.values), now_ms=self._venue.now_ms())
        return self._venue.operations.refusal(REQUEST_TYPES[endpoint.operation], call, text)


SOCKET_OPERATIONS = {
    name: BitfinexEndpoint(name=OPERATION_NAMES[name], scope="orders", writes=True, operation=name)
    for name in OPERATION_NAMES
}
"""The inputs of the socket that change orders."""


def _silence_of(asked: BitfinexRequest) -> ConnectionCut | None:
    """A socket has no status that could say that a gateway gave up."""
    return None if asked.session_id is None else ConnectionCut.SILENCE


def _request_row(
    endpoint: BitfinexEndpoint, asked: BitfinexRequest, answer: BitfinexAnswer, now_ms: int
) -> RequestRow | None:
    """Return what is kept of a trading request: its fields, and what became of it."""
    if endpoint.operation is None:
        return None
    payload = answer.payload
    outcome = "OK" if answer.status == 200 else str(payload)
    return RequestRow(
        market=MARKET,
        account="" if asked.key is None else asked.key.account,
        name=endpoint.name,
        parameters={name: str(value) for name, value in asked.values.items()},
        outcome=outcome,
        at_ms=now_ms,
    )
