"""Faults on request: of every kind of request, and of pushes; and the paces of the venue."""

import asyncio

import aiohttp
import pytest

from cadenza.simulators.okx.server import OkxSimulator

from .trader import OkxTrader, logged_in, order


@pytest.mark.parametrize(
    ("kind", "executed"),
    [("silence_before", 0), ("silence_after", 1), ("reset_before", 0), ("reset_after", 1)],
)
async def test_connections_fail_before_or_after_the_order(trader: OkxTrader, kind: str, executed: int) -> None:
    venue = trader.simulator.venue
    await trader.admin("faults", requests=[{"on": "order.place", "kind": kind}])
    placing = asyncio.create_task(trader.place())
    if kind.startswith("reset"):
        with pytest.raises(aiohttp.ClientError):
            await placing
    kept = await trader.truth()
    while venue.faults.requests or len(kept["orders"]) < executed:
        kept = await trader.truth()
    assert placing.done() is kind.startswith("reset")
    placing.cancel()
    assert len((await trader.truth())["orders"]) == executed
    assert (await trader.place()).row["sCode"] == "0", "a fault happens once"


@pytest.mark.parametrize(
    ("kind", "status", "code", "executed"),
    [
        ("error_before", 503, "", 0),
        ("error_after", 503, "", 1),
        ("timeout_before", 400, "50004", 0),
        ("timeout_after", 400, "50004", 1),
        ("too_many_requests", 429, "50011", 0),
        ("banned", 403, "", 0),
        ("slow", 200, "0", 1),
    ],
)
async def test_answers_that_lie(trader: OkxTrader, kind: str, status: int, code: str, executed: int) -> None:
    fault = {"on": "order.place", "kind": kind, "status": 503, "delay_ms": 10}
    await trader.admin("faults", requests=[fault])
    reply = await trader.place()
    assert reply.status == status
    if code:
        assert reply.body["code"] == code
    assert len((await trader.truth())["orders"]) == executed
    assert (await trader.place()).row["sCode"] == "0", "a fault happens once"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("order.status", "trade/order?instId=BTC-USDT&clOrdId=x"),
        ("orders.pending", "trade/orders-pending"),
        ("fills.history", "trade/fills-history?instType=SPOT"),
        ("account/balance", "account/balance"),
        ("account/config", "account/config"),
        ("algo.status", "trade/order-algo?algoId=1"),
    ],
)
async def test_every_request_has_a_name_for_faults(trader: OkxTrader, name: str, path: str) -> None:
    await trader.admin("faults", requests=[{"on": name, "kind": "error_before", "status": 502}])
    target = f"/api/v5/{path}"
    assert (await trader.send("GET", target, trader.headers("GET", target))).status == 502


async def test_operations_of_the_socket_fail_too(simulator: OkxSimulator, trader: OkxTrader) -> None:
    fields = order(instIdCode=10458)
    async with logged_in(simulator) as socket:
        await trader.admin("faults", requests=[{"on": "order.place", "kind": "timeout_after"}])
        assert (await socket.ask("order", fields))["code"] == "50004"
        await trader.admin("faults", requests=[{"on": "order.place", "kind": "error_after"}])
        assert (await socket.ask("order", fields))["code"] == "50026"
        await trader.admin("faults", requests=[{"on": "order.place", "kind": "silence_after"}])
        await socket.send({"id": "x", "op": "order", "args": [fields]})
        await socket.send("ping")
        assert await socket.frame() == "pong"
        await trader.admin("faults", requests=[{"on": "order.cancel", "kind": "reset_before"}])
        await socket.send({"id": "y", "op": "cancel-order", "args": [{"instIdCode": 10458, "ordId": "1"}]})
        assert await socket.frame() is None
    assert len((await trader.truth())["orders"]) == 3


async def test_pushes_are_dropped_doubled_and_swapped(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        await socket.subscribe(channel="orders", instType="ANY")
        await socket.frame()
        kinds = {"a": "drop", "b": "duplicate", "c": "swap"}
        for name, kind in kinds.items():
            await trader.admin("faults", events=[{"on": "user", "event": "orders", "kind": kind}])
            await trader.place(clOrdId=name)
        await trader.place(clOrdId="d")
        names = [(await socket.data("orders"))["data"][0]["clOrdId"] for _ in range(4)]
        assert names == ["b", "b", "d", "c"]
        await trader.admin("faults", events=[{"on": "user", "kind": "silence"}])
        await trader.place(clOrdId="e")
        await trader.admin("faults", method="DELETE")
        await trader.place(clOrdId="f")
        assert (await socket.data("orders"))["data"][0]["clOrdId"] == "f"


async def test_a_new_order_is_not_found_at_once(trader: OkxTrader) -> None:
    await trader.admin("faults", lookup_lag_ms=60_000)
    placed = (await trader.place()).row["ordId"]
    assert (await trader.order(ordId=placed)).body["code"] == "51603"
    await trader.admin("faults", method="DELETE")
    assert (await trader.order(ordId=placed)).row["state"] == "live"


@pytest.mark.parametrize("settings", [{"is_limited": True}], indirect=True)
async def test_orders_are_paced_by_account_and_instrument(simulator: OkxSimulator, trader: OkxTrader) -> None:
    venue = simulator.venue
    window = venue.now_ms() // 2_000 * 2_000
    venue.now_ms = lambda: window  # type: ignore[method-assign]
    codes = [(await trader.place(sz="0.00001")).body["code"] for _ in range(61)]
    assert codes.count("0") == 60
    refused = await trader.place()
    assert (refused.status, refused.body["code"]) == (429, "50011")
    assert (await trader.place(instId="ETH-USDT", px="2500")).body["code"] == "0"
    assert (await trader.cancel(ordId="1")).refusal == "51400"
    async with OkxTrader(simulator, venue.keys.of(is_demo=True)) as other:
        assert (await other.place()).body["code"] == "0"
    async with logged_in(simulator) as socket:
        assert (await socket.ask("order", order(instIdCode=10458)))["code"] == "50011"
    venue.now_ms = lambda: window + 2_000  # type: ignore[method-assign]
    assert (await trader.place()).body["code"] == "0"


@pytest.mark.parametrize("settings", [{"is_limited": True}], indirect=True)
async def test_public_requests_are_paced_by_address(simulator: OkxSimulator, trader: OkxTrader) -> None:
    now_ms = simulator.venue.now_ms()
    simulator.venue.now_ms = lambda: now_ms  # type: ignore[method-assign]
    statuses = [(await trader.public("public/time")).status for _ in range(11)]
    assert statuses == [200] * 10 + [429]
