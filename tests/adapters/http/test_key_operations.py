"""API keys at the HTTP edge: who is counted, what a key may not do, and hostile requests for keys."""

from dataclasses import replace
from typing import Any

import pytest
from tests.adapters.http import http_world as w
from tests.adapters.http.http_world import World
from tests.adapters.http.key_samples import API_KEY

from cadenza.domain.errors import KeyNotAllowed, RateLimited
from cadenza.domain.ids import Access

CREATE = "/api/v3/apiKey/create"
GOOD: dict[str, Any] = {"name": "bot", "scopes": ["read"]}


async def test_a_key_is_counted_by_itself_and_not_with_its_user(world: World) -> None:
    world.flood.full.add(f"user:{w.USER_ID}")
    world.use_cases.authenticate.result = replace(w.ACTOR, key_id=API_KEY.id)
    assert (await world.ask("GET", "/api/v3/market/venue/list")).status == 200
    world.flood.full.add(f"key:{API_KEY.id}")
    assert (await world.ask("GET", "/api/v3/market/venue/list")).status == 429
    world.use_cases.authenticate.result = w.ACTOR
    world.flood.full.remove(f"user:{w.USER_ID}")
    assert (await world.ask("GET", "/api/v3/market/venue/list")).status == 200


async def test_the_clients_address_is_part_of_authentication(world: World) -> None:
    await world.ask("GET", "/api/v3/market/venue/list", client="192.0.2.9")
    assert world.use_cases.authenticate.calls[-1][0] == (w.TOKEN, "192.0.2.9")


async def test_an_address_that_goes_on_with_refused_keys_is_told_when_to_come_back(world: World) -> None:
    world.use_cases.authenticate.result = RateLimited("too many", 7)
    answer = await world.ask("GET", "/api/v3/market/venue/list")
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize(
    ("method", "path", "body", "use_case", "status"),
    [
        ("POST", "/api/v3/auth/logout", None, "log_out", 401),
        ("PUT", "/api/v3/auth/user", {"metadata": {}}, "update_user", 400),
        ("POST", CREATE, GOOD, "create_api_key", 403),
        ("GET", "/api/v3/apiKey/list", None, "list_api_keys", 403),
        ("POST", "/api/v3/apiKey/revoke", {"apiKeyId": str(API_KEY.id)}, "revoke_api_key", 403),
    ],
)
async def test_what_no_key_may_do_has_a_status_that_the_operation_lists(
    world: World, method: str, path: str, body: Any, use_case: str, status: int
) -> None:
    getattr(world.use_cases, use_case).result = KeyNotAllowed("no")
    answer = await world.ask(method, path, body=body)
    assert (answer.status, answer.code) == (status, "KEY_NOT_ALLOWED")


async def test_what_is_left_out_does_not_limit_the_key(world: World) -> None:
    await world.ask("POST", CREATE, body=GOOD)
    ((_, asked), _) = world.use_cases.create_api_key.calls[-1]
    assert (asked.accounts, asked.environments, asked.addresses, asked.expires_at_ms) == (None, None, None, None)
    limits = {"tradingAccountIds": [str(w.ACCOUNT_ID)], "environments": ["paper"], "expiresAt": w.NOW_MS}
    await world.ask("POST", CREATE, body=GOOD | limits)
    ((_, asked), _) = world.use_cases.create_api_key.calls[-1]
    assert (asked.accounts, asked.environments, asked.expires_at_ms) == ({w.ACCOUNT_ID}, {Access.PAPER}, w.NOW_MS)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\x00b"},
        {"name": None},
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": ["READ"]},
        {"scopes": "read"},
        {"scopes": ["read"] * 4},
        {"tradingAccountIds": []},
        {"tradingAccountIds": ["mine"]},
        {"tradingAccountIds": [str(w.ACCOUNT_ID)] * 101},
        {"environments": []},
        {"environments": ["moon"]},
        {"addresses": []},
        {"addresses": ["x" * 65]},
        {"addresses": ["192.0.2.7"] * 51},
        {"addresses": "192.0.2.7"},
        {"expiresAt": -1},
        {"expiresAt": "tomorrow"},
        {"expiresAt": 2**63},
        {"userId": str(w.USER_ID)},
        {"secret": "mine"},
        {"isOperator": True},
    ],
    ids=str,
)
async def test_hostile_requests_for_a_key_are_refused(world: World, change: dict[str, Any]) -> None:
    answer = await world.ask("POST", CREATE, body=GOOD | change)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert not world.use_cases.create_api_key.calls


@pytest.mark.parametrize("query", ["kind=LOGIN", "startTime=2&endTime=1", "userId=x", "limit=0", "limit=1001"])
async def test_hostile_questions_to_the_audit_log_are_refused(world: World, query: str) -> None:
    assert (await world.ask("GET", "/api/v3/audit/list", query=query)).code == "INVALID_REQUEST"
    assert not world.use_cases.list_audit.calls
