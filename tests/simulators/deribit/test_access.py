"""Who may call what: signatures, tokens, scopes, and how a session ends."""

import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from cadenza.simulators.deribit.server import DeribitSimulator

from .trader import HttpTrader, Refused, SocketTrader, connected, signed

USUAL_SCOPES = "account:read_write block_trade:read_write connection mainaccount trade:read_write wallet:read"


async def refused(awaitable: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value


async def test_a_signed_request_is_answered_with_its_times(trader: HttpTrader) -> None:
    status, answer = await trader.asked("POST", "private/get_positions", {"currency": "BTC"})
    assert (status, answer["jsonrpc"], answer["id"], answer["result"]) == (200, "2.0", 7, [])
    assert answer["usDiff"] == answer["usOut"] - answer["usIn"] >= 0
    assert answer["testnet"] is False
    _, answer = await trader.asked("GET", "private/get_positions", {"currency": "BTC"})
    assert answer["result"] == []
    assert "id" not in answer


@pytest.mark.parametrize("what", ["signature", "key", "age", "header", "nothing"])
async def test_a_request_without_proof_is_refused(trader: HttpTrader, what: str) -> None:
    path = "/api/v2/private/get_positions"
    good = trader.signature("GET", path)
    sent: dict[str, dict[str, str]] = {
        "signature": trader.signature("GET", f"{path}?currency=BTC"),
        "key": {"Authorization": good["Authorization"].replace(trader.key, "nobody")},
        "age": trader.signature("GET", path, at_ms=1_700_000_000_000),
        "header": {"Authorization": "deri-hmac-sha256 id=1"},
        "nothing": {},
    }
    status, answer = await trader.asked("GET", "private/get_positions", {}, headers=sent[what])
    assert status == 401
    assert answer["error"]["code"] == (13004 if what == "key" else 13009)


async def test_the_body_is_signed_too(trader: HttpTrader) -> None:
    path = "/api/v2/private/buy"
    headers = trader.signature("POST", path, "{}")
    status, answer = await trader.asked("POST", "private/buy", {"amount": 10}, headers=headers)
    assert (status, answer["error"]["code"]) == (401, 13009)


async def test_credentials_bring_a_token_for_the_session(trader: HttpTrader) -> None:
    token = await trader.get(
        "public/auth",
        grant_type="client_credentials",
        client_id=trader.key,
        client_secret=trader.secret,
        scope="session:mine",
        state="kept",
    )
    assert (token["token_type"], token["state"], token["expires_in"]) == ("bearer", "kept", 900)
    assert token["scope"] == USUAL_SCOPES.replace("connection", "").replace("  ", " ").replace(
        "trade:read_write w", "session:mine trade:read_write w"
    )
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    status, answer = await trader.asked("GET", "private/get_positions", {}, headers=bearer)
    assert (status, answer["result"]) == (200, [])


async def test_a_token_of_a_connection_is_worth_nothing_on_another(
    simulator: DeribitSimulator, trader: HttpTrader
) -> None:
    async with connected(simulator) as one, connected(simulator, login=False) as other:
        token = (await one.login())["access_token"]
        assert await one.ask("private/get_positions", access_token=token) == []
        error = await refused(other.ask("private/get_positions", access_token=token))
        assert (error.code, error.data) == (13009, {"reason": "invalid_token"})


async def test_a_token_ends_and_is_renewed(
    simulator: DeribitSimulator, socket: SocketTrader, trader: HttpTrader
) -> None:
    token = await socket.login("session:s")
    await trader.admin("faults", clock_offset_ms=899_000)
    assert await socket.ask("private/get_positions") == []
    renewed = await socket.ask("public/auth", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert "session:s" in renewed["scope"]
    await trader.admin("faults", clock_offset_ms=901_000)
    assert await socket.ask("private/get_positions") == []
    again = await refused(socket.ask("public/auth", grant_type="refresh_token", refresh_token=token["refresh_token"]))
    assert again.code == 13004
    await trader.admin("faults", clock_offset_ms=2_000_000)
    assert (await refused(socket.ask("private/get_positions"))).code == 13009


async def test_a_socket_has_no_access_before_it_logs_in(simulator: DeribitSimulator) -> None:
    async with connected(simulator, login=False) as socket:
        assert (await refused(socket.ask("private/get_positions"))).code == 13009
        assert (await refused(socket.ask("private/subscribe", channels=["user.portfolio.any"]))).code == 13009
        wrong = {"grant_type": "client_credentials", "client_id": socket.key, "client_secret": "wrong"}
        assert (await refused(socket.ask("public/auth", **wrong))).code == 13004
        assert (await socket.login())["scope"] == USUAL_SCOPES


async def test_the_signature_of_a_login_covers_its_data(simulator: DeribitSimulator) -> None:
    async with connected(simulator, login=False) as socket:
        ts = str(simulator.venue.now_ms())
        params = {"grant_type": "client_signature", "client_id": socket.key, "timestamp": int(ts), "nonce": "n"}
        good = {"data": "d", "signature": signed(socket.secret, ts, "n", "d")}
        assert (await refused(socket.ask("public/auth", **params, **(good | {"data": "e"})))).code == 13004
        assert await socket.ask("public/auth", **params, **good)


@pytest.mark.parametrize(
    ("scopes", "allowed", "forbidden"),
    [
        ({"trade": "read", "account": "read"}, "private/get_open_orders", "private/cancel_all"),
        ({"trade": "read_write"}, "private/cancel_all", "private/get_account_summaries"),
        ({"account": "read"}, "private/get_account_summaries", "private/get_positions"),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(
    simulator: DeribitSimulator, trader: HttpTrader, scopes: dict[str, str], allowed: str, forbidden: str
) -> None:
    key = await trader.admin("keys", scopes=scopes)
    async with HttpTrader(simulator.url, key["key"], key["secret"], simulator.venue.now_ms) as limited:
        await limited.get(allowed)
        error = await refused(limited.get(forbidden))
        assert (error.code, error.message) == (13021, "forbidden")


async def test_a_key_that_may_withdraw_is_made_on_request_alone(
    simulator: DeribitSimulator, trader: HttpTrader
) -> None:
    usual = await trader.admin("keys")
    key = await trader.admin("keys", scopes={"wallet": "read_write"})
    assert [each["scopes"]["wallet"] for each in (usual, key)] == ["read", "read_write"]
    asked = {"grant_type": "client_credentials", "client_id": key["key"], "client_secret": key["secret"]}
    assert (await trader.get("public/auth", **asked))["scope"] == "connection mainaccount wallet:read_write"


async def test_a_login_can_ask_for_less(simulator: DeribitSimulator, socket: SocketTrader) -> None:
    answer = await socket.login("trade:read")
    assert answer["scope"] == "connection mainaccount trade:read"
    assert (await refused(socket.ask("private/cancel_all"))).code == 13021
    assert (await refused(socket.ask("private/get_account_summaries"))).code == 13021


async def test_a_revoked_key_ends_its_sockets_and_tokens(trader: HttpTrader, socket: SocketTrader) -> None:
    await trader.admin("keys", revoke=trader.key)
    assert await socket.receive() is None
    assert (await refused(trader.get("private/get_positions"))).code == 13004


async def test_a_logout_closes_the_socket_without_an_answer(simulator: DeribitSimulator, socket: SocketTrader) -> None:
    token = (await socket.login("session:s"))["access_token"]
    await socket.send("private/logout", {})
    assert await socket.receive() is None
    async with connected(simulator, login=False) as other:
        assert (await refused(other.ask("private/get_positions", access_token=token))).code == 13009


async def test_a_logout_can_leave_the_tokens_of_a_session(simulator: DeribitSimulator, socket: SocketTrader) -> None:
    token = (await socket.login("session:s"))["access_token"]
    await socket.send("private/logout", {"invalidate_token": False})
    assert await socket.receive() is None
    async with connected(simulator, login=False) as other:
        assert await other.ask("private/get_positions", access_token=token) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", -32700),
        ("[]", -32600),
        ('{"method": "public/test"}', -32600),
        ('{"id": 1, "method": "public/test", "params": [1]}', -32600),
        ('{"id": 1, "method": "public/nope"}', -32601),
        ('{"id": 1, "method": "public/test", "params": {"x": 1}}', -32602),
    ],
)
async def test_a_frame_that_is_no_request_is_refused(socket: SocketTrader, text: str, code: int) -> None:
    await socket.socket.send_str(text)
    assert (await socket.receive())["error"]["code"] == code


@pytest.mark.parametrize("id", [7, 7.5, "seven", None])
async def test_an_id_comes_back_as_it_was_sent(socket: SocketTrader, id: object) -> None:
    await socket.socket.send_str(json.dumps({"id": id, "method": "public/test"}))
    assert (await socket.receive())["id"] == (Decimal("7.5") if id == 7.5 else id)


async def test_http_reads_bodies_as_strictly(simulator: DeribitSimulator) -> None:
    async with aiohttp.ClientSession(simulator.url) as http:
        for body, code in (("{", -32700), ("[]", -32600), ('{"method": "public/test", "params": []}', -32600)):
            async with http.post("/api/v2", data=body) as reply:
                assert (reply.status, (await reply.json())["error"]["code"]) == (400, code)
        async with http.post("/api/v2", data='{"id": 1, "method": "public/get_time"}') as reply:
            assert (await reply.json())["result"] > 0
        async with http.post("/api/v2/public/test", data='{"id": 1, "method": "public/get_time"}') as reply:
            assert (await reply.json())["error"]["code"] == -32600
        async with http.get("/api/v2/private/logout") as reply:
            assert (await reply.json())["error"]["code"] == 10030


# Heartbeats


@pytest.mark.parametrize("settings", [{"heartbeat_s_min": Decimal("0.05")}], indirect=True)
async def test_a_client_that_is_silent_is_asked_and_then_cut(socket: SocketTrader) -> None:
    assert await socket.ask("public/set_heartbeat", interval=0.1) == "ok"
    seen = []
    while (frame := await socket.frame()) is not None:
        seen.append((frame["method"], frame["params"]["type"]))
    assert seen == [("heartbeat", "heartbeat"), ("heartbeat", "test_request")]


@pytest.mark.parametrize("settings", [{"heartbeat_s_min": Decimal("0.05")}], indirect=True)
async def test_a_client_that_answers_the_test_stays(socket: SocketTrader) -> None:
    await socket.ask("public/set_heartbeat", interval=0.1)
    for _ in range(3):
        frame = {}
        while frame.get("params") != {"type": "test_request"}:
            frame = await socket.frame()
            assert frame is not None
        await socket.ask("public/test")
    assert await socket.ask("public/disable_heartbeat") == "ok"


async def test_a_heartbeat_has_at_least_ten_seconds(socket: SocketTrader) -> None:
    error = await refused(socket.ask("public/set_heartbeat", interval=9.9))
    assert (error.code, error.data["param"]) == (-32602, "interval")
    assert await socket.ask("public/set_heartbeat", interval=10) == "ok"


@pytest.mark.parametrize("settings", [{"idle_ms": 150}], indirect=True)
async def test_an_idle_socket_is_closed(socket: SocketTrader) -> None:
    assert await socket.receive() is None


# What happens to the orders of a connection that ends


async def open_ids(trader: HttpTrader) -> list[str]:
    return [order["order_id"] for order in await trader.get("private/get_open_orders")]


async def until_ended(trader: HttpTrader, simulator: DeribitSimulator) -> None:
    """Wait until the venue has noticed that the connection is gone."""
    while simulator.venue.connections:
        await trader.get("public/get_time")
    await trader.truth()


@pytest.mark.parametrize("how", ["connection", "account", "off", "logout"])
async def test_a_lost_connection_cancels_its_orders_where_it_was_told_to(
    simulator: DeribitSimulator, trader: HttpTrader, how: str
) -> None:
    other = (await trader.buy())["order"]["order_id"]
    async with connected(simulator) as socket:
        assert (await socket.ask("private/get_cancel_on_disconnect"))["enabled"] is False
        if how in ("connection", "logout"):
            await socket.ask("private/enable_cancel_on_disconnect")
            assert await socket.ask("private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": True}
        if how == "account":
            await socket.ask("private/enable_cancel_on_disconnect", scope="account")
    async with connected(simulator) as socket:
        if how in ("connection", "logout"):
            await socket.ask("private/enable_cancel_on_disconnect")
        resting = (await socket.buy())["order"]["order_id"]
        waiting = (await socket.sell(None, type="stop_market", trigger="last_price", trigger_price="59500"))["order"]
        if how == "logout":
            await socket.send("private/logout", {})
            assert await socket.receive() is None
    await until_ended(trader, simulator)
    stays = how in ("off", "logout")
    assert await open_ids(trader) == ([other, resting, waiting["order_id"]] if stays else [other])
    if not stays:
        state = await trader.get("private/get_order_state", order_id=resting)
        assert (state["order_state"], state["cancel_reason"]) == ("cancelled", "cancel_on_disconnect")
