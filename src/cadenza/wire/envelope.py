"""The envelope around every reply, and pages."""

from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from cadenza.application.paging import Page
from cadenza.wire.base import Response

T = TypeVar("T")


class Pagination(Response, kw_only=True, frozen=True):
    offset: int
    limit: int
    total: Annotated[int, Meta(description="Items of the whole list")]
    cursor: Annotated[str, Meta(description="The `cursor` of the next page; absent on the last")] | UnsetType = UNSET
    has_next: bool


class Success(Struct, Generic[T], kw_only=True, frozen=True, gc=False):
    """A reply that carries `data`."""

    success: bool = True
    errno: int = 0
    error: None = None
    data: T


class Listing(Struct, Generic[T], kw_only=True, frozen=True, gc=False):
    """A reply that carries a page of a list."""

    success: bool = True
    errno: int = 0
    error: None = None
    data: list[T]
    pagination: Pagination


class ErrorDetails(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The details of an error. `required` and `provided` are scopes."""

    code: Annotated[str, Meta(description="Stable, for machines", examples=["INVALID_REQUEST"])]
    resource: Annotated[str, Meta(description="Path of the request", examples=["/api/v3/tradeOrder/submit"])]
    action: Annotated[str, Meta(description="Last part of the path", examples=["submit"])]
    required: list[str] | UnsetType = UNSET
    provided: list[str] | UnsetType = UNSET
    tenant_id: str | UnsetType = UNSET
    request_id: Annotated[str, Meta(description="Also the header X-Request-Id", examples=["0199f2a4c5d07c1e"])]
    metadata: dict[str, Any] | UnsetType = UNSET


class Failure(Struct, kw_only=True, frozen=True):
    """A reply that carries an error."""

    success: bool = False
    errno: Annotated[int, Meta(lt=0, examples=[-10001])]
    error: Annotated[str, Meta(description="For people")]
    details: ErrorDetails


def pagination_of(page: Page[Any]) -> Pagination:
    return Pagination(
        offset=page.offset,
        limit=page.limit,
        total=page.total,
        cursor=UNSET if page.next_cursor is None else page.next_cursor,
        has_next=page.has_next,
    )


ENCODER = msgspec.json.Encoder()
encode = ENCODER.encode
