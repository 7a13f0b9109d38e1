"""The way of one request, over HTTP or a socket: credits, access, fault, execution, disk, answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cadenza.domain.money import to_plain
from cadenza.simulators.deribit.venue import DeribitVenue
from cadenza.simulators.deribit.wire.access import AccessGrant
from cadenza.simulators.deribit.wire.channels import MARKET
from cadenza.simulators.deribit.wire.connection import DeribitConnection
from cadenza.simulators.deribit.wire.credits import CreditPool
from cadenza.simulators.deribit.wire.errors import (
    DeribitRefusal,
    forbidden,
    internal_server_error,
    invalid_params,
    method_not_found,
    must_be_websocket_request,
    timed_out,
    too_many_requests,
    unauthorized,
)
from cadenza.simulators.deribit.wire.params import ACCESS_TOKEN, MethodParams
from cadenza.simulators.kit.cuts import ConnectionCut
from cadenza.simulators.kit.faults import FaultKind, RequestFault
from cadenza.simulators.kit.records import RequestRow

HIDDEN = ("client_secret", "refresh_token", "signature", ACCESS_TOKEN)
PARAMETER_NAMES_MAX = 100
NO_RESULT = object()
"""What a method returns that has no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCall:
    """A request that may be executed: who calls, when, with what."""

    venue: DeribitVenue
    params: MethodParams
    now_ms: int
    address: str
    connection_id: int
    grant: AccessGrant | None = None
    connection: DeribitConnection | None = None

    @property
    def account(self) -> str:
        assert self.grant is not None
        return self.grant.account

    @property
    def socket(self) -> DeribitConnection:
        """The socket of a method that only sockets have."""
        assert self.connection is not None
        return self.connection


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcMethod:
    """A method. A private one needs access, and `scope` where it needs a certain one. `is_trade` marks what is kept in
    the ledger of truth."""

    name: str
    handler: Callable[[MethodCall], object]
    scope: str | None = None
    pool: CreditPool = CreditPool.NON_MATCHING
    is_socket_only: bool = False
    is_trade: bool = False

    @property
    def is_private(self) -> bool:
        return self.name.startswith("private/")


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRequest:
    """A request as it came. `grant` is the access that a signature proved. `connection_id` is that of the socket, or of
    the connection of HTTP."""

    method: str
    params: dict[str, Any]
    address: str
    id: object = None
    has_id: bool = False
    grant: AccessGrant | None = None
    bearer: str | None = None
    connection_id: int = 0
    connection: DeribitConnection | None = None
    fault: RequestFault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcAnswer:
    """The payload with its HTTP status; or how the connection fails instead. `raw` is a body that is not JSON. The
    socket is closed after an answer that `ends_session`."""

    status: int = 200
    payload: dict[str, object] = field(default_factory=dict)
    cut: ConnectionCut | None = None
    raw: str | None = None
    ends_session: bool = False


