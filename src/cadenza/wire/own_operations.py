"""The operations that the platform adds to the vendor's interface, and the table of all operations."""

from cadenza.wire import api_keys
from cadenza.wire.brake import BRAKE_OPERATIONS
from cadenza.wire.events import EVENT_OPERATIONS
from cadenza.wire.executions import EXECUTION_OPERATIONS
from cadenza.wire.operation import ApiOperation
from cadenza.wire.operations import CONTRACT_OPERATIONS
from cadenza.wire.own_operation import OwnOperation
from cadenza.wire.portfolio_prices import PORTFOLIO_PRICE_OPERATIONS
from cadenza.wire.previews import PREVIEW_OPERATIONS

OWN_OPERATIONS: tuple[OwnOperation, ...] = (
    OwnOperation(api_keys.CREATE_API_KEY, "command.api_key.create", api_keys.create_api_key),
    OwnOperation(api_keys.LIST_API_KEYS, "query.api_key.list", api_keys.list_api_keys),
    OwnOperation(api_keys.REVOKE_API_KEY, "command.api_key.revoke", api_keys.revoke_api_key),
    OwnOperation(api_keys.LIST_AUDIT, "query.audit.list", api_keys.list_audit),
    *BRAKE_OPERATIONS,
    *EVENT_OPERATIONS,
    *EXECUTION_OPERATIONS,
    *PREVIEW_OPERATIONS,
    *PORTFOLIO_PRICE_OPERATIONS,
)

OPERATIONS: tuple[ApiOperation, ...] = (*CONTRACT_OPERATIONS, *(own.operation for own in OWN_OPERATIONS))
