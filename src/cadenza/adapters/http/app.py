"""The HTTP application: routes, errors and everything around them, put together."""

from collections.abc import Awaitable, Callable, Sequence

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, ControllerRouterHandler

from cadenza.adapters.http.edge import Edge
from cadenza.adapters.http.endpoint import Endpoint, Shortcut, framework_route
from cadenza.adapters.http.errors import on_cadenza_error, on_defect, on_http_exception
from cadenza.adapters.http.limits import HttpLimits
from cadenza.adapters.http.metrics import HttpMetrics
from cadenza.adapters.http.pages import page_routes
from cadenza.adapters.http.probes import probe_routes
from cadenza.adapters.http.routes import RESPONDERS
from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import CadenzaError
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.rate_limiter import RateLimiter

_METHODS = ["GET", "POST", "PUT", "DELETE"]
_REQUEST_HEADERS = ["authorization", "content-type", "x-request-id"]
_REPLY_HEADERS = ["x-request-id", "retry-after", "deprecation"]


def create_app(
    use_cases: UseCases,
    *,
    limits: HttpLimits,
    flood: RateLimiter,
    metrics: HttpMetrics,
    is_ready: Callable[[], Awaitable[bool]],
    clock: Clock,
    ids: Ids,
    more_routes: Sequence[ControllerRouterHandler] = (),
) -> ASGIApp:
    """Return the ASGI application. It owns nothing and starts nothing: what it is given must be running.

    `flood` counts requests by address and by user and must allow far more than honest use. `is_ready` answers /readyz.
    `more_routes` are served beside ours (the WebSocket endpoint, the console).
    """
    endpoints = [Endpoint(operation, respond, use_cases, limits, flood) for operation, respond in RESPONDERS.items()]
    app = Litestar(
        route_handlers=[
            *map(framework_route, endpoints),
            *probe_routes(is_ready, metrics),
            *page_routes(),
            *more_routes,
        ],
        exception_handlers={
            CadenzaError: on_cadenza_error,
            HTTPException: on_http_exception,
            Exception: on_defect,
        },
        cors_config=_cors(limits),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
    )
    return Edge(Shortcut(endpoints, app), limits=limits, flood=flood, metrics=metrics, clock=clock, ids=ids)


def _cors(limits: HttpLimits) -> CORSConfig | None:
    if not limits.cors_origins:
        return None
    return CORSConfig(
        allow_origins=list(limits.cors_origins),
        allow_methods=_METHODS,  # type: ignore[arg-type]
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_REPLY_HEADERS,
        max_age=600,
    )
