"""/livez, /readyz and /metrics: for the machines that look after us, not for clients."""

from collections.abc import Awaitable, Callable, Sequence

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cadenza.adapters.http.metrics import HttpMetrics

_METRICS_TYPE = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")
"""Litestar adds the charset."""


def probe_routes(is_ready: Callable[[], Awaitable[bool]], metrics: HttpMetrics) -> Sequence[HTTPRouteHandler]:
    """Return the probes' handlers."""

    @get("/livez")
    async def show_liveness() -> ASGIApp:
        return _text("ok", 200)

    @get("/readyz")
    async def show_readiness() -> ASGIApp:
        return _text("ok", 200) if await is_ready() else _text("not ready", 503)

    @get("/metrics")
    async def show_metrics() -> ASGIApp:
        return ASGIResponse(body=generate_latest(metrics.registry), media_type=_METRICS_TYPE)

    return [show_liveness, show_readiness, show_metrics]


def _text(text: str, status: int) -> ASGIResponse:
    return ASGIResponse(body=text, status_code=status, media_type="text/plain")
