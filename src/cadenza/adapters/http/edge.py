"""Around every request, routed or not: its id, the flood limit, the access log, measurements and safe headers."""

import re
from collections.abc import Awaitable, Mapping
from typing import Any

import structlog
from litestar.types import ASGIApp, Receive, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from cadenza.adapters.http.client import client_address
from cadenza.adapters.http.errors import CLIENT_KEY, HEADERS_KEY, REQUEST_ID_KEY, failure, operation_of
from cadenza.adapters.http.limits import HttpLimits
from cadenza.adapters.http.metrics import HttpMetrics
from cadenza.domain.errors import RateLimited
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.rate_limiter import RateLimiter

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_OWN_NAMES = frozenset({b"x-request-id", *dict(_SAFE)})

log = structlog.get_logger(__name__)


class Edge:
    """The outermost layer. A sane X-Request-Id is kept, any other replaced; every reply carries it."""

    def __init__(
        self, app: ASGIApp, *, limits: HttpLimits, flood: RateLimiter, metrics: HttpMetrics, clock: Clock, ids: Ids
    ) -> None:
        self._app = app
        self._limits = limits
        self._unlimited = _PROBES | limits.flood_exempt
        self._flood = flood
        self._metrics = metrics
        self._clock = clock
        self._ids = ids

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        scope[HEADERS_KEY] = headers = dict(scope["headers"])
        request_id = scope[REQUEST_ID_KEY] = self._request_id(scope, headers)
        bound = bind_contextvars(request_id=request_id)
        try:
            if scope["type"] == "http":
                await self._observed(scope, receive, send, request_id)
            else:
                await self._app(scope, receive, send)
        finally:
            reset_contextvars(**bound)

    def _request_id(self, scope: Any, headers: Mapping[bytes, bytes]) -> str:
        if b"x-request-id" in headers:
            given: bytes = next(value for name, value in scope["headers"] if name == b"x-request-id")
            if _SANE_REQUEST_ID.fullmatch(given):
                return given.decode()
        return self._ids.new().hex

    async def _observed(self, scope: Any, receive: Receive, send: Send, request_id: str) -> None:
        client = scope[CLIENT_KEY] = client_address(scope, self._limits)
        marked = _Marked(send, request_id)
        started_ms, started_s = self._clock.monotonic_ms(), self._metrics.now_s()
        try:
            wait_s = None if scope["path"] in self._unlimited else self._flood.allow(f"address:{client}")
            if wait_s is None:
                await self._app(scope, receive, marked)
            else:
                refused = failure(scope, RateLimited("too many requests from this address", wait_s))
                await refused.send(scope, marked)
        finally:
            operation = operation_of(scope)
            self._metrics.took("other" if operation is None else operation.id, marked.status, started_s)
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=marked.status,
                duration_ms=self._clock.monotonic_ms() - started_ms,
                client=client,
            )


class _Marked:
    """`send` of one request: puts the headers of every reply on this one and keeps its status."""

    __slots__ = ("_request_id", "_send", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 500

    def __call__(self, message: Any) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            own: tuple[tuple[bytes, bytes], ...] = ((b"x-request-id", self._request_id.encode()), *_SAFE)
            if not _OWN_NAMES.isdisjoint(present := dict(headers)):
                own = tuple(header for header in own if header[0] not in present)
            message["headers"] = (*headers, *own)
        return self._send(message)