class RpcGateway:
    def __init__(self, venue: DeribitVenue, methods: dict[str, RpcMethod]) -> None:
        self._venue = venue
        self._methods = methods

    async def serve(self, asked: RpcRequest) -> RpcAnswer:
        """Answer a request. When this returns, what the request changed is on disk. A caller that is cancelled, because
        its client has left, does not cancel the request."""
        return await self._venue.running.complete(self._serve(asked))

    async def _serve(self, asked: RpcRequest) -> RpcAnswer:
        came_ms = self._venue.now_ms()
        fault = asked.fault or self._venue.faults.for_request(asked.method, MARKET)
        if fault is not None and (early := self._before(asked, fault, came_ms)) is not None:
            return early
        method: RpcMethod | None = None
        grant: AccessGrant | None = None
        try:
            method = self._find(asked)
            grant = self._access(method, asked)
            self._charge(method, asked, grant)
            if fault is not None and fault.kind is FaultKind.LATE:
                await self._venue.clock.sleep_ms(fault.delay_ms)
            result = self._execute(method, asked, grant)
            answer = RpcAnswer(payload=self._envelope(asked, came_ms, result=result), ends_session=result is NO_RESULT)
        except DeribitRefusal as refusal:
            answer = self._refused(asked, came_ms, refusal)
        await self._venue.commit(self._request_row(method, asked, grant, answer))
        return await self._after(asked, fault, came_ms, answer)

    def refusal(self, refusal: DeribitRefusal) -> dict[str, object]:
        """Return the answer to a request that cannot be read."""
        asked = RpcRequest(method="", params={}, address="")
        return self._envelope(asked, self._venue.now_ms(), error=refusal.payload)

    def _find(self, asked: RpcRequest) -> RpcMethod:
        method = self._methods.get(asked.method)
        if method is None:
            raise method_not_found(asked.method)
        if method.is_socket_only and asked.connection is None:
            raise must_be_websocket_request()
        if len(asked.params) > PARAMETER_NAMES_MAX:
            raise invalid_params("params", "too many parameters")
        return method

    def _access(self, method: RpcMethod, asked: RpcRequest) -> AccessGrant | None:
        """Return what the caller may do. A token in the request counts more than that of the socket."""
        token = asked.params.get(ACCESS_TOKEN) or asked.bearer
        grant: AccessGrant | None
        if token is not None:
            grant = self._granted(token, asked)
        elif asked.grant is not None:
            grant = asked.grant
        else:
            grant = self._of_socket(asked)
        if method.is_private and grant is None:
            raise unauthorized()
        if method.scope is not None and (grant is None or not grant.allows(method.scope)):
            raise forbidden(method.scope)
        return grant

    def _granted(self, token: object, asked: RpcRequest) -> AccessGrant:
        found = self._venue.tokens.find(str(token), asked.connection_id, self._venue.now_ms())
        if found is None:
            raise unauthorized("invalid_token")
        return found.grant

    def _of_socket(self, asked: RpcRequest) -> AccessGrant | None:
        connection = asked.connection
        if connection is None or connection.grant is None:
            return None
        assert connection.access_until_ms is not None
        return connection.grant if self._venue.now_ms() < connection.access_until_ms else None

    def _charge(self, method: RpcMethod, asked: RpcRequest, grant: AccessGrant | None) -> None:
        caller = f"address {asked.address}" if grant is None else f"account {grant.account}"
        self._venue.credits.charge(caller, method.pool, self._venue.clock.monotonic_ms())

    def _execute(self, method: RpcMethod, asked: RpcRequest, grant: AccessGrant | None) -> object:
        call = MethodCall(
            venue=self._venue,
            params=MethodParams(asked.params),
            now_ms=self._venue.now_ms(),
            address=asked.address,
            connection_id=asked.connection_id,
            grant=grant,
            connection=asked.connection,
        )
        return method.handler(call)

    def _envelope(
        self, asked: RpcRequest, came_ms: int, *, result: object = None, error: dict[str, object] | None = None
    ) -> dict[str, object]:
        """Return the answer with its times, which the venue states in microseconds."""
        now_ms = self._venue.now_ms()
        head: dict[str, object] = {"jsonrpc": "2.0"} | ({"id": asked.id} if asked.has_id else {})
        body: dict[str, object] = {"result": result} if error is None else {"error": error}
        times = {"usIn": came_ms * 1_000, "usOut": now_ms * 1_000, "usDiff": (now_ms - came_ms) * 1_000}
        return head | body | times | {"testnet": self._venue.settings.is_testnet}

    def _refused(self, asked: RpcRequest, came_ms: int, refusal: DeribitRefusal) -> RpcAnswer:
        payload = self._envelope(asked, came_ms, error=refusal.payload)
        return RpcAnswer(status=refusal.status, payload=payload, ends_session=refusal.ends_session)

    def _request_row(
        self, method: RpcMethod | None, asked: RpcRequest, grant: AccessGrant | None, answer: RpcAnswer
    ) -> RequestRow | None:
        if method is None or not method.is_trade:
            return None
        error = answer.payload.get("error")
        return RequestRow(
            market=MARKET,
            account="" if grant is None else grant.account,
            name=method.name,
            parameters={name: _text(value) for name, value in asked.params.items() if name not in HIDDEN},
            outcome=f"{error['code']} {error['message']}" if isinstance(error, dict) else "OK",
            at_ms=self._venue.now_ms(),
        )

    def _before(self, asked: RpcRequest, fault: RequestFault, came_ms: int) -> RpcAnswer | None:
        """Return the answer to a request that is not executed; None when it is."""
        match fault.kind:
            case FaultKind.SILENCE_BEFORE:
                return RpcAnswer(cut=ConnectionCut.SILENCE)
            case FaultKind.RESET_BEFORE:
                return RpcAnswer(cut=ConnectionCut.RESET)
            case FaultKind.ERROR_BEFORE:
                return self._failed(asked, fault, came_ms)
            case FaultKind.TIMEOUT_BEFORE:
                return self._refused(asked, came_ms, timed_out())
            case FaultKind.TOO_MANY_REQUESTS | FaultKind.BANNED:
                return self._refused(asked, came_ms, too_many_requests())
        return None

    async def _after(self, asked: RpcRequest, fault: RequestFault | None, came_ms: int, answer: RpcAnswer) -> RpcAnswer:
        if fault is None:
            return answer
        match fault.kind:
            case FaultKind.SILENCE_AFTER:
                return RpcAnswer(cut=ConnectionCut.SILENCE)
            case FaultKind.RESET_AFTER:
                return RpcAnswer(cut=ConnectionCut.RESET)
            case FaultKind.ERROR_AFTER:
                return self._failed(asked, fault, came_ms)
            case FaultKind.TIMEOUT_AFTER:
                return self._refused(asked, came_ms, timed_out())
            case FaultKind.SLOW:
                await self._venue.clock.sleep_ms(fault.delay_ms)
        return answer

    def _failed(self, asked: RpcRequest, fault: RequestFault, came_ms: int) -> RpcAnswer:
        """Return the failure of a server: over HTTP the fault's status and body, on a socket an internal error."""
        payload = self._envelope(asked, came_ms, error=internal_server_error().payload)
        return RpcAnswer(status=fault.status, payload=payload, raw=fault.body)


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return to_plain(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
