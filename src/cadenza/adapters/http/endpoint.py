"""From an operation and a function to a route: authenticate, read, call, write. One way for all of them.

An endpoint is an ASGI application. Operations have fixed paths, so `Shortcut` finds it by method and path and the
framework's own way to it, which costs as much as the rest, is left to what needs the framework: other paths and
methods, and browsers' requests from other origins.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Method, Receive, Scope, Send
from msgspec import Struct

from cadenza.adapters.http.auth import authenticated
from cadenza.adapters.http.body import read_bounded
from cadenza.adapters.http.errors import (
    ACTOR_KEY,
    CLIENT_KEY,
    DEPRECATED_KEY,
    HEADERS_KEY,
    OPERATION_KEY,
    REQUEST_ID_KEY,
    cause_reply,
    defect_reply,
    deprecation,
)
from cadenza.adapters.http.json_reply import JsonReply
from cadenza.adapters.http.limits import HttpLimits
from cadenza.application.paging import Page
from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import CadenzaError, InvalidToken, RateLimited, Stopping
from cadenza.domain.identity.actor import Actor
from cadenza.network.slices import in_slices
from cadenza.ports.rate_limiter import RateLimiter
from cadenza.wire.base import Query
from cadenza.wire.envelope import Listing, encode, pagination_of
from cadenza.wire.operation import ApiOperation
from cadenza.wire.reading import read_body, read_query
from cadenza.wire.venues import VENUE_IDS, is_deprecated

T = TypeVar("T")
D = TypeVar("D")


class _NoQuery(Query, frozen=True):
    """No parameters."""


_DEPRECATED_VENUES = frozenset(text for text, venue_id in VENUE_IDS.items() if is_deprecated(venue_id))


class HttpCall(Struct, frozen=True):
    """What every route may use: the use cases, the caller, its address, and the id of the request."""

    use_cases: UseCases
    caller: Actor | None
    client: str
    request_id: str

    @property
    def actor(self) -> Actor:
        """The caller of an operation that needs a token."""
        if self.caller is None:
            raise InvalidToken("an access token is needed")
        return self.caller


@dataclass(frozen=True, slots=True)
class ReplyWithStatus:
    """A reply that is not a plain 200."""

    content: Struct
    status: int


Respond = Callable[[HttpCall, Any], Awaitable[Struct | ReplyWithStatus]]
"""The function of a route: the call and its request (the body, the query, or None) to the reply."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation as an ASGI application. It answers whatever happens."""

    operation: ApiOperation
    respond: Respond
    use_cases: UseCases
    limits: HttpLimits
    flood: RateLimiter

    @property
    def methods(self) -> list[Method]:
        return ["GET", "HEAD"] if self.operation.method == "GET" else [self.operation.method]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION_KEY] = self.operation  # type: ignore[literal-required]
        try:
            answer = await self._answer(scope, receive)
        except CadenzaError as cause:
            answer = cause_reply(scope, cause)
        except Exception as defect:  # noqa: BLE001 - where every request ends: a defect is logged and answered
            answer = defect_reply(scope, defect)
        except asyncio.CancelledError:  # only a stop cancels requests, and then this one has had its time
            stopping = Stopping(
                "the server is stopping; repeat the request with the same key to find what became of it"
            )
            await cause_reply(scope, stopping).send(scope, send)
            raise
        await answer.send(scope, send)

    async def _answer(self, scope: Any, receive: Receive) -> JsonReply:
        headers = scope[HEADERS_KEY]
        caller = None if self.operation.is_public else await self._caller(scope, headers)
        asked = await self._read(scope, headers, receive)
        if getattr(asked, "venue", None) in _DEPRECATED_VENUES:
            scope[DEPRECATED_KEY] = True
        replied = await self.respond(HttpCall(self.use_cases, caller, scope[CLIENT_KEY], scope[REQUEST_ID_KEY]), asked)
        return _written(replied, scope)

    async def _caller(self, scope: Any, headers: Mapping[bytes, bytes]) -> Actor:
        actor = await authenticated(headers, self.use_cases, scope[CLIENT_KEY])
        scope[ACTOR_KEY] = actor  # later errors name the caller's tenant
        counted = f"{'user' if actor.key_id is None else 'key'}:{actor.holder}"
        if (wait_s := self.flood.allow(counted)) is not None:
            raise RateLimited("too many requests of this user, or with this API key", wait_s)
        return actor.in_request(scope[REQUEST_ID_KEY], scope[CLIENT_KEY])

    async def _read(self, scope: Any, headers: Mapping[bytes, bytes], receive: Receive) -> Struct | None:
        if not self.operation.takes_input:
            return None
        query = read_query(self.operation.query or _NoQuery, scope["query_string"])
        if self.operation.body is None:
            return query
        return read_body(self.operation.body, await read_bounded(headers, receive, self.limits.body_bytes_max))


def framework_route(endpoint: Endpoint) -> HTTPRouteHandler:
    """Return the framework's way to an endpoint."""

    async def handle() -> ASGIApp:
        return endpoint

    operation = endpoint.operation
    return HTTPRouteHandler(operation.path, http_method=endpoint.methods, name=operation.id, status_code=200)(handle)


class Shortcut:
    """The short way to the endpoints; all else goes on to the framework."""

    def __init__(self, endpoints: Iterable[Endpoint], framework: ASGIApp) -> None:
        self._endpoints = {(method, e.operation.path): e for e in endpoints for method in e.methods}
        self._framework = framework

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get((scope.get("method"), scope["path"]))
        if endpoint is None or b"origin" in scope[HEADERS_KEY]:
            await self._framework(scope, receive, send)
        else:
            await endpoint(scope, receive, send)


async def listing(page: Page[T], write: Callable[[T], D]) -> Listing[D]:
    """Write a page of a list, in slices: orders need not wait for a long page."""
    data = await in_slices(page.items, lambda items: map(write, items))
    return Listing(data=data, pagination=pagination_of(page))


def _written(replied: Struct | ReplyWithStatus, scope: Any) -> JsonReply:
    content, status = (replied.content, replied.status) if isinstance(replied, ReplyWithStatus) else (replied, 200)
    return JsonReply(status, encode(content), deprecation(scope))
