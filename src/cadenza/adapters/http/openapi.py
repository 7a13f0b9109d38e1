"""The OpenAPI document of this server, made of the operations and models that the routes use.

Version 3.0.3, which every generator of clients reads. The models' JSON Schema is rewritten to its dialect.
"""

from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from cadenza.adapters.http.errors import status_of
from cadenza.wire.base import NEVER_SENT_KEY, NO_CONTROLS, REFUSED_KEY
from cadenza.wire.envelope import Failure, Pagination
from cadenza.wire.errno import REGISTRY
from cadenza.wire.examples import BODY_EXAMPLES
from cadenza.wire.operation import ApiOperation
from cadenza.wire.own_operations import OPERATIONS
from cadenza.wire.push import MarketTradeTick
from cadenza.wire.socket import PATH as SOCKET_PATH
from cadenza.wire.socket import SOCKET_SCHEMAS

_REF = "#/components/schemas/{name}"
NO_CONTROLS_PUBLIC = r"^[^\x00-\x1f\x7f]*$"
"""The same as `NO_CONTROLS` in words that every generator of clients understands."""

_MEANINGS = {
    400: "Wrong input, or refused by business rules or the present state",
    401: "No valid access token",
    403: "The token lacks a scope",
    404: "There is no such thing, or it is another tenant's",
    429: "Too many requests; see the header Retry-After",
    500: "A failure of ours, or a part of ours that does not answer just now (then with the header Retry-After)",
    503: "Unhealthy",
}

Schema = dict[str, Any]

_SOCKET_TAG = "WebSocket"

_MODEL = "Model"
"""The end of the name of a class that a class of the domain shares its name with; the document leaves it out."""


@cache
def openapi_document() -> Schema:
    """Return the document."""
    schemas, components = _schemas()
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    paths[SOCKET_PATH] = {"post": _socket()}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Cadenza",
            "version": version("cadenza"),
            "description": "One REST and one WebSocket API over many venues. Reference pages: /docs",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys([*(operation.tag for operation in OPERATIONS), _SOCKET_TAG])],
        "security": [{"bearerAuth": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "headers": _HEADERS,
            "schemas": components,
            "responses": {str(status): _failure(status) for status in (400, 401, 403, 404, 429, 500)},
        },
    }


@cache
def openapi_bytes() -> bytes:
    return msgspec.json.format(msgspec.json.encode(openapi_document()), indent=1)


def query_schema(operation: ApiOperation) -> Schema:
    """Return the schema of an operation's query as an object."""
    return (
        rewritten(msgspec.json.schema_components([operation.query])[1][operation.query.__name__])
        if operation.query
        else {}
    )


