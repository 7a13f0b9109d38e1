"""The operations that the platform adds to the vendor's interface, and the table of all operations.

An added operation has the envelope, the error numbers and the scopes of the others. Its RPC twin takes the same
parameters and answers the same objects, so one function answers both.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cadenza.application.use_cases import UseCases
from cadenza.domain.identity.actor import Actor
from cadenza.wire import api_keys
from cadenza.wire.envelope import Listing, Success
from cadenza.wire.operation import ApiOperation
from cadenza.wire.operations import CONTRACT_OPERATIONS

Answer = Callable[[UseCases, Actor, Any], Awaitable[Success[Any] | Listing[Any]]]
"""Asks the use case. The last argument is the request: the body or the query of the operation, or None."""


@dataclass(frozen=True, slots=True)
class OwnOperation:
    """An added operation: its row, the name of its RPC method, and the function that answers both."""

    operation: ApiOperation
    method: str
    answer: Answer


OWN_OPERATIONS: tuple[OwnOperation, ...] = (
    OwnOperation(api_keys.CREATE_API_KEY, "command.api_key.create", api_keys.create_api_key),
    OwnOperation(api_keys.LIST_API_KEYS, "query.api_key.list", api_keys.list_api_keys),
    OwnOperation(api_keys.REVOKE_API_KEY, "command.api_key.revoke", api_keys.revoke_api_key),
    OwnOperation(api_keys.LIST_AUDIT, "query.audit.list", api_keys.list_audit),
)

OPERATIONS: tuple[ApiOperation, ...] = (*CONTRACT_OPERATIONS, *(own.operation for own in OWN_OPERATIONS))
