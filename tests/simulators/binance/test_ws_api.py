"""The WebSocket API: log-on, orders, and user data as it is today: wrapped, on the same socket."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cadenza.simulators.binance.server import BinanceSimulator
from cadenza.simulators.kit.faults import FaultKind, RequestFault

from .sockets import Socket, connected
from .trader import Trader, sign

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


@pytest.fixture
async def socket(simulator: BinanceSimulator) -> AsyncIterator[Socket]:
    async with connected(simulator.ws_api_url) as opened:
        yield opened


async def log_on(simulator: BinanceSimulator, socket: Socket) -> None:
    answer = await socket.signed(simulator, simulator.venue.keys.of("ED25519"), "session.logon")
    assert answer["status"] == 200, answer


async def subscribe(simulator: BinanceSimulator, socket: Socket) -> None:
    key = simulator.venue.keys.of("HMAC")
    answer = await socket.signed(simulator, key, "userDataStream.subscribe.signature")
    assert answer["result"] == {"subscriptionId": 0}


async def event(socket: Socket, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = (await socket.until(lambda f: "event" in f and f["event"]["e"] == kind))["event"]
    return found


@pytest.mark.parametrize("kind", ["HMAC", "RSA", "ED25519"])
async def test_orders_are_placed_queried_and_canceled(simulator: BinanceSimulator, socket: Socket, kind: str) -> None:
    key = simulator.venue.keys.of(kind)
    placed = await socket.signed(simulator, key, "order.place", **ORDER, quantity="0.01", price="50000")
    assert placed["result"]["status"] == "NEW"
    counts = {row["rateLimitType"] + row["interval"]: row["count"] for row in placed["rateLimits"]}
    assert counts == {"ORDERSSECOND": 1, "ORDERSDAY": 1, "REQUEST_WEIGHTMINUTE": 5}  # 5 for the handshake
    id = placed["result"]["orderId"]
    asked = await socket.signed(simulator, key, "order.status", symbol="BTCUSDT", orderId=id)
    assert asked["result"]["orderId"] == id
    listed = await socket.signed(simulator, key, "openOrders.status")
    assert len(listed["result"]) == 1
    canceled = await socket.signed(simulator, key, "v3/order.cancel", symbol="BTCUSDT", orderId=id)
    assert canceled["result"]["status"] == "CANCELED"
    gone = await socket.signed(simulator, key, "order.cancel", symbol="BTCUSDT", orderId=id)
    assert (gone["status"], gone["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})
    account = await socket.signed(simulator, key, "account.status")
    assert account["result"]["accountType"] == "SPOT"


async def test_public_requests_need_no_key(socket: Socket) -> None:
    assert (await socket.ask("ping"))["result"] == {}
    assert "serverTime" in (await socket.ask("time"))["result"]
    assert "rateLimits" not in await socket.ask("time", {"returnRateLimits": False})
    await socket.send("not json")
    assert (await socket.frame())["error"]["code"] == -1135


async def test_a_refusal_for_the_pace_says_until_when_to_wait(simulator: BinanceSimulator, socket: Socket) -> None:
    simulator.venue.faults.requests.append(RequestFault(on="time", kind=FaultKind.BANNED, retry_after_s=600))
    refused = await socket.ask("time")
    assert (refused["status"], refused["error"]["code"]) == (418, -1003)
    data = refused["error"]["data"]
    assert data["retryAfter"] - data["serverTime"] == 600_000


async def test_a_session_that_logged_on_signs_no_more(simulator: BinanceSimulator, socket: Socket) -> None:
    unknown = await socket.ask("order.place", {**ORDER, "quantity": "0.01", "price": "50000"})
    assert unknown["error"]["code"] == -2014
    await log_on(simulator, socket)
    fields = {**ORDER, "quantity": "0.01", "price": "50000", "timestamp": simulator.venue.now_ms()}
    assert (await socket.ask("order.place", fields))["result"]["status"] == "NEW"
    assert (await socket.ask("session.logout"))["result"]["apiKey"] is None
    assert (await socket.ask("order.place", fields))["error"]["code"] == -2014


async def test_only_ed25519_keys_log_on(simulator: BinanceSimulator, socket: Socket) -> None:
    answer = await socket.signed(simulator, simulator.venue.keys.of("HMAC"), "session.logon")
    assert answer["error"]["code"] == -4056


async def test_a_wrong_signature_is_refused(simulator: BinanceSimulator, socket: Socket) -> None:
    key = simulator.venue.keys.of("HMAC")
    answer = await socket.ask(
        "account.status", {"apiKey": key.key, "timestamp": simulator.venue.now_ms(), "signature": "00"}
    )
    assert answer["error"] == {"code": -1022, "msg": "Signature for this request is not valid."}


async def test_subscriptions_of_user_data(simulator: BinanceSimulator, socket: Socket) -> None:
    assert (await socket.ask("userDataStream.subscribe"))["error"]["code"] == -2015
    await log_on(simulator, socket)
    assert (await socket.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
    assert (await socket.ask("userDataStream.subscribe"))["error"]["code"] == -2035
    assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}]
    assert (await socket.ask("userDataStream.unsubscribe", {"subscriptionId": 0}))["status"] == 200
    assert (await socket.ask("userDataStream.unsubscribe", {"subscriptionId": 0}))["error"]["code"] == -2036
    assert (await socket.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 1}


async def test_an_order_is_reported_from_its_acceptance_to_its_cancel(
    simulator: BinanceSimulator, socket: Socket, trader: Trader
) -> None:
    await subscribe(simulator, socket)
    placed = (await trader.place(price="60001", quantity="0.5", newClientOrderId="mine")).ok
    new = await event(socket, "executionReport")
    assert (new["x"], new["X"], new["c"], new["C"], new["i"], new["t"]) == (
        "NEW",
        "NEW",
        "mine",
        "",
        placed["orderId"],
        -1,
    )
    locked = await event(socket, "outboundAccountPosition")
    assert locked["B"] == [{"a": "USDT", "f": "969999.50000000", "l": "30000.50000000"}]
    await trader.trade_at("60001", "0.2")
    trade = await event(socket, "executionReport")
    assert (trade["x"], trade["X"], trade["l"], trade["z"], trade["L"], trade["m"]) == (
        "TRADE",
        "PARTIALLY_FILLED",
        "0.20000000",
        "0.20000000",
        "60001.00000000",
        True,
    )
    assert (trade["n"], trade["N"], trade["Y"]) == ("0.00020000", "BTC", "12000.20000000")
    moved = await event(socket, "outboundAccountPosition")
    assert {row["a"] for row in moved["B"]} == {"BTC", "USDT"}
    await trader.cancel(origClientOrderId="mine", newClientOrderId="end")
    end = await event(socket, "executionReport")
    assert (end["x"], end["X"], end["c"], end["C"]) == ("CANCELED", "CANCELED", "end", "mine")


async def test_a_market_order_is_reported_fill_by_fill(
    simulator: BinanceSimulator, socket: Socket, trader: Trader
) -> None:
    await subscribe(simulator, socket)
    placed = (await trader.place(type="MARKET", quantity="0.2")).ok
    events = [await event(socket, "executionReport") for _ in range(3)]
    assert [(row["x"], row["X"]) for row in events] == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("TRADE", "FILLED"),
    ]
    assert [row["t"] for row in events[1:]] == [fill["tradeId"] for fill in placed["fills"]]
    assert len({row["I"] for row in events}) == 3


async def test_an_expired_order_says_why(simulator: BinanceSimulator, socket: Socket, trader: Trader) -> None:
    await subscribe(simulator, socket)
    await trader.place(price="50000", timeInForce="IOC")
    await event(socket, "executionReport")
    expired = await event(socket, "executionReport")
    assert (expired["x"], expired["X"], expired["eR"]) == ("EXPIRED", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")


async def test_transfers_and_the_end_of_a_stream_are_events(
    simulator: BinanceSimulator, socket: Socket, trader: Trader
) -> None:
    await subscribe(simulator, socket)
    await trader.admin("deposits", asset="BTC", amount="1.5")
    update = await event(socket, "balanceUpdate")
    assert (update["a"], update["d"]) == ("BTC", "1.50000000")
    assert (await event(socket, "outboundAccountPosition"))["B"][0]["f"] == "11.50000000"
    await trader.admin("keys", revoke=simulator.venue.keys.of("HMAC").key)
    await event(socket, "eventStreamTerminated")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("duplicate", ["NEW", "NEW", "CANCELED"]),
        ("drop", ["CANCELED"]),
    ],
)
async def test_user_events_can_fail(
    simulator: BinanceSimulator, socket: Socket, trader: Trader, kind: str, expected: list[str]
) -> None:
    await subscribe(simulator, socket)
    await trader.admin("faults", events=[{"on": "user", "kind": kind}])
    placed = (await trader.place()).ok
    await trader.cancel(orderId=placed["orderId"])
    assert [(await event(socket, "executionReport"))["x"] for _ in expected] == expected


async def test_user_events_can_come_in_the_wrong_order(
    simulator: BinanceSimulator, socket: Socket, trader: Trader
) -> None:
    await subscribe(simulator, socket)
    await trader.admin("faults", events=[{"on": "user", "kind": "swap"}])
    await trader.place()
    kinds = [(await socket.frame())["event"]["e"] for _ in range(2)]
    assert kinds == ["outboundAccountPosition", "executionReport"]


async def test_a_user_stream_can_fall_silent(simulator: BinanceSimulator, socket: Socket, trader: Trader) -> None:
    await subscribe(simulator, socket)
    await trader.admin("faults", events=[{"on": "user", "kind": "silence"}])
    await trader.place()
    await trader.admin("faults", method="DELETE")
    await trader.place(newClientOrderId="heard")
    assert (await event(socket, "executionReport"))["c"] == "heard"


async def test_no_event_overtakes_the_answer_to_its_subscription(
    simulator: BinanceSimulator, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription is there before its answer has been written; an event of that moment comes after the answer."""
    commit = simulator.venue.commit

    async def commit_later(request: Any = None) -> None:
        await trader.place()
        await commit(request)

    async with connected(simulator.ws_api_url) as socket:
        values = {"apiKey": trader.key.key, "timestamp": simulator.venue.now_ms()}
        payload = "&".join(f"{name}={values[name]}" for name in sorted(values))
        params = {**values, "signature": sign(trader.key, payload)}
        request = {"id": 1, "method": "userDataStream.subscribe.signature", "params": params}
        monkeypatch.setattr(simulator.venue, "commit", _once(commit_later, commit))
        await socket.send(json.dumps(request))
        first, second = await socket.frame(), await socket.frame()
    assert first["result"] == {"subscriptionId": 0}
    assert second["event"]["e"] == "executionReport"


def _once(first: Any, then: Any) -> Any:
    """Return a function that calls `first`, and `then` from the second call on."""
    calls = [first]

    async def call(*arguments: Any) -> None:
        await (calls.pop() if calls else then)(*arguments)

    return call
