"""The operations that the platform adds to the vendor's interface, and the table of all operations."""

from cadenza.wire.brake import BRAKE_OPERATIONS
from cadenza.wire.operation import ApiOperation, OwnOperation
from cadenza.wire.operations import CONTRACT_OPERATIONS

OWN_OPERATIONS: tuple[OwnOperation, ...] = BRAKE_OPERATIONS

OPERATIONS: tuple[ApiOperation, ...] = (*CONTRACT_OPERATIONS, *(own.operation for own in OWN_OPERATIONS))
