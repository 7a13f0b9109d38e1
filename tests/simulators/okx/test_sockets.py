"""Private channels and operations of the private socket."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from cadenza.simulators.okx.server import OkxSimulator

from .trader import OkxTrader, logged_in, opened

CODE = 10458


def ws_order(**params: Any) -> dict[str, Any]:
    return {
        "instIdCode": CODE,
        "tdMode": "cash",
        "side": "buy",
        "ordType": "limit",
        "px": "50000",
        "sz": "0.01",
        **params,
    }


async def test_pings_are_texts(simulator: OkxSimulator) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.send("ping")
        assert await socket.frame() == "pong"


@pytest.mark.parametrize("settings", [{"idle_ms": 200}], indirect=True)
async def test_a_socket_on_which_nobody_speaks_is_closed(simulator: OkxSimulator) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        assert await socket.frame() is None
        assert socket.socket.close_code == 4004


async def test_orders_over_the_socket(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        answer = await socket.ask("order", ws_order(clOrdId="w1"))
        assert (answer["op"], answer["code"], answer["data"][0]["sCode"]) == ("order", "0", "0")
        assert int(answer["outTime"]) >= int(answer["inTime"])
        assert (await trader.order(clOrdId="w1")).row["state"] == "live"
        twice = await socket.ask("order", ws_order(clOrdId="w1"))
        assert (twice["code"], twice["data"][0]["sCode"]) == ("1", "51016")
        amended = await socket.ask("amend-order", {"instIdCode": CODE, "clOrdId": "w1", "newPx": "51000"})
        assert amended["code"] == "0"
        assert (await socket.ask("cancel-order", {"instIdCode": CODE, "clOrdId": "w1"}))["code"] == "0"
        batch = await socket.ask("batch-orders", ws_order(clOrdId="w2"), ws_order(sz="100"))
        assert (batch["code"], [row["sCode"] for row in batch["data"]]) == ("2", ["0", "51008"])
        ended = await socket.ask("batch-cancel-orders", {"instIdCode": CODE, "clOrdId": "w2"})
        assert ended["code"] == "0"


async def test_operations_need_the_number_of_the_instrument(simulator: OkxSimulator) -> None:
    async with logged_in(simulator) as socket:
        named = {name: value for name, value in ws_order(instId="BTC-USDT").items() if name != "instIdCode"}
        answer = await socket.ask("order", named)
        assert (answer["code"], answer["data"][0]["sCode"]) == ("1", "50014")
        unknown = await socket.ask("order", ws_order(instIdCode=1))
        assert unknown["data"][0]["sCode"] == "51001"
        both = await socket.ask("order", ws_order(), ws_order())
        assert both["code"] == "60013"


async def test_the_deadline_of_an_operation(simulator: OkxSimulator) -> None:
    async with logged_in(simulator) as socket:
        late = await socket.ask("order", ws_order(), expTime=str(simulator.venue.now_ms() - 1))
        assert late["code"] == "50036"
        timely = await socket.ask("order", ws_order(), expTime=str(simulator.venue.now_ms() + 10_000))
        assert timely["code"] == "0"


async def test_every_execution_is_one_push(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        acknowledged = await socket.subscribe(channel="orders", instType="ANY")
        assert acknowledged["event"] == "subscribe"
        assert (await socket.frame())["event"] == "channel-conn-count"
        await trader.place(ordType="market", px=None, sz="0.2", tgtCcy="base_ccy", clOrdId="p1")
        pushes = [(await socket.data("orders"))["data"][0] for _ in range(3)]
    assert [row["state"] for row in pushes] == ["live", "partially_filled", "filled"]
    assert [row["fillSz"] for row in pushes] == ["0", "0.16666666", "0.03333334"]
    assert [row["fillFee"] for row in pushes][1:] == ["-0.00016666666", "-0.00003333334"]
    assert pushes[2]["fee"] == "-0.0002"
    assert len({row["tradeId"] for row in pushes}) == 3
    assert {row["execType"] for row in pushes[1:]} == {"T"}
    assert "cancelSourceReason" not in pushes[0]


async def test_a_crossing_post_only_order_is_accepted_and_then_pushed_as_canceled(
    simulator: OkxSimulator, trader: OkxTrader
) -> None:
    async with logged_in(simulator) as socket:
        await socket.subscribe(channel="orders", instType="SPOT", instId="BTC-USDT")
        assert (await trader.place(ordType="post_only", px="60006")).row["sCode"] == "0"
        (row,) = (await socket.data("orders"))["data"]
        assert (row["state"], row["cancelSource"], row["accFillSz"]) == ("canceled", "31", "0")


async def test_filters_of_channels(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        await socket.subscribe(channel="orders", instType="SWAP")
        await trader.place()
        await trader.swap(ordType="limit", px="50000", sz="1")
        (row,) = (await socket.data("orders"))["data"]
        assert row["instId"] == "BTC-USDT-SWAP"


async def test_the_account_is_pushed_as_a_snapshot_and_then_by_changes(
    simulator: OkxSimulator, trader: OkxTrader
) -> None:
    async with logged_in(simulator) as socket:
        await socket.subscribe(channel="account")
        first = await socket.data("account")
        assert first["eventType"] == "snapshot"
        assert {row["ccy"] for row in first["data"][0]["details"]} >= {"BTC", "USDT"}
        await trader.place()
        change = await socket.data("account")
        (row,) = change["data"][0]["details"]
        assert (change["eventType"], row["ccy"], row["ordFrozen"]) == ("event_update", "USDT", "500")
        assert int(row["uTime"]) >= int(first["data"][0]["details"][0]["uTime"])


async def test_positions_are_pushed_until_they_are_closed(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        await socket.subscribe(channel="positions", instType="ANY")
        assert (await socket.data("positions"))["data"] == []
        await trader.swap("buy")
        assert (await socket.data("positions"))["data"][0]["pos"] == "10"
        await trader.swap("sell", reduceOnly=True)
        closed = (await socket.data("positions"))["data"][0]
        assert (closed["pos"], closed["avgPx"]) == ("0", "")
        await socket.subscribe(channel="balance_and_position")
        snapshot = (await socket.data("balance_and_position"))["data"][0]
        assert (snapshot["eventType"], snapshot["posData"]) == ("snapshot", [])
        await trader.swap("sell", sz="1")
        both = (await socket.data("balance_and_position"))["data"][0]
        assert (both["eventType"], both["posData"][0]["pos"], len(both["trades"])) == ("filled", "-1", 1)


@pytest.mark.parametrize(
    ("path", "arg", "code"),
    [
        ("private", {"channel": "orders-algo", "instType": "ANY"}, "60018"),
        ("private", {"channel": "books", "instId": "BTC-USDT"}, "60018"),
        ("private", {"channel": "orders"}, "60013"),
        ("private", {"channel": "fills"}, "64003"),
        ("private", {"channel": "nonsense"}, "60018"),
        ("business", {"channel": "orders", "instType": "ANY"}, "60018"),
    ],
)
async def test_channels_that_a_socket_refuses(
    simulator: OkxSimulator, path: str, arg: dict[str, str], code: str
) -> None:
    async with logged_in(simulator, path) as socket:
        answer = await socket.subscribe(**arg)
        assert (answer["event"], answer["code"]) == ("error", code)


async def test_what_is_not_a_request_is_refused(simulator: OkxSimulator) -> None:
    async with logged_in(simulator) as socket:
        for text in ("nonsense", "[]", '{"op":"subscribe"}', '{"op":"dance","args":[]}', '{"op":"order","args":["x"]}'):
            await socket.send(text)
            assert (await socket.frame())["code"] == "60012"


async def test_a_channel_has_so_many_sockets_of_an_account(simulator: OkxSimulator) -> None:
    async with AsyncExitStack() as stack:
        for number in range(31):
            socket = await stack.enter_async_context(logged_in(simulator))
            answer = await socket.subscribe(channel="account")
            assert answer["event"] == ("subscribe" if number < 30 else "channel-conn-count-error")
        assert answer["connCount"] == "30"


async def test_an_unsubscribed_channel_is_silent(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        await socket.subscribe(channel="orders", instType="ANY")
        await socket.send({"op": "unsubscribe", "args": [{"channel": "orders", "instType": "ANY"}], "id": "7"})
        gone = await socket.until(lambda frame: frame.get("event") == "unsubscribe")
        assert gone["id"] == "7"
        await trader.place()
        await socket.send("ping")
        assert await socket.frame() == "pong"


async def test_a_notice_comes_before_the_cut(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.send("ping")
        assert await socket.frame() == "pong"
        await trader.admin("sockets", action="notice")
        assert (await socket.frame())["code"] == "64008"
        await trader.admin("sockets", action="cut")
        assert await socket.frame() is None


@pytest.mark.parametrize("settings", [{"is_limited": True, "connects_per_second_max": 100}], indirect=True)
async def test_channel_requests_of_a_connection_are_limited(simulator: OkxSimulator) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        arg = {"channel": "status"}
        for _ in range(480):
            await socket.send({"op": "subscribe", "args": [arg]})
        answers = [await socket.frame() for _ in range(480)]
        assert {answer["event"] for answer in answers} == {"subscribe"}
        assert (await socket.subscribe(**arg))["code"] == "60014"