def rewritten(schema: Any) -> Any:
    """Rewrite JSON Schema 2020-12 to OpenAPI 3.0's dialect."""
    if isinstance(schema, list):
        return [rewritten(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf", [])
    if {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        inner = {"allOf": rest} if "$ref" in rest[0] else rest[0]
        return rewritten({**inner, **outer}) | {"nullable": True}
    found = {key: rewritten(value) for key, value in schema.items() if key not in ("examples", "title")}
    if "$ref" in schema:
        found["$ref"] = schema["$ref"].removesuffix(_MODEL)
    if "examples" in schema:
        found["example"] = schema["examples"][0]
    if found.get("pattern") == NO_CONTROLS:
        found["pattern"] = NO_CONTROLS_PUBLIC
    if remark := _remark(schema):
        found["description"] = f"{schema['description']}. {remark}" if "description" in schema else remark
    if "exclusiveMaximum" in found:
        found |= {"maximum": found["exclusiveMaximum"], "exclusiveMaximum": True}
    return found


def _remark(schema: Schema) -> str:
    """Return in words what is listed only because the interface lists it."""
    remarks = []
    if (never_sent := schema.get(NEVER_SENT_KEY)) is not None:
        remarks.append("Never sent" if never_sent is True else f"Never sent: {_quoted(never_sent)}")
    if (refused := schema.get(REFUSED_KEY)) is not None:
        remarks.append(f"Refused: {_quoted(refused)}")
    return "; ".join(remarks)


def _quoted(texts: list[str]) -> str:
    return ", ".join(f"`{text}`" if text else '`""`' for text in texts)


def _schemas() -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Return the schema of every type that operations use, and the components they refer to."""
    models = [operation.data for operation in OPERATIONS]
    models += [operation.body for operation in OPERATIONS if operation.body is not None]
    models += [Pagination, Failure, MarketTradeTick]
    unique = list(dict.fromkeys(models))
    schemas, components = msgspec.json.schema_components(unique, ref_template=_REF)
    failure = rewritten(components["Failure"])
    failure["properties"]["success"] = {"type": "boolean", "enum": [False]}
    failure["required"] = ["success", "errno", "error", "details"]
    failure["properties"]["details"] = {"$ref": _REF.format(name="ErrorDetails")}
    named = {name.removesuffix(_MODEL): rewritten(schema) for name, schema in components.items()} | {"Failure": failure}
    named["ErrorDetails"]["properties"]["code"]["enum"] = [registered.code for registered in REGISTRY]
    named.update(SOCKET_SCHEMAS)
    return {model: rewritten(schema) for model, schema in zip(unique, schemas, strict=True)}, named


def _operation(operation: ApiOperation, schemas: dict[Any, Schema]) -> Schema:
    described: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": "Public." if operation.scope is None else f"Needs the scope `{operation.scope.value}`.",
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas[operation.data]),
    }
    if operation.is_public:
        described["security"] = []
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[operation.body], "example": BODY_EXAMPLES[operation]}},
        }
    return described


def _parameters(operation: ApiOperation) -> list[Schema]:
    parameters = []
    query = query_schema(operation)
    for name, schema in query.get("properties", {}).items():
        schema.pop("nullable", None)
        is_required = name in query.get("required", ())
        parameter: Schema = {"name": name, "in": "query", "required": is_required, "schema": schema}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        if schema["type"] == "array":
            parameter |= {"style": "form", "explode": False}
        if "/" in str(schema.get("pattern", "")) or name in _WITH_RESERVED:
            parameter["allowReserved"] = True
        parameters.append(parameter)
    return parameters


_WITH_RESERVED = frozenset({"instrumentId", "instrumentIds", "symbol", "symbols", "securityId"})


def _responses(operation: ApiOperation, data: Schema) -> Schema:
    content = data if operation.is_bare else _success(operation, data)
    responses: Schema = {
        "200": {
            "description": "Done",
            "headers": {"X-Request-Id": _ref("headers", "X-Request-Id"), "Deprecation": _ref("headers", "Deprecation")},
            "content": {"application/json": {"schema": content}},
        }
    }
    for status in sorted((operation.statuses | {429, 500}) - {200, 503}):
        responses[str(status)] = _ref("responses", str(status))
    if operation.is_bare:
        responses["503"] = responses["200"] | {"description": _MEANINGS[503]}
    return responses


def _success(operation: ApiOperation, data: Schema) -> Schema:
    properties: Schema = {
        "success": {"type": "boolean", "enum": [True]},
        "errno": {"type": "integer", "enum": [0]},
        "error": {"type": "string", "nullable": True, "description": "Always null here"},
        "data": data,
    }
    if operation.is_paged:
        properties["pagination"] = _ref("schemas", "Pagination")
    required = list(properties)
    if operation.lists_details:
        properties["details"] = _NO_DETAILS
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _socket() -> Schema:
    """Return the operation that stands for the WebSocket."""
    command, reply = ({"application/json": {"schema": _ref("schemas", name)}} for name in ("WsCommand", "WsReply"))
    return {
        "operationId": "websocketConnect",
        "tags": [_SOCKET_TAG],
        "summary": "Open the WebSocket.",
        "description": "This describes the messages of the WebSocket at this path, not a request. Open it with a "
        "WebSocket handshake (`GET`, `Upgrade: websocket`), then send commands as text frames. It speaks the "
        "Centrifugo protocol, version 2, in JSON. The command `connect` carries an access token.",
        "parameters": [],
        "security": [],
        "requestBody": {"required": True, "content": command},
        "responses": {
            "101": {"description": "The connection is open. It carries replies and pushes", "content": reply},
            "400": {"description": "The handshake is malformed. A request that is no handshake answers 404"},
            "401": {"description": "Listed by the interface. A wrong token closes the open connection instead (3500)"},
        },
    }


def _failure(status: int) -> Schema:
    codes = ", ".join(f"`{r.code}`" for r in REGISTRY if status_of(r.cause) == status)
    headers = {"X-Request-Id": _ref("headers", "X-Request-Id")}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR):
        headers["Retry-After"] = _ref("headers", "Retry-After")
    return {
        "description": f"{_MEANINGS[status]}. Codes: {codes}",
        "headers": headers,
        "content": {"application/json": {"schema": {"$ref": _REF.format(name="Failure")}}},
    }


def _ref(section: str, name: str) -> Schema:
    return {"$ref": f"#/components/{section}/{name}"}


_NO_DETAILS: Schema = {
    "allOf": [_ref("schemas", "ErrorDetails")],
    "nullable": True,
    "description": "Never sent: only a failure has details",
    NEVER_SENT_KEY: True,
}

_HEADERS: Schema = {
    "X-Request-Id": {
        "description": "The id of the request; one that you send is kept when it is 1 to 64 of `A-Za-z0-9_.-`",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Whole seconds to wait", "schema": {"type": "integer", "minimum": 1}},
    "Deprecation": {
        "description": "Present when the request names a deprecated venue (`_SANDBOX`, `_PAPER`)",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
