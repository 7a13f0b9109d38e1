"""Hostile requests: each gets a refusal in the envelope with a request id, none a 5xx, and none reaches a use case."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.http import http_world as w
from tests.adapters.http.http_world import World

from cadenza.domain.errors import (
    AccountNotActive,
    CadenzaError,
    DatabaseUnavailable,
    InsufficientScope,
    OrderAlreadyClosed,
    OrderNotFound,
    RateLimited,
    SubscriptionNotFound,
    TokenExpired,
)
from cadenza.wire.examples import BODY_EXAMPLES, QUERY_EXAMPLES
from cadenza.wire.operation import ApiOperation
from cadenza.wire.operations import SIGNUP, SUBMIT_ORDER
from cadenza.wire.own_operations import OPERATIONS

SUBMIT = "/api/v3/tradeOrder/submit"
LIST = "/api/v3/tradeOrder/list"
ORDER = dict(BODY_EXAMPLES[SUBMIT_ORDER])


def order_bytes(**changes: Any) -> bytes:
    return json.dumps({**ORDER, **changes}).encode()


HOSTILE_BODIES = {
    "nothing": b"",
    "null": b"null",
    "array": b"[]",
    "text": b"hello",
    "half": order_bytes()[:-5],
    "nan": order_bytes().replace(b'"0.25"', b"NaN"),
    "infinity": order_bytes().replace(b'"0.25"', b"Infinity"),
    "number": order_bytes().replace(b'"0.25"', b"0.25"),
    "exponent": order_bytes(quantity="1e-7"),
    "huge exponent": order_bytes(quantity="1e999999999"),
    "huge integer": order_bytes().replace(b'"0.25"', b"9" * 10_000),
    "many digits": order_bytes(quantity="1" * 5000),
    "negative zero": order_bytes(quantity="-"),
    "other digits": order_bytes(quantity="٣"),
    "bad utf-8": order_bytes().replace(b"GTC", b"\xff\xfe"),
    "surrogate": order_bytes().replace(b"GTC", b"\\ud800"),
    "byte order mark": b"\xef\xbb\xbf" + order_bytes(),
    "utf-16": order_bytes().decode().encode("utf-16"),
    "duplicate key": order_bytes()[:-1] + b', "quantity": "1000"}',
    "deep array": order_bytes()[:-1] + b', "leverage": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "unknown field": order_bytes(dryRun=True),
    "unknown side": order_bytes(orderSide="UNKNOWN"),
    "unknown enum": order_bytes(timeInForce="FOREVER"),
    "wrong types": order_bytes(tradingAccountId=7, instrumentId={}, awaitClosed="no"),
    "nul": order_bytes(clientOrderId="a\x00b"),
    "newline": order_bytes(instrumentId="PAPER:BTC/USDT\n"),
    "long id": order_bytes(clientOrderId="x" * 129),
    "expiry beyond time": order_bytes(expireAt=2**62),
    "negative leverage": order_bytes(leverage=-1),
    "one megabyte of text": order_bytes(clientOrderId="x" * 1_000_000),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(60),
}


@pytest.mark.parametrize("name", HOSTILE_BODIES)
async def test_hostile_bodies_are_refused(world: World, name: str) -> None:
    answer = await world.ask("POST", SUBMIT, raw=HOSTILE_BODIES[name])
    assert answer.status == 400
    assert answer.code in ("INVALID_REQUEST", "PAYLOAD_TOO_LARGE")
    assert not world.use_cases.submit_order.calls


@pytest.mark.parametrize("size", [65_537, 1_000_000])
async def test_a_body_over_the_limit_is_not_read_to_its_end(world: World, size: int) -> None:
    chunks = [b"x" * 16_384] * (size // 16_384 + 1)
    answer = await world.ask("POST", SUBMIT, raw=chunks)
    assert (answer.status, answer.code) == (400, "PAYLOAD_TOO_LARGE")
    announced = await world.ask("POST", SUBMIT, raw=b"{}", headers={"content-length": "99999999999999999999999"})
    assert announced.code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "media_type", ["text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "\xff"]
)
async def test_other_content_types_are_refused(world: World, media_type: str) -> None:
    answer = await world.ask("POST", SUBMIT, body=ORDER, headers={"content-type": media_type})
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", ""])
async def test_json_is_taken_with_and_without_its_type(world: World, media_type: str) -> None:
    assert (await world.ask("POST", SUBMIT, body=ORDER, headers={"content-type": media_type})).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=NaN",
        "limit=1e3",
        "offset=-1",
        "offset=" + "9" * 40,
        "a=" + "x" * 100_000,
        "&" * 5000 + "x=1",
        "cursor=%ff%fe",
        "%00=1",
    ],
    ids=lambda query: query[:12],
)
async def test_hostile_queries_are_refused(world: World, query: str) -> None:
    answer = await world.ask("GET", LIST, query=query)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer forged.token.x",
        "Bearer " + "x" * 100_000,
        "bearer \xff",
        "Bearer a b",
    ],
    ids=lambda header: header[:14].encode("ascii", "replace").decode(),
)
@pytest.mark.parametrize("path", [LIST, "/api/v3/auth/user", "/api/v3/credential/list"])
async def test_forged_tokens_are_refused(world: World, path: str, header: str) -> None:
    answer = await world.ask("GET", path, token=None, headers={"authorization": header})
    assert (answer.status, answer.code) == (401, "INVALID_TOKEN")


async def test_the_token_is_looked_at_before_the_body(world: World) -> None:
    answer = await world.ask("POST", SUBMIT, raw=b"nonsense", token=None)
    assert answer.status == 401


async def test_an_expired_token_says_so(world: World) -> None:
    world.use_cases.authenticate.result = TokenExpired("the access token has expired")
    answer = await world.ask("GET", LIST)
    assert (answer.status, answer.code) == (401, "TOKEN_EXPIRED")


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
async def test_no_json_breaks_any_operation(world: World, body: Any) -> None:
    raw = json.dumps(body).encode()
    for operation in OPERATIONS:
        if operation.body is not None:
            answer = await world.ask(operation.method, operation.path, raw=raw)
            assert answer.status in (200, 400), answer.body


@given(
    changes=st.dictionaries(
        st.sampled_from([*ORDER, "stopPrice", "expireAt", "leverage", "quoteId", "awaitClosed", "quantityRounding"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.integers(), max_size=3),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
async def test_no_mutation_of_an_order_is_a_failure_of_ours(world: World, changes: dict[str, Any]) -> None:
    assert (await world.ask("POST", SUBMIT, body={**ORDER, **changes})).status in (200, 400)


@given(query=st.text(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
async def test_no_query_is_a_failure_of_ours(world: World, query: str) -> None:
    raw = query.encode("utf-8", "surrogatepass")
    for operation in OPERATIONS:
        if operation.method == "GET":
            answer = await world.ask("GET", operation.path, query=raw)
            assert answer.status in (200, 400), answer.body


_BY_ID = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)


_THAT_ASK_A_USE_CASE = [operation for operation in OPERATIONS if operation.id != "root"]


def use_case_of(world: World, operation: ApiOperation) -> Any:
    """The use case that an operation calls, found by watching."""
    return next(getattr(world.use_cases, name) for name in w.RESULTS if getattr(world.use_cases, name).calls)


@pytest.mark.parametrize("operation", _THAT_ASK_A_USE_CASE, ids=lambda operation: operation.id)
@pytest.mark.parametrize(
    "error",
    [
        OrderNotFound("there is no such order"),
        SubscriptionNotFound("there is no such subscription"),
        AccountNotActive("the account is INACTIVE"),
        InsufficientScope("needs admin", ("admin",), ("read",)),
        RateLimited("slow down", 3),
        DatabaseUnavailable("the database does not answer"),
        ZeroDivisionError("a defect"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_errors_are_answered_with_listed_statuses_only(
    world: World, operation: ApiOperation, error: Exception
) -> None:
    example = {"body": BODY_EXAMPLES.get(operation), "query": QUERY_EXAMPLES.get(operation, "")}
    await world.ask(operation.method, operation.path, **example)
    use_case = use_case_of(world, operation)
    use_case.result = error
    answer = await world.ask(operation.method, operation.path, **example)
    refusals = {400, 401, 403, 404} if 400 in operation.statuses else {401, 403, 404, 500}
    expected = refusals if isinstance(error, CadenzaError) else {500}
    expected = (
        {429} if isinstance(error, RateLimited) else {500} if isinstance(error, DatabaseUnavailable) else expected
    )
    assert answer.status in expected
    assert answer.code == (error.code if isinstance(error, CadenzaError) else "INTERNAL_ERROR")
    assert "defect" not in answer.body["error"]


async def test_a_forbidden_request_is_told_what_it_lacks(world: World) -> None:
    world.use_cases.submit_order.result = InsufficientScope("needs write", ("write",), ("read",))
    answer = await world.ask("POST", SUBMIT, body=ORDER)
    assert answer.status == 403
    assert answer.body["details"] == {
        "code": "INSUFFICIENT_SCOPE",
        "resource": SUBMIT,
        "action": "submit",
        "required": ["write"],
        "provided": ["read"],
        "tenant_id": str(w.TENANT_ID),
        "request_id": answer.headers["x-request-id"],
    }


async def test_a_closed_order_is_shown_with_the_refusal(world: World) -> None:
    world.use_cases.cancel_order.result = OrderAlreadyClosed(
        "the order is FILLED", {"order": w.FILLED_PARTLY, "cost": w.D("1E+3")}
    )
    answer = await world.ask(
        "POST",
        "/api/v3/tradeOrder/cancel",
        body={"tradingAccountId": str(w.ACCOUNT_ID), "tradeOrderId": str(w.ORDER_ID)},
    )
    metadata = answer.body["details"]["metadata"]
    assert (metadata["order"]["tradeOrderId"], metadata["cost"]) == (str(w.ORDER_ID), "1000")


async def test_what_passes_tells_when_to_come_back(world: World) -> None:
    world.use_cases.submit_order.result = DatabaseUnavailable("the database does not answer")
    assert (await world.ask("POST", SUBMIT, body=ORDER)).headers["retry-after"] == "1"
    world.use_cases.log_in.result = RateLimited("too many tries", 42)
    answer = await world.ask("POST", "/api/v3/auth/login", body=BODY_EXAMPLES[SIGNUP], token=None)
    assert (answer.status, answer.headers["retry-after"]) == (429, "42")
