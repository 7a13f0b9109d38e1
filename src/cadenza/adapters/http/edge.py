"""Around every request, routed or not: its id, the flood limit, the access log, measurements and safe headers."""

import re
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from cadenza.adapters.http.client import client_address
from cadenza.adapters.http.errors import REQUEST_ID_KEY, failure, operation_of
from cadenza.adapters.http.limits import HttpLimits
from cadenza.adapters.http.metrics import HttpMetrics
from cadenza.domain.errors import RateLimited
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.rate_limiter import RateLimiter

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})

log = structlog.get_logger(__name__)


class Edge:
    """The outermost layer. A sane X-Request-Id is kept, any other replaced; every reply carries it."""

    def __init__(
        self, app: ASGIApp, *, limits: HttpLimits, flood: RateLimiter, metrics: HttpMetrics, clock: Clock, ids: Ids
    ) -> None:
        self._app = app
        self._limits = limits
        self._flood = flood
        self._metrics = metrics
        self._clock = clock
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._request_id(scope)
        scope[REQUEST_ID_KEY] = request_id  # type: ignore[literal-required]
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == ScopeType.HTTP:
                await self._observed(scope, receive, send, request_id)
            else:
                await self._app(scope, receive, send)

    def _request_id(self, scope: Any) -> str:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        return given.decode() if _SANE_REQUEST_ID.fullmatch(given) else self._ids.new().hex

    async def _observed(self, scope: Any, receive: Receive, send: Send, request_id: str) -> None:
        status = 500
        client = client_address(scope, self._limits)
        own_headers = [
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
        ]

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in own_headers if h[0] not in present)]
            await send(message)

        started_ms = self._clock.monotonic_ms()
        with self._metrics.duration_s.time() as timer:
            try:
                await self._limited(scope, receive, send_marked, client)
            finally:
                operation = operation_of(scope)
                timer.labels("other" if operation is None else operation.id, status)
                duration_ms = self._clock.monotonic_ms() - started_ms
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    duration_ms=duration_ms,
                    client=client,
                )

    async def _limited(self, scope: Any, receive: Receive, send: Send, client: str) -> None:
        path = scope["path"]
        is_exempt = path in _PROBES or path in self._limits.flood_exempt
        wait_s = None if is_exempt else self._flood.allow(f"address:{client}")
        if wait_s is None:
            await self._app(scope, receive, send)
        else:
            await failure(scope, RateLimited("too many requests from this address", wait_s)).send(scope, send)
