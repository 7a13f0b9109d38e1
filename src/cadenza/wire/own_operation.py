"""What an added operation is: its row, its RPC method, and the function that answers both."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from cadenza.application.paging import Page
from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor
from cadenza.wire.envelope import Listing, Success, pagination_of
from cadenza.wire.operation import ApiOperation

T = TypeVar("T")
D = TypeVar("D")

ITEMS_PER_SLICE = 5

Answer = Callable[[UseCases, Actor, Any], Awaitable[Success[Any] | Listing[Any]]]
"""Asks the use case. The last argument is the request: the body or the query of the operation, or None."""


@dataclass(frozen=True, slots=True)
class OwnOperation:
    """An added operation: its row, the name of its RPC method, and the function that answers both."""

    operation: ApiOperation
    method: str
    answer: Answer


async def listing_in_slices(page: Page[T], write: Callable[[T], D]) -> Listing[D]:
    """Write a page of a list, a few items at a time: orders need not wait for a long page."""
    data: list[D] = []
    for start in range(0, len(page.items), ITEMS_PER_SLICE):
        if start:
            await asyncio.sleep(0)
        data += map(write, page.items[start : start + ITEMS_PER_SLICE])
    return Listing(data=data, pagination=pagination_of(page))
