"""Streams of USD-M: routes, books, marks, user data and its keys; and the WebSocket API."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from cadenza.simulators.binance.server import BinanceSimulator

from .sockets import Socket, connected
from .trader import Trader

ROUTES = {"public": "btcusdt@bookTicker", "market": "btcusdt@aggTrade"}


async def listen_key(trader: Trader) -> str:
    key = (await trader.raw("POST", "/usdm/fapi/v1/listenKey", "")).ok["listenKey"]
    assert isinstance(key, str)
    return key


async def events(socket: Socket, last: Any) -> list[Any]:
    """Return frames up to the one for which `last` holds."""
    found = [await socket.frame()]
    while not last(found[-1]):
        found.append(await socket.frame())
    return found


@pytest.mark.parametrize(
    ("route", "heard"),
    [("/public", {"bookTicker"}), ("/market", {"aggTrade"}), ("/private", set()), ("", {"bookTicker"})],
)
async def test_each_route_sends_its_own_class(
    simulator: BinanceSimulator, trader: Trader, route: str, heard: set[str]
) -> None:
    key = await listen_key(trader)
    names = [*ROUTES.values(), "btcusdt@forceOrder"]
    async with connected(f"{simulator.usdm_stream_url}{route}/ws") as socket:
        assert await socket.ask("SUBSCRIBE", names) == {"result": None, "id": 1}
        await trader.trade_usdm("59994", "1")
        await trader.trade_usdm("60006", "1", "BUY")
        await trader.place_usdm(price="60006", quantity="0.1")
        listed = await socket.ask("LIST_SUBSCRIPTIONS")
        assert listed["result"] == names, "silent subscriptions are listed as well"
        simulator.venue.announce_shutdown()
        frames = await events(socket, lambda frame: frame["e"] == "serverShutdown")
        assert {frame["e"] for frame in frames[:-1]} == heard
        assert key not in listed["result"]


async def test_user_data_arrives_on_the_private_route_only(simulator: BinanceSimulator, trader: Trader) -> None:
    key, base = await listen_key(trader), simulator.usdm_stream_url
    paths = (f"/private/ws?listenKey={key}", f"/private/ws/{key}", f"/private/stream?streams={key}", f"/ws/{key}")
    wrong = f"/private/ws?listenKey={'x' * 64}"
    async with (
        connected(base + paths[0]) as by_query,
        connected(base + paths[1]) as by_path,
        connected(base + paths[2]) as combined,
        connected(base + paths[3]) as unrouted,
        connected(base + wrong) as stranger,
    ):
        await trader.place_usdm(newClientOrderId="heard")
        first = await by_query.frame()
        assert (first["e"], first["o"]["c"]) == ("ORDER_TRADE_UPDATE", "heard")
        assert await by_path.frame() == first
        assert await combined.frame() == {"stream": key, "data": first}
        simulator.venue.announce_shutdown()
        for silent in (unrouted, stranger):
            assert (await silent.frame())["e"] == "serverShutdown"


async def test_a_client_may_ask_for_some_events_only(simulator: BinanceSimulator, trader: Trader) -> None:
    key = await listen_key(trader)
    url = f"{simulator.usdm_stream_url}/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/TRADE_LITE"
    async with connected(url) as socket:
        await trader.place_usdm(type="MARKET")
        assert [(await socket.frame())["e"] for _ in range(2)] == ["ACCOUNT_UPDATE", "TRADE_LITE"]


async def test_what_a_fill_says(simulator: BinanceSimulator, trader: Trader) -> None:
    key = await listen_key(trader)
    async with connected(f"{simulator.usdm_stream_url}/private/ws/{key}") as socket:
        placed = (await trader.place_usdm(type="MARKET", quantity="0.1")).ok
        frames = await events(socket, lambda frame: frame["e"] == "ORDER_TRADE_UPDATE" and frame["o"]["X"] == "FILLED")
        assert [frame["e"] for frame in frames] == [
            "ORDER_TRADE_UPDATE",
            "ACCOUNT_UPDATE",
            "TRADE_LITE",
            "ORDER_TRADE_UPDATE",
        ]
        (wallet,), (position,) = frames[1]["a"]["B"], frames[1]["a"]["P"]
        assert (frames[1]["a"]["m"], wallet["wb"], wallet["bc"]) == ("ORDER", "99996.99970000", "0.00000000")
        assert (position["pa"], position["ep"], position["mt"], position["ps"]) == ("0.1", "60006", "cross", "BOTH")
        order = frames[3]["o"]
        assert (order["i"], order["x"], order["l"], order["L"]) == (placed["orderId"], "TRADE", "0.100", "60006.00")
        assert (order["n"], order["N"], order["t"], order["m"]) == ("3.00030000", "USDT", frames[2]["t"], False)


async def test_what_a_conditional_order_says(simulator: BinanceSimulator, trader: Trader) -> None:
    key = await listen_key(trader)
    async with connected(f"{simulator.usdm_stream_url}/private/ws/{key}") as socket:
        await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59500", clientAlgoId="cond")
        await trader.trade_usdm("59500", "0.001")
        frames = await events(socket, lambda frame: frame["e"] == "ALGO_UPDATE" and frame["o"]["X"] == "FINISHED")
        algo = [frame["o"] for frame in frames if frame["e"] == "ALGO_UPDATE"]
        assert [row["X"] for row in algo] == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
        assert {row["caid"] for row in algo} == {"cond"}
        assert [row["ai"] for row in algo] == ["", "", "1", "1"]
        assert (algo[3]["aq"], algo[3]["ap"], algo[3]["act"]) == ("0.100", "59994", "MARKET")
        orders = [frame["o"] for frame in frames if frame["e"] == "ORDER_TRADE_UPDATE"]
        assert {(row["o"], row["ot"], row["sp"]) for row in orders} == {("MARKET", "STOP_MARKET", "59500.00")}


async def test_account_events_beside_orders(simulator: BinanceSimulator, trader: Trader) -> None:
    key = await listen_key(trader)
    async with connected(f"{simulator.usdm_stream_url}/private/ws/{key}") as socket:
        await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=7)
        assert (await socket.frame())["ac"] == {"s": "BTCUSDT", "l": 7}
        await trader.admin("deposits", market="usdm", asset="USDT", amount="5")
        deposit = (await socket.frame())["a"]
        assert (deposit["m"], deposit["B"][0]["bc"], deposit["P"]) == ("DEPOSIT", "5.00000000", [])
        await trader.place_usdm(type="MARKET", quantity="1")
        await trader.admin("funding", symbol="BTCUSDT")
        funding = await socket.until(lambda frame: frame.get("a", {}).get("m") == "FUNDING_FEE")
        assert funding["a"]["P"] == [], "of a cross position only the balance is stated"


async def test_a_liquidation_is_announced_to_its_owner_and_to_all(simulator: BinanceSimulator, trader: Trader) -> None:
    key = await listen_key(trader)
    base = simulator.usdm_stream_url
    await trader.place_usdm(type="MARKET", quantity="20")
    await trader.admin("market", market="usdm", symbol="BTCUSDT", clear=True)
    async with connected(f"{base}/private/ws/{key}") as own, connected(f"{base}/market/ws/!forceOrder@arr") as all:
        await trader.mark_usdm("40000")
        frames = await events(own, lambda frame: frame.get("o", {}).get("X") == "FILLED")
        orders = [frame["o"] for frame in frames if frame["e"] == "ORDER_TRADE_UPDATE"]
        assert [row["x"] for row in orders] == ["NEW", "CALCULATED"]
        assert {row["o"] for row in orders} == {"LIQUIDATION"}
        assert orders[0]["c"].startswith("autoclose-")
        forced = (await all.frame())["o"]
        assert (forced["S"], forced["z"], forced["X"]) == ("SELL", "20.000", "FILLED")


async def test_a_listen_key_is_the_account_s_and_ends(simulator: BinanceSimulator, trader: Trader) -> None:
    key = await listen_key(trader)
    assert await listen_key(trader) == key, "a second POST returns the same key"
    signed = await trader.usdm("PUT", "v1/listenKey")
    assert signed.ok == {"listenKey": key}, "a signature is not needed, and does no harm"
    async with connected(f"{simulator.usdm_stream_url}/private/ws/{key}") as socket:
        venue = simulator.venue
        venue.usdm.expire_listen_keys(venue.now_ms() + 3_600_000 - 5_000, venue.now_ms())
        await trader.place_usdm()
        assert (await socket.frame())["e"] == "ORDER_TRADE_UPDATE", "it lives for an hour"
        venue.usdm.expire_listen_keys(venue.now_ms() + 3_600_000, venue.now_ms())
        expired = await socket.frame()
        assert (expired["e"], expired["listenKey"]) == ("listenKeyExpired", key)
        await trader.place_usdm()
        simulator.venue.announce_shutdown()
        assert (await socket.frame())["e"] == "serverShutdown"
    assert (await trader.raw("PUT", "/usdm/fapi/v1/listenKey", "")).error[0] == -1125
    assert await listen_key(trader) != key
    assert (await trader.raw("DELETE", "/usdm/fapi/v1/listenKey", "")).ok == {}
    assert (await trader.raw("PUT", "/usdm/fapi/v1/listenKey", "")).error[0] == -1125


@pytest.mark.parametrize("suffix", ["", "@100ms", "@500ms"])
async def test_differences_of_a_book_form_a_chain(simulator: BinanceSimulator, trader: Trader, suffix: str) -> None:
    async with connected(f"{simulator.usdm_stream_url}/public/ws/btcusdt@depth{suffix}") as socket:
        snapshot: Any = None
        book: dict[tuple[str, str], Decimal] = {}
        previous = None
        for step in range(4):
            await trader.place_usdm(price=f"{59900 + step}")
            frame = await socket.frame()
            assert frame["U"] <= frame["u"]
            assert previous in (None, frame["pu"])
            previous = frame["u"]
            if snapshot is None:
                snapshot = (await trader.public("/usdm/fapi/v1/depth", symbol="BTCUSDT", limit=1000)).ok
                book = {(side, price): Decimal(size) for side in ("bids", "asks") for price, size in snapshot[side]}
            if frame["u"] < snapshot["lastUpdateId"]:
                continue
            for side, rows in (("bids", frame["b"]), ("asks", frame["a"])):
                for price, size in rows:
                    book[side, price] = Decimal(size)
        now = (await trader.public("/usdm/fapi/v1/depth", symbol="BTCUSDT", limit=1000)).ok
        assert now["lastUpdateId"] == previous
        shown = {(side, price): Decimal(size) for side in ("bids", "asks") for price, size in now[side]}
        assert shown == {level: size for level, size in book.items() if size}


async def test_partial_books_and_best_prices(simulator: BinanceSimulator, trader: Trader) -> None:
    names = "btcusdt@depth5@100ms/btcusdt@bookTicker"
    async with connected(f"{simulator.usdm_stream_url}/public/stream?streams={names}") as socket:
        await trader.place_usdm(price="60000", quantity="0.5")
        ticker = (await socket.frame())["data"]
        assert (ticker["b"], ticker["B"], ticker["a"]) == ("60000.00", "0.500", "60006.00")
        frame = await socket.frame()
        assert frame["stream"] == "btcusdt@depth5@100ms"
        assert frame["data"]["b"][0] == ["60000.00", "0.500"]
        assert len(frame["data"]["a"]) == 5
        assert frame["data"]["u"] == ticker["u"]


async def test_mark_prices_come_every_second(simulator: BinanceSimulator, trader: Trader) -> None:
    async with connected(f"{simulator.usdm_stream_url}/market/ws/btcusdt@markPrice@1s") as socket:
        await trader.mark_usdm("61234.5")
        frame = await socket.until(lambda frame: frame["p"] == "61234.50000000")
        assert (frame["e"], frame["r"]) == ("markPriceUpdate", "0.00010000")
        assert frame["T"] == simulator.venue.usdm.funding.next_ms


async def test_the_websocket_api_trades(simulator: BinanceSimulator, trader: Trader) -> None:
    key = simulator.venue.keys.of("ED25519")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    async with connected(simulator.usdm_ws_api_url) as socket:
        placed = await socket.signed(simulator, key, "order.place", **order, price="59000", quantity="0.1")
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
        limits = {(row["rateLimitType"], row["interval"]): row["limit"] for row in placed["rateLimits"]}
        assert limits == {("ORDERS", "SECOND"): 300, ("ORDERS", "MINUTE"): 1200, ("REQUEST_WEIGHT", "MINUTE"): 2400}
        id = placed["result"]["orderId"]
        await socket.signed(simulator, key, "session.logon")
        now_ms = simulator.venue.now_ms()
        canceled = await socket.ask("order.cancel", {"symbol": "BTCUSDT", "orderId": id, "timestamp": now_ms})
        assert canceled["result"]["status"] == "CANCELED"
        stop = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET"}
        stop |= {"triggerPrice": "59000", "quantity": "0.1"}
        algo = await socket.ask("algoOrder.place", {**stop, "timestamp": now_ms})
        assert algo["result"]["algoStatus"] == "NEW"
        positions = await socket.ask("v2/account.position", {"timestamp": now_ms})
        assert positions["result"] == []
        balances = await socket.ask("v2/account.balance", {"timestamp": now_ms})
        assert {row["asset"] for row in balances["result"]} == {"USDT", "USDC"}
        started = await socket.ask("userDataStream.start", {"apiKey": key.key})
        assert started["result"]["listenKey"] == simulator.venue.usdm.listen_keys.of("main")
        await socket.send('{"id": 9, "method": "userDataStream.subscribe"}')
        unknown = await socket.frame()
        assert unknown["status"] == 400, "that is a method of spot"


@pytest.mark.parametrize("fault", ["reset_after", "silence_after", "error_after", "timeout_after"])
async def test_faults_after_acceptance_leave_the_order_there(trader: Trader, fault: str) -> None:
    await trader.admin("faults", requests=[{"on": "usdm:order.place", "kind": fault}])
    assert (await trader.place(newClientOrderId="spot")).status == 200, "the fault is not for spot"
    key = await listen_key(trader)
    async with connected(f"{trader.simulator.usdm_stream_url}/private/ws/{key}") as socket:
        attempt = asyncio.create_task(trader.place_usdm(newClientOrderId="gone"))
        assert (await socket.frame())["o"]["c"] == "gone"
    assert (await trader.usdm("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="gone")).ok["status"] == "NEW"
    if fault == "silence_after":
        attempt.cancel()
    (outcome,) = await asyncio.gather(attempt, return_exceptions=True)
    assert isinstance(outcome, BaseException) or outcome.status >= 400


async def test_faults_of_user_events_hit_one_market(simulator: BinanceSimulator, trader: Trader) -> None:
    key = await listen_key(trader)
    async with connected(f"{simulator.usdm_stream_url}/private/ws/{key}") as socket:
        await trader.admin("faults", events=[{"on": "usdm:user", "kind": "drop"}])
        await trader.place_usdm(newClientOrderId="dropped")
        await trader.place_usdm(newClientOrderId="heard")
        assert (await socket.frame())["o"]["c"] == "heard"


async def test_new_orders_can_be_late_for_queries(trader: Trader) -> None:
    await trader.admin("faults", lookup_lag_ms=60_000)
    await trader.place_usdm(newClientOrderId="new")
    await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59000", clientAlgoId="new")
    assert (await trader.usdm("GET", "v1/order", symbol="BTCUSDT", origClientOrderId="new")).error[0] == -2013
    assert (await trader.usdm("GET", "v1/algoOrder", clientAlgoId="new")).error[0] == -2013
    await trader.admin("faults", lookup_lag_ms=0)
    assert (await trader.usdm("GET", "v1/algoOrder", clientAlgoId="new")).status == 200
