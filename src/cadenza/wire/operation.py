"""What an operation of the REST interface is: one row that routes, OpenAPI document, reference pages, RPC twins and
tests share."""

from dataclasses import dataclass
from typing import Any, Literal

from cadenza.domain.identity.actor import Scope
from cadenza.wire.base import Query, Request

ALL_STATUSES = frozenset({200, 400, 401, 403, 404, 500})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOperation:
    """`data` is the type of the envelope's `data` (of the whole reply when `is_bare`); a paged one has `pagination`.
    `lists_details`: the interface lists `details` in the envelope of a 200 too. It is never sent there.

    `statuses` are those the interface lists. `scope` is what a token needs; None for the public ones.
    """

    id: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    tag: str
    summary: str
    query: type[Query] | None = None
    body: type[Request] | None = None
    data: Any
    is_paged: bool = False
    is_bare: bool = False
    lists_details: bool = True
    statuses: frozenset[int] = ALL_STATUSES
    scope: Scope | None = Scope.READ

    @property
    def is_public(self) -> bool:
        return self.scope is None

    @property
    def action(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def takes_input(self) -> bool:
        """Return whether the operation takes input. An operation that lists no 400 ignores any input."""
        return 400 in self.statuses


def get(id: str, path: str, tag: str, summary: str, data: Any, **more: Any) -> ApiOperation:
    return ApiOperation(id=id, method="GET", path=f"/api/v3{path}", tag=tag, summary=summary, data=data, **more)


def post(
    id: str, path: str, tag: str, summary: str, body: type[Request] | None, data: Any, **more: Any
) -> ApiOperation:
    scope = more.pop("scope", Scope.WRITE)
    return ApiOperation(
        id=id, method="POST", path=f"/api/v3{path}", tag=tag, summary=summary, body=body, data=data, scope=scope, **more
    )


def delete(id: str, path: str, tag: str, summary: str, body: type[Request], data: Any, **more: Any) -> ApiOperation:
    return ApiOperation(
        id=id,
        method="DELETE",
        path=f"/api/v3{path}",
        tag=tag,
        summary=summary,
        body=body,
        data=data,
        scope=Scope.ADMIN,
        **more,
    )
