"""Whether a reply is what the interface promises. Built from `contract.json`, the interface as bare facts.

Stricter than JSON Schema: a field that the interface does not list is an error (one of the vendor's clients refuses
it), null is allowed only where marked, and the `""` of an enum is never sent.

Tolerances, each with its reason:
- `tradeOrder.required` also names `cost` and `filled`, which exist nowhere.
- 429 may answer anywhere (flood limit), and 500 too: a failure of ours is not dressed up as the client's.
- Errors may be told by any operation in the base envelope, whichever model its 200 has.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import aiohttp

from cadenza.adapters.http.openapi import openapi_document
from cadenza.wire.own_operations import OWN_OPERATIONS

CONTRACT: Mapping[str, Any] = json.loads((Path(__file__).parent / "contract.json").read_text())
OPERATIONS: Mapping[str, Mapping[str, Any]] = {
    operation["operationId"]: operation for operation in CONTRACT["operations"]
}
SCHEMAS: Mapping[str, Mapping[str, Any]] = CONTRACT["schemas"]

_IDS = {(operation["method"], operation["path"]): id for id, operation in OPERATIONS.items()}
_NOT_REALLY_REQUIRED = {"tradeOrder": {"cost", "filled"}}
_SENT_EMPTY = {"quantityRounding"}
_ANYWHERE = {429, 500}
_BODIES_OF_ERRORS = "root_400_response"
_SERVED = "served:"
"""Begins the name of a schema of `/openapi.json`, which describes the operations that we add to the interface."""


class ContractViolation(AssertionError):
    """A reply that breaks the interface; the message says where."""


def assert_conforms(operation_id: str, status: int, body: Any) -> None:
    """Raise `ContractViolation` unless the reply (JSON already parsed) is one that the interface lists."""
    operation = OPERATIONS[operation_id]
    where = f"{operation_id} {status}"
    if status not in operation["statuses"] and status not in _ANYWHERE:
        raise ContractViolation(f"{where}: not a listed status {operation['statuses']}")
    if status == 200 or (operation_id == "health" and status == 503):
        assert_matches(operation["response"]["ref"], body, where)
        if operation_id != "health":
            _assert_success(body, where)
    else:
        assert_matches(_BODIES_OF_ERRORS, body, where)
        _assert_failure(body, where)


def assert_matches(schema: str, value: Any, where: str = "") -> None:
    """Raise `ContractViolation` unless the value is of the named schema."""
    _check({"ref": schema}, value, where or schema)


def operation_id_of(method: str, path: str) -> str | None:
    """Return the operation that a request is for."""
    return _IDS.get(("GET" if method == "HEAD" else method, path.rstrip("/") or "/"))


def _assert_success(body: Mapping[str, Any], where: str) -> None:
    if body["success"] is not True or body["errno"] != 0 or body["error"] is not None:
        raise ContractViolation(f"{where}: a 200 that is no success: {body['success']} {body['errno']} {body['error']}")
    if "details" in body:
        raise ContractViolation(f"{where}: details on success")
    if "data" not in body:
        raise ContractViolation(f"{where}: no data")


def _assert_failure(body: Mapping[str, Any], where: str) -> None:
    if body["success"] is not False or body["errno"] >= 0 or not body["error"]:
        raise ContractViolation(f"{where}: an error that is none: {body['success']} {body['errno']} {body['error']}")
    details = body.get("details") or {}
    for name in ("code", "resource", "action", "request_id"):
        if not isinstance(details.get(name), str):
            raise ContractViolation(f"{where}: details.{name} is missing")
    if not re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)*", details["code"]):
        raise ContractViolation(f"{where}: {details['code']!r} is no code")


def _check(schema: Mapping[str, Any], value: Any, where: str, name: str = "") -> None:
    while "ref" in schema:
        name = schema["ref"]
        schema = {**_schema(name), **{key: fact for key, fact in schema.items() if key != "ref"}}
    if "allOf" in schema:
        schema = _merged(schema["allOf"])
    if value is None:
        if not schema.get("nullable"):
            raise ContractViolation(f"{where}: null, and not nullable")
        return
    _CHECKS[schema.get("type", "any")](schema, value, where, name)


def _schema(name: str) -> Mapping[str, Any]:
    if not name.startswith(_SERVED):
        return SCHEMAS[name]
    facts: Mapping[str, Any] = _as_facts(openapi_document()["components"]["schemas"][name.removeprefix(_SERVED)])
    return facts


def _merged(parts: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in parts:
        resolved = _schema(part["ref"]) if "ref" in part else part
        properties |= resolved.get("properties", {})
        required += resolved.get("required", [])
    return {"type": "object", "properties": properties, "required": required}


def _check_object(schema: Mapping[str, Any], value: Any, where: str, name: str) -> None:
    if not isinstance(value, dict):
        raise ContractViolation(f"{where}: {value!r} is not an object")
    properties = schema.get("properties")
    if properties is None:
        return
    missing = set(schema.get("required", ())) - set(value) - _NOT_REALLY_REQUIRED.get(name, set())
    if missing:
        raise ContractViolation(f"{where}: without {sorted(missing)}")
    for key, item in value.items():
        if key not in properties:
            raise ContractViolation(f"{where}.{key}: the interface lists no such field")
        _check(properties[key], item, f"{where}.{key}")


def _check_array(schema: Mapping[str, Any], value: Any, where: str, name: str) -> None:
    if not isinstance(value, list):
        raise ContractViolation(f"{where}: {value!r} is not an array")
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        raise ContractViolation(f"{where}: {len(value)} items")
    for index, item in enumerate(value):
        _check(schema["items"], item, f"{where}[{index}]")


def _check_string(schema: Mapping[str, Any], value: Any, where: str, name: str) -> None:
    if not isinstance(value, str):
        raise ContractViolation(f"{where}: {value!r} is not a string")
    if "enum" in schema and (value not in schema["enum"] or value == "UNKNOWN"):
        raise ContractViolation(f"{where}: {value!r} is not one of {schema['enum']}")
    if "enum" in schema and value == "" and name not in _SENT_EMPTY:
        raise ContractViolation(f"{where}: the empty member of an enum is never sent")
    if "pattern" in schema and re.fullmatch(schema["pattern"].replace(r"\d", "[0-9]"), value) is None:
        raise ContractViolation(f"{where}: {value!r} does not match {schema['pattern']}")
    _check_format(schema.get("format", ""), value, where)


def _check_format(format: str, value: str, where: str) -> None:
    try:
        match format:
            case "uuid":
                is_right = str(UUID(value)) == value
            case "date-time":
                is_right = value.endswith("Z") and datetime.fromisoformat(value) is not None
            case "email":
                is_right = "@" in value
            case _:
                is_right = True
    except ValueError:
        is_right = False
    if not is_right:
        raise ContractViolation(f"{where}: {value!r} is not of format {format}")


def _check_integer(schema: Mapping[str, Any], value: Any, where: str, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ContractViolation(f"{where}: {value!r} is not an integer")
    if not -(2**63) <= value < 2**63:
        raise ContractViolation(f"{where}: {value} has more than 64 bits")


def _check_boolean(schema: Mapping[str, Any], value: Any, where: str, name: str) -> None:
    if not isinstance(value, bool):
        raise ContractViolation(f"{where}: {value!r} is not a boolean")


_CHECKS = {
    "object": _check_object,
    "array": _check_array,
    "string": _check_string,
    "integer": _check_integer,
    "boolean": _check_boolean,
}


def check_instants(value: Any, where: str = "") -> None:
    """Raise unless every `xxxAt` that has a twin `xxxAtDateTime` names the same instant."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_instants(item, f"{where}[{index}]")
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        twin = value.get(f"{key}DateTime")
        if isinstance(item, int) and isinstance(twin, str):
            told_ms = round(datetime.fromisoformat(twin).timestamp() * 1000)
            if told_ms != item:
                raise ContractViolation(f"{where}.{key}: {item} and {twin} differ")
        check_instants(item, f"{where}.{key}")


