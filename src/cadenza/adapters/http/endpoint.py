"""From an operation and a function to a route: authenticate, read, call, write. One way for all of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Method
from msgspec import Struct

from cadenza.adapters.http.auth import authenticated
from cadenza.adapters.http.body import read_bounded
from cadenza.adapters.http.client import client_address
from cadenza.adapters.http.errors import OPERATION_KEY
from cadenza.adapters.http.limits import HttpLimits
from cadenza.application.paging import Page
from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import InvalidToken, RateLimited
from cadenza.domain.identity.actor import Actor
from cadenza.ports.rate_limiter import RateLimiter
from cadenza.wire.base import Query
from cadenza.wire.envelope import Listing, encode, pagination_of
from cadenza.wire.operations import Operation
from cadenza.wire.reading import read_body, read_query
from cadenza.wire.venues import VENUE_IDS, is_deprecated

T = TypeVar("T")
D = TypeVar("D")


class _NoQuery(Query, frozen=True):
    """No parameters."""


_DEPRECATED_VENUES = frozenset(text for text, venue_id in VENUE_IDS.items() if is_deprecated(venue_id))


@dataclass(frozen=True, slots=True)
class Call:
    """What every route may use: the use cases, who asks, and from where."""

    use_cases: UseCases
    caller: Actor | None
    client: str

    @property
    def actor(self) -> Actor:
        """The caller of an operation that needs a token."""
        if self.caller is None:
            raise InvalidToken("an access token is needed")
        return self.caller


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is not a plain 200."""

    content: Struct
    status: int


Respond = Callable[[Call, Any], Awaitable[Struct | Reply]]
"""The function of a route: the call and its request (the body, the query, or None) to the reply."""

Routes = dict[str, tuple[Operation, Respond]]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Makes route handlers that share the use cases and limits."""

    use_cases: UseCases
    limits: HttpLimits
    flood: RateLimiter

    def handler(self, operation: Operation, respond: Respond) -> HTTPRouteHandler:
        async def handle(request: Request[Any, Any, Any]) -> ASGIApp:
            call = Call(
                self.use_cases, await self._caller(request, operation), client_address(request.scope, self.limits)
            )
            asked = await self._read(request, operation)
            return _response(await respond(call, asked), asked, request.method == "HEAD")

        methods: list[Method] = ["GET", "HEAD"] if operation.method == "GET" else [operation.method]
        return HTTPRouteHandler(
            operation.path, http_method=methods, opt={OPERATION_KEY: operation}, name=operation.id, status_code=200
        )(handle)

    async def _caller(self, request: Request[Any, Any, Any], operation: Operation) -> Actor | None:
        if operation.is_public:
            return None
        actor = await authenticated(request, self.use_cases)
        if (wait_s := self.flood.allow(f"user:{actor.user_id}")) is not None:
            raise RateLimited("too many requests of this user", wait_s)
        return actor

    async def _read(self, request: Request[Any, Any, Any], operation: Operation) -> Struct | None:
        if not operation.takes_input:
            return None
        query = read_query(operation.query or _NoQuery, request.scope["query_string"])
        if operation.body is None:
            return query
        return read_body(operation.body, await read_bounded(request, self.limits.body_bytes_max))


def listing(page: Page[T], write: Callable[[T], D]) -> Listing[D]:
    """Write a page of a list."""
    return Listing(data=[write(item) for item in page.items], pagination=pagination_of(page))


def _response(replied: Struct | Reply, asked: Struct | None, is_head: bool) -> ASGIResponse:
    content, status = (replied.content, replied.status) if isinstance(replied, Reply) else (replied, 200)
    body = encode(content)
    is_deprecated_venue = getattr(asked, "venue", None) in _DEPRECATED_VENUES
    return ASGIResponse(
        body=b"" if is_head else body,
        content_length=len(body),
        status_code=status,
        headers={"deprecation": "true"} if is_deprecated_venue else None,
        media_type="application/json",
        is_head_response=is_head,
    )
