"""Every fact of `contract.json` stands in the document at `/openapi.json`.

Tolerances, each with its reason:
- `tradeOrder.required` also names `cost` and `filled`, which exist nowhere.
- `rpc.data` is an object in both directions. The interface names 54 shapes for each, without a mark that says which
  method has which; docs/websocket.md lists our methods.
- The reply of `websocketConnect` stands at its 101: that operation has no 200.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cadenza.adapters.http.openapi import openapi_document
from tests.contract.checker import OPERATIONS, SCHEMAS

Schema = Mapping[str, Any]

_NOT_REALLY_REQUIRED = {"cost", "filled"}
_OBJECTS_HERE = {"wsRPCRequest_data", "wsRPCResult_data"}
_LIMITS = ("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "pattern", "default")
_JSON = "application/json"


@pytest.mark.parametrize("id", OPERATIONS)
def test_every_fact_of_the_interface_is_served(id: str) -> None:
    assert list(missing_facts(OPERATIONS[id])) == []


@pytest.mark.parametrize(
    ("promised", "served", "missing"),
    [
        ({"type": "string", "nullable": True}, {"type": "string"}, ["x: nullable"]),
        ({"type": "string", "enum": ["A", ""]}, {"type": "string", "enum": ["A"]}, ["x: enum ['']"]),
        ({"type": "integer"}, {"type": "string"}, ["x: type integer"]),
        ({"type": "string", "format": "uuid"}, {"type": "string"}, ["x: format uuid"]),
        ({"type": "string", "default": ""}, {"type": "string"}, ["x: default ''"]),
        ({"type": "object", "properties": {"a": {}}}, {"type": "object"}, ["x.a"]),
        ({"type": "object", "required": ["a"]}, {"type": "object"}, ["x.a: required"]),
        ({"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {}}, ["x[]: type string"]),
    ],
)
def test_a_fact_that_is_not_served_is_found(promised: Schema, served: Schema, missing: list[str]) -> None:
    assert list(_missing(promised, served, "x")) == missing


def missing_facts(promised: Schema) -> Iterator[str]:
    """Yield each fact of the operation that the document does not state."""
    served = openapi_document()["paths"].get(promised["path"], {}).get(promised["method"].lower())
    if served is None:
        yield f"{promised['method']} {promised['path']}"
        return
    for name, fact in (("operationId", served["operationId"]), ("tag", served["tags"][0])):
        if promised[name] != fact:
            yield f"{name} {promised[name]}"
    if promised["auth"] is (served.get("security") == []):
        yield f"auth {promised['auth']}"
    yield from (f"status {status}" for status in promised["statuses"] if str(status) not in served["responses"])
    yield from _missing_parameters(promised["query"], {each["name"]: each for each in served["parameters"]})
    if promised["body"] is not None:
        yield from _missing(promised["body"], served["requestBody"]["content"][_JSON]["schema"], "body")
    reply = served["responses"][str(min(promised["statuses"]))]
    yield from _missing(promised["response"], reply["content"][_JSON]["schema"], "reply")


def _missing_parameters(promised: list[Schema], served: Mapping[str, Schema]) -> Iterator[str]:
    for parameter in promised:
        if (name := parameter["name"]) not in served:
            yield f"?{name}"
        else:
            yield from _missing(parameter.get("schema", parameter), served[name]["schema"], f"?{name}")


def _missing(promised: Schema, served: Schema, at: str) -> Iterator[str]:
    if promised.get("ref") in _OBJECTS_HERE:
        promised = {"type": "object"}
    promised, served = _promised_whole(promised), _served_whole(served)
    if promised.get("nullable") and not served.get("nullable"):
        yield f"{at}: nullable"
    if lacking := [member for member in promised.get("enum", []) if member not in served.get("enum", [])]:
        yield f"{at}: enum {lacking}"
    if "type" in promised and promised["type"] != served.get("type"):
        yield f"{at}: type {promised['type']}"
    if "format" in promised and promised["format"] != served.get("format"):
        yield f"{at}: format {promised['format']}"
    for limit in _LIMITS:
        if limit in promised and promised[limit] != served.get(limit):
            yield f"{at}: {limit} {promised[limit]!r}"
    yield from _missing_fields(promised, served, at)
    if "items" in promised:
        yield from _missing(promised["items"], served.get("items", {}), f"{at}[]")


def _missing_fields(promised: Schema, served: Schema, at: str) -> Iterator[str]:
    known = served.get("properties", {})
    for name, schema in promised.get("properties", {}).items():
        if name in known:
            yield from _missing(schema, known[name], f"{at}.{name}")
        else:
            yield f"{at}.{name}"
    required = promised.get("required", [])
    for name in required if isinstance(required, list) else []:
        if name not in {*served.get("required", []), *_NOT_REALLY_REQUIRED}:
            yield f"{at}.{name}: required"


def _promised_whole(schema: Schema) -> Schema:
    while "ref" in schema:
        schema = {**SCHEMAS[schema["ref"]], **{key: fact for key, fact in schema.items() if key != "ref"}}
    return _merged(schema, [_promised_whole(part) for part in schema.get("allOf", [])])


def _served_whole(schema: Schema) -> Schema:
    if "$ref" in schema:
        return _served_whole(openapi_document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return _merged(schema, [_served_whole(part) for part in schema.get("allOf", [])])


def _merged(schema: Schema, parts: list[Schema]) -> Schema:
    if not parts:
        return schema
    whole: dict[str, Any] = {}
    for part in (*parts, schema):
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", []), *part.get("required", [])]
        whole |= {**part, "properties": properties, "required": required}
    return whole
