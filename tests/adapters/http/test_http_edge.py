"""What surrounds every request: ids, methods, limits, probes, headers, pages."""

import re
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.adapters.http import http_world as w
from tests.adapters.http.http_world import World, make_world

from cadenza.adapters.http.limits import HttpLimits
from cadenza.application.system.check_health import Health, HealthStatus
from cadenza.domain.errors import CredentialRejected

LIST = "/api/v3/tradeOrder/list"


@pytest.mark.parametrize("request_id", ["a", "req-456-789", "A_b.c-9" * 9])
async def test_a_sane_request_id_is_kept(world: World, request_id: str) -> None:
    answer = await world.ask("GET", LIST, token=None, headers={"x-request-id": request_id})
    assert answer.headers["x-request-id"] == answer.body["details"]["request_id"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "a\nb", "ü", "<script>"])
async def test_any_other_is_replaced(world: World, request_id: str) -> None:
    answer = await world.ask("GET", LIST, headers={"x-request-id": request_id})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_a_wrong_method_names_the_right_ones(world: World) -> None:
    answer = await world.ask("DELETE", LIST)
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
    assert {"GET", "HEAD"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "path", ["/", "/api/v3/nothing", "/api/v2", "/api/v3/tradeOrder", "/../etc/passwd", "/api/v3/\x00"]
)
async def test_an_unknown_path_is_told_in_the_envelope(world: World, path: str) -> None:
    answer = await world.ask("GET", path)
    assert (answer.status, answer.code) == (404, "UNKNOWN_PATH")
    assert answer.body["details"]["resource"] == path


async def test_head_and_options(world: World) -> None:
    head = await world.ask("HEAD", LIST)
    assert (head.status, head.body) == (200, b"")
    refused = await world.ask("HEAD", LIST, token=None)
    assert (refused.status, refused.body) == (401, b"")
    options = await world.ask("OPTIONS", LIST)
    assert options.status == 204
    assert "GET" in options.headers["allow"]


async def test_the_flood_limit_holds_on_every_path_but_the_probes(world: World) -> None:
    world.flood.full.add("address:203.0.113.5")
    for path in (LIST, "/api/v3/health", "/nothing"):
        answer = await world.ask("GET", path)
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "RATE_LIMITED", "7")
    assert (await world.ask("GET", "/livez")).status == 200
    assert (await world.ask("GET", LIST, client="203.0.113.6")).status == 200


async def test_the_flood_limit_counts_users_too(world: World) -> None:
    world.flood.full.add(f"user:{w.USER_ID}")
    assert (await world.ask("GET", LIST)).status == 429


async def test_forwarded_addresses_are_believed_from_trusted_proxies_only() -> None:
    world = make_world(HttpLimits(trusted_proxies=(ip_network("10.0.0.0/8"),)))

    async def client_of(peer: str, forwarded: str) -> str:
        body = {"email": "a@b.c", "password": "12345678"}
        await world.ask("POST", "/api/v3/auth/login", body=body, client=peer, headers={"x-forwarded-for": forwarded})
        return str(world.use_cases.log_in.calls[-1][1]["client"])

    assert await client_of("198.51.100.1", "192.0.2.9") == "198.51.100.1"
    assert await client_of("10.0.0.1", "192.0.2.9") == "192.0.2.9"
    assert await client_of("10.0.0.1", "6.6.6.6, 192.0.2.9, 10.0.0.2") == "192.0.2.9"
    assert await client_of("10.0.0.1", "nonsense") == "10.0.0.1"
    assert await client_of("10.0.0.1", "") == "10.0.0.1"


@pytest.mark.parametrize(
    ("status", "expected"), [(HealthStatus.HEALTHY, 200), (HealthStatus.DEGRADED, 200), (HealthStatus.UNHEALTHY, 503)]
)
async def test_health_is_the_bare_object(world: World, status: HealthStatus, expected: int) -> None:
    world.use_cases.check_health.result = Health(
        status=status, database=status, jobs=HealthStatus.HEALTHY, cache=HealthStatus.DEGRADED, at_ms=w.NOW_MS
    )
    answer = await world.ask("GET", "/api/v3/health", token=None)
    assert answer.status == expected
    assert answer.body["checks"] == {
        "database": {"status": status.value},
        "temporal": {"status": "healthy"},
        "redis": {"status": "degraded"},
    }


async def test_probes(world: World) -> None:
    assert (await world.ask("GET", "/livez", token=None)).status == 200
    assert (await world.ask("GET", "/readyz", token=None)).status == 200
    world.is_ready = False
    assert (await world.ask("GET", "/readyz", token=None)).status == 503


async def test_requests_are_measured_by_operation(world: World) -> None:
    await world.ask("GET", "/nothing-at-all")
    await world.ask("GET", LIST)
    answer = await world.ask("GET", "/metrics", token=None)
    assert answer.headers["content-type"].count("charset") == 1
    shown = answer.body.decode()
    assert 'cadenza_http_request_duration_seconds_count{operation="listTradeOrders",status="200"}' in shown
    assert 'cadenza_http_request_duration_seconds_count{operation="other",status="404"}' in shown
    assert "nothing-at-all" not in shown


