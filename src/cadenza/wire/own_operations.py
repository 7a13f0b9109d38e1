"""The operations that the platform adds to the vendor's interface, and the table of all operations.

An added operation has the envelope, the error numbers and the scopes of the others. Its RPC twin takes the same
parameters and answers the same objects, so one function answers both.
"""

from cadenza.wire.events import EVENT_OPERATIONS
from cadenza.wire.executions import EXECUTION_OPERATIONS
from cadenza.wire.operation import ApiOperation
from cadenza.wire.operations import CONTRACT_OPERATIONS
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.previews import PREVIEW_OPERATIONS

__all__ = ["OPERATIONS", "OWN_OPERATIONS", "OwnOperation"]

OWN_OPERATIONS: tuple[OwnOperation, ...] = (
    *EVENT_OPERATIONS,
    *EXECUTION_OPERATIONS,
    *PREVIEW_OPERATIONS,
)

OPERATIONS: tuple[ApiOperation, ...] = (*CONTRACT_OPERATIONS, *(own.operation for own in OWN_OPERATIONS))
"""What an operation of the REST interface is: one row that routes, OpenAPI document, reference pages, RPC twins and
tests share."""
