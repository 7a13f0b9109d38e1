"""Errors on HTTP: the only place that knows statuses.

A cause's kind decides its status; then the operation's own list does, as clients have models for no other: a 403, 404
or 401 that is not listed becomes 400; where that is not listed either, a 403 becomes 401 and the rest is a defect. A
failure of ours is never dressed up as the client's, so 500 stays 500, and the flood limit may answer 429 anywhere.
"""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException
from msgspec import UNSET

from cadenza.adapters.http.json_reply import JsonReply
from cadenza.domain import errors as d
from cadenza.domain.identity.actor import Actor
from cadenza.domain.trading.order import Order
from cadenza.wire.envelope import ErrorDetails, Failure, encode
from cadenza.wire.errno import errno_of
from cadenza.wire.errors import MethodNotAllowed, UnknownPath
from cadenza.wire.market import plain_json
from cadenza.wire.operation import ApiOperation
from cadenza.wire.orders import trade_order

RETRY_AFTER_S = 1
"""The `Retry-After` of a temporary failure: a full queue, or a database that does not answer."""

REQUEST_ID_KEY = "cadenza.request_id"
ACTOR_KEY = "cadenza.actor"
OPERATION_KEY = "cadenza.operation"
HEADERS_KEY = "cadenza.headers"
"""The headers by name; of one that is there several times the last."""

CLIENT_KEY = "cadenza.client"
"""The address of the client, as `client_address` finds it."""

DEPRECATED_KEY = "cadenza.deprecated"
"""Set when the request names a deprecated venue."""

_STATUS_BY_KIND: dict[type[d.CadenzaError], int] = {
    MethodNotAllowed: 405,
    d.BadInput: 400,
    d.Refused: 400,
    d.Unauthenticated: 401,
    d.Forbidden: 403,
    d.NotFound: 404,
    d.TooManyRequests: 429,
    d.Unavailable: 500,
    d.InternalError: 500,
}
_NEVER_CHANGED = frozenset({405, 429, 500})

log = structlog.get_logger(__name__)


def status_of(cause: type[d.CadenzaError], operation: ApiOperation | None = None) -> int:
    """Return the status of a cause, as the operation lists it."""
    status = next(_STATUS_BY_KIND[kind] for kind in cause.__mro__ if kind in _STATUS_BY_KIND)
    if operation is None or status in operation.statuses or status in _NEVER_CHANGED:
        return status
    if 400 in operation.statuses:
        return 400
    return 401 if issubclass(cause, d.Forbidden) and 401 in operation.statuses else 500


def operation_of(scope: Any) -> ApiOperation | None:
    """Return the operation that was asked for, None for other paths."""
    operation: ApiOperation | None = scope.get(OPERATION_KEY)
    return operation


def failure(scope: Any, error: d.CadenzaError) -> JsonReply:
    """Return the reply for a cause."""
    status = status_of(type(error), operation_of(scope))
    return JsonReply(status, encode(_failure(scope, error)), {**_headers(error, status), **deprecation(scope)})


def deprecation(scope: Any) -> dict[str, str]:
    """Return the header that marks the reply, whatever it is, to a request that names a deprecated venue."""
    return {"deprecation": "true"} if DEPRECATED_KEY in scope else {}


def cause_reply(scope: Any, error: d.CadenzaError) -> JsonReply:
    """Return the reply to a cause of ours; failures of ours are logged."""
    if isinstance(error, (d.Unavailable, d.InternalError)):
        log.error("request failed", code=error.code, reason=error.message)
    return failure(scope, error)


def defect_reply(scope: Any, error: Exception) -> JsonReply:
    """Return the reply to a defect: the client learns the request id, the log the rest."""
    log.error("defect", path=scope["path"], exc_info=error)
    return failure(scope, d.InternalError("an error of ours; the log has it under the request id"))


def on_cadenza_error(request: Request[Any, Any, Any], error: d.CadenzaError) -> Response[bytes]:
    """Answer a cause of ours outside the operations."""
    return cause_reply(request.scope, error).to_response(request.method)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the router refused."""
    path = request.scope["path"]
    if isinstance(error, MethodNotAllowedException):
        refused = failure(request.scope, MethodNotAllowed(f"{path} does not take {request.method}"))
        response = refused.to_response(request.method)
        response.set_header("allow", (error.headers or {}).get("allow", ""))
        return response
    if error.status_code == HTTPStatus.NOT_FOUND:
        return on_cadenza_error(request, UnknownPath(f"there is no {path}; see /docs"))
    if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_cadenza_error(request, d.InvalidRequest(error.detail))
    return on_defect(request, error)


def on_defect(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a defect outside the operations."""
    return defect_reply(request.scope, error).to_response(request.method)


def _failure(scope: Any, error: d.CadenzaError) -> Failure:
    actor: Actor | None = scope.get(ACTOR_KEY)
    path = scope["path"]
    return Failure(
        errno=errno_of(error),
        error=error.message,
        details=ErrorDetails(
            code=error.code,
            resource=path,
            action=path.rpartition("/")[2],
            required=list(error.required) if isinstance(error, d.Forbidden) else UNSET,
            provided=list(error.provided) if isinstance(error, d.Forbidden) else UNSET,
            tenant_id=UNSET if actor is None else str(actor.tenant_id),
            request_id=scope[REQUEST_ID_KEY],
            metadata={key: _shown(value) for key, value in error.metadata.items()} if error.metadata else UNSET,
        ),
    )


def _shown(value: Any) -> Any:
    return trade_order(value) if isinstance(value, Order) else plain_json(value)


def _headers(error: d.CadenzaError, status: int) -> dict[str, str]:
    if isinstance(error, d.TooManyRequests):
        return {"retry-after": str(error.retry_after_s)}
    if isinstance(error, d.Unavailable):
        return {"retry-after": str(RETRY_AFTER_S)}
    return {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
