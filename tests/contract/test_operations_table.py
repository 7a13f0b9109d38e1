"""The table of operations is the interface's, and every request of the vendor's kind can be read."""

from typing import Any

import msgspec
import pytest

from cadenza.domain.errors import CadenzaError
from cadenza.wire import enums
from cadenza.wire.enums import EnumMap
from cadenza.wire.operation import ApiOperation
from cadenza.wire.operations import CONTRACT_OPERATIONS
from cadenza.wire.venues import VENUE_IDS, parse_venue
from tests.contract.checker import OPERATIONS as PROMISED
from tests.contract.checker import SCHEMAS

REST = {id: facts for id, facts in PROMISED.items() if id != "websocketConnect"}
_BY_ID = pytest.mark.parametrize("operation", CONTRACT_OPERATIONS, ids=lambda operation: operation.id)

_WIRE_ENUMS = {
    "orderSide": enums.SIDE,
    "orderType": enums.ORDER_TYPE,
    "orderStatus": enums.ORDER_STATUS,
    "timeInForce": enums.TIME_IN_FORCE,
    "orderQuantityType": enums.QUANTITY_TYPE,
    "quantityRounding": enums.ROUNDING,
    "positionStatus": enums.POSITION_STATUS,
    "positionMode": enums.POSITION_MODE,
    "collateralMode": enums.COLLATERAL_MODE,
    "marginMode": enums.MARGIN_MODE,
    "accountType": enums.ACCOUNT_TYPE,
    "tradingAccountStatus": enums.ACCOUNT_STATUS,
    "balanceStatus": enums.BALANCE_STATUS,
    "credentialType": enums.CREDENTIAL_TYPE,
    "tradingAccountCredentialStatus": enums.CREDENTIAL_STATUS,
    "operationType": enums.OPERATION_TYPE,
    "operationStatus": enums.OPERATION_STATUS,
    "instrumentType": enums.INSTRUMENT_TYPE,
    "instrumentStatus": enums.INSTRUMENT_STATUS,
    "securityType": enums.SECURITY_TYPE,
    "subscriptionType": enums.SUBSCRIPTION_TYPE,
    "subscriptionStatus": enums.SUBSCRIPTION_STATUS,
    "venueStatus": enums.VENUE_STATUS,
}


_ADDED = {"listTradeOrders": {"open", "orderSide", "orderType", "clientOrderId", "idempotencyKey"}}
"""Query parameters that we add to an operation of the interface. Its reply keeps the interface's fields."""


def fields_of(model: type[Any] | None) -> dict[str, msgspec.structs.FieldInfo]:
    return {} if model is None else {field.encode_name: field for field in msgspec.structs.fields(model)}


def test_all_42_operations_are_there() -> None:
    assert {operation.id for operation in CONTRACT_OPERATIONS} == set(REST)
    assert len(CONTRACT_OPERATIONS) == 42


@_BY_ID
def test_method_path_tag_statuses_and_access_are_the_interfaces(operation: ApiOperation) -> None:
    promised = REST[operation.id]
    assert (operation.method, operation.path, operation.tag) == (promised["method"], promised["path"], promised["tag"])
    assert operation.statuses == set(promised["statuses"])
    assert operation.is_public != promised["auth"]


@_BY_ID
def test_query_parameters_are_the_interfaces(operation: ApiOperation) -> None:
    promised = {parameter["name"]: parameter for parameter in REST[operation.id]["query"]}
    ours = fields_of(operation.query)
    assert set(ours) == set(promised) | _ADDED.get(operation.id, set())
    for name, parameter in promised.items():
        if "default" in parameter:
            assert ours[name].default == parameter["default"], name


@_BY_ID
def test_body_fields_and_what_is_required_are_the_interfaces(operation: ApiOperation) -> None:
    body = REST[operation.id]["body"]
    promised = SCHEMAS[body["ref"]] if body else {"properties": {}}
    ours = fields_of(operation.body)
    assert set(ours) == set(promised["properties"])
    assert {name for name, field in ours.items() if field.required} == set(promised.get("required", ()))


@pytest.mark.parametrize("name", _WIRE_ENUMS)
def test_enum_maps_say_what_the_interface_lists(name: str) -> None:
    ours: EnumMap[Any] = _WIRE_ENUMS[name]
    assert sorted(ours.listed) == sorted(SCHEMAS[name]["enum"])
    assert not set(ours.also_listed) & set(ours.texts)


@pytest.mark.parametrize("name", _WIRE_ENUMS)
def test_what_is_listed_without_a_meaning_is_always_refused(name: str) -> None:
    for text in ("UNKNOWN", "nonsense", *_WIRE_ENUMS[name].also_listed):
        with pytest.raises(CadenzaError) as refusal:
            _WIRE_ENUMS[name].read_optional(name, text)
        assert text not in refusal.value.metadata["allowed"]
    with pytest.raises(CadenzaError):
        _WIRE_ENUMS[name].read_optional(name, "nonsense")


def test_venues_are_the_interfaces_and_read_both_ways() -> None:
    assert set(VENUE_IDS) == set(SCHEMAS["venue"]["enum"]) - {""}
    for text in VENUE_IDS:
        assert str(parse_venue(text)) == text