async def test_the_access_log_has_no_secrets(world: World) -> None:
    with capture_logs() as lines:
        await world.ask("GET", LIST, query="cursor=secret-cursor", headers={"x-request-id": "req-1"})
        await world.ask(
            "POST", "/api/v3/auth/login", body={"email": "a@b.c", "password": "hunter2-hunter2"}, token=None
        )
    requests = [line for line in lines if line["event"] == "request"]
    assert requests[0] | {"duration_ms": 0} == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": LIST,
        "status": 200,
        "duration_ms": 0,
        "client": "203.0.113.5",
    }
    for secret in (w.TOKEN, "hunter2", "secret-cursor"):
        assert secret not in str(lines)


async def test_a_defect_is_logged_and_not_told(world: World) -> None:
    world.use_cases.list_orders.result = RuntimeError("password=hunter2")
    with capture_logs() as lines:
        answer = await world.ask("GET", LIST)
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert "hunter2" not in str(answer.body)
    assert [line["event"] for line in lines] == ["defect", "request"]


@pytest.mark.parametrize(
    ("result", "status"), [(CredentialRejected("the venue does not take the key"), 400), (RuntimeError("ours"), 500)]
)
async def test_deprecated_venues_are_marked_on_refusals_too(world: World, result: Exception, status: int) -> None:
    world.use_cases.create_credential.result = result
    body = {"venue": "BINANCE_SANDBOX", "credentialType": "HMAC", "apiKey": "k", "apiSecret": "s"}
    answer = await world.ask("POST", "/api/v3/credential/create", body=body)
    assert (answer.status, answer.headers["deprecation"]) == (status, "true")
    answer = await world.ask("POST", "/api/v3/credential/create", body=body | {"venue": "PAPER"})
    assert (answer.status, "deprecation" in answer.headers) == (status, False)


async def test_deprecated_venues_are_marked(world: World) -> None:
    body = {"venue": "BINANCE_SANDBOX", "credentialType": "HMAC", "apiKey": "k", "apiSecret": "s"}
    answer = await world.ask("POST", "/api/v3/credential/create", body=body)
    assert answer.headers["deprecation"] == "true"
    listed = await world.ask("GET", "/api/v3/market/instrument/list", query="venue=IBKR_PAPER")
    assert listed.headers["deprecation"] == "true"
    for venue in ("PAPER", "MOCK", "BINANCE_UAT"):
        assert (
            "deprecation"
            not in (await world.ask("GET", "/api/v3/market/instrument/list", query=f"venue={venue}")).headers
        )


async def test_replies_are_not_cached_nor_sniffed(world: World) -> None:
    answer = await world.ask("GET", LIST)
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")


class TestCors:
    async def test_off_by_default(self, world: World) -> None:
        answer = await world.ask("GET", LIST, headers={"origin": "https://desk.example"})
        assert "access-control-allow-origin" not in answer.headers

    async def test_listed_origins_only(self) -> None:
        world = make_world(HttpLimits(cors_origins=("https://desk.example",)))
        asked = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }
        allowed = await world.ask("OPTIONS", LIST, headers={"origin": "https://desk.example", **asked}, token=None)
        assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (204, "https://desk.example")
        foreign = await world.ask("OPTIONS", LIST, headers={"origin": "https://evil.example", **asked}, token=None)
        assert "access-control-allow-origin" not in foreign.headers
        answer = await world.ask("GET", LIST, headers={"origin": "https://desk.example"})
        assert answer.headers["access-control-allow-origin"] == "https://desk.example"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]


async def test_an_operation_without_400_ignores_what_it_did_not_ask_for(world: World) -> None:
    assert (await world.ask("GET", "/api/v3/auth/user", query="x=1")).status == 200
    assert (await world.ask("POST", "/api/v3/auth/logout", raw=b"nonsense")).status == 200


async def test_a_list_of_credentials_with_another_status_is_empty(world: World) -> None:
    answer = await world.ask("GET", "/api/v3/credential/list", query="credentialStatus=LOCKED")
    assert answer.data == []
    assert answer.body["pagination"]["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("GET", LIST, {}),
        ("HEAD", LIST, {}),
        ("GET", LIST, {"token": None}),
        ("GET", LIST, {"query": "limit=0"}),
        ("DELETE", LIST, {}),
        ("POST", "/api/v3/tradeOrder/submit", {"raw": b"{"}),
        ("POST", "/api/v3/tradeOrder/submit", {"body": {"quantity": 1}}),
        ("POST", "/api/v3/credential/create",
            {"body": {"venue": "BINANCE_SANDBOX", "credentialType": "HMAC", "apiKey": "k", "apiSecret": "s"}}),
    ],
)  # fmt: skip
async def test_the_short_way_and_the_framework_s_answer_alike(
    world: World, method: str, path: str, asked: dict[str, Any]
) -> None:
    """Requests of other origins go through the framework."""
    short = await world.ask(method, path, **asked, headers={"x-request-id": "r"})
    long = await world.ask(method, path, **asked, headers={"x-request-id": "r", "origin": "https://desk.example"})
    assert (short.status, short.headers, short.body) == (long.status, long.headers, long.body)