_OWN = {(own.operation.method, own.operation.path): own.operation.id for own in OWN_OPERATIONS}


def _own_operation_id(method: str, path: str) -> str | None:
    """Return the operation of ours, added to the interface, that a request is for."""
    return _OWN.get(("GET" if method == "HEAD" else method, path.rstrip("/") or "/"))


def _assert_served(method: str, path: str, answer: "Answer") -> None:
    """Raise `ContractViolation` unless the reply of an operation of ours is what `/openapi.json` lists. A field that it
    does not list is an error here too."""
    listed = openapi_document()["paths"][path][method.lower()]["responses"].get(str(answer.status))
    where = f"{method} {path} {answer.status}"
    if listed is None:
        raise ContractViolation(f"{where}: not a listed status")
    if answer.status != 200:
        assert_matches(_BODIES_OF_ERRORS, answer.body, where)
        _assert_failure(answer.body, where)
        return
    _assert_success(answer.body, where)
    _check(_as_facts(listed["content"]["application/json"]["schema"]), answer.body, where)


def _as_facts(schema: Any) -> Any:
    """Return a schema of the served document in the form of `contract.json`."""
    if isinstance(schema, list):
        return [_as_facts(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"ref": schema["$ref"].replace("#/components/schemas/", _SERVED)}
    return {key: _as_facts(item) for key, item in schema.items()}


class Answer:
    """A reply: its status, headers, JSON and, for short, `data` of the envelope."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def code(self) -> str | None:
        """The machine code of an error; None on success."""
        details = self.body.get("details")
        return None if details is None else str(details["code"])


class CheckedClient:
    """A client of the REST interface that checks every reply against the contract before handing it out.

    `async with CheckedClient(base_url, token=…) as api: answer = await api.post("/api/v3/tradeOrder/submit", {…})`.
    """

    def __init__(self, base_url: str, *, token: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self.token = token
        self._session: aiohttp.ClientSession | None = None

    def move(self, base_url: str) -> None:
        """Go on at another address."""
        self._base_url = base_url.rstrip("/")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **query: Any) -> Answer:
        """Ask; None is left out, a list is repeated, a bool is lower case."""
        return await self.request("GET", path, query=query)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.request("POST", path, body=body, headers=headers)

    async def put(self, path: str, body: Any) -> Answer:
        return await self.request("PUT", path, body=body)

    async def delete(self, path: str, body: Any) -> Answer:
        return await self.request("DELETE", path, body=body)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the checked reply."""
        if self._session is None:
            raise RuntimeError("use `async with`")
        own = {"authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._session.request(
            method,
            self._base_url + path,
            params=_pairs(query or {}),
            json=body,
            headers={**own, **(headers or {})},
        ) as response:
            answer = Answer(response.status, response.headers, await response.json())
        check_answer(method, path, answer)
        return answer


def check_answer(method: str, path: str, answer: Answer) -> None:
    """Raise `ContractViolation` unless the reply to a request conforms, its request id included."""
    operation_id = operation_id_of(method, path) or _own_operation_id(method, path)
    if operation_id is None:
        return
    if operation_id in OPERATIONS:
        assert_conforms(operation_id, answer.status, answer.body)
    else:
        _assert_served(method, path, answer)
    check_instants(answer.body, operation_id)
    told = (answer.body.get("details") or {}).get("request_id", answer.headers.get("x-request-id"))
    if not told or told != answer.headers.get("x-request-id"):
        raise ContractViolation(f"{operation_id}: X-Request-Id {answer.headers.get('x-request-id')!r} is not {told!r}")
    if answer.status == 429 and not answer.headers.get("retry-after", "").isdecimal():
        raise ContractViolation(f"{operation_id}: 429 without Retry-After")


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        pairs += [
            (name, str(item).lower() if isinstance(item, bool) else str(item)) for item in items if item is not None
        ]
    return pairs
