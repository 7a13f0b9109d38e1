"""What an added operation is: its row, its RPC method, and the function that answers both."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor
from cadenza.wire.envelope import Listing, Success
from cadenza.wire.operation import ApiOperation

Answer = Callable[[UseCases, Actor, Any], Awaitable[Success[Any] | Listing[Any]]]
"""Asks the use case. The last argument is the request: the body or the query of the operation, or None."""


@dataclass(frozen=True, slots=True)
class OwnOperation:
    """An added operation: its row, the name of its RPC method, and the function that answers both."""

    operation: ApiOperation
    method: str
    answer: Answer
