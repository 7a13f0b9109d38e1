"""Public channels and requests: the numbers of books, trades, instruments."""

import pytest

from cadenza.simulators.okx.server import OkxSimulator

from .trader import OkxSocket, OkxTrader, opened


def applied(levels: dict[str, str], changes: list[list[str]]) -> None:
    for price, quantity, _, _ in changes:
        if quantity == "0":
            levels.pop(price, None)
        else:
            levels[price] = quantity


async def test_a_book_is_a_snapshot_and_numbered_updates(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        assert (await socket.subscribe(channel="books", instId="BTC-USDT"))["event"] == "subscribe"
        first = await socket.data("books")
        (snapshot,) = first["data"]
        assert (first["action"], snapshot["prevSeqId"], snapshot["checksum"]) == ("snapshot", -1, 0)
        assert snapshot["asks"][0] == ["60006", "0.16666666", "0", "1"]
        asks = {row[0]: row[1] for row in snapshot["asks"]}
        number = snapshot["seqId"]
        for price, quantity in (("60007", "2"), ("60006", "0"), ("60007.5", "1")):
            await trader.admin(
                "market", symbol="BTC-USDT", levels=[{"side": "SELL", "price": price, "quantity": quantity}]
            )
            update = await socket.data("books")
            (change,) = update["data"]
            assert (update["action"], change["prevSeqId"], change["checksum"]) == ("update", number, 0)
            assert change["seqId"] > number
            number = change["seqId"]
            applied(asks, change["asks"])
        shown = (await trader.public("market/books", instId="BTC-USDT", sz=400)).row
        assert shown["seqId"] == number
        assert asks == {row[0]: row[1] for row in shown["asks"]}


async def test_heartbeats_and_maintenance_of_a_book(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.subscribe(channel="books", instId="BTC-USDT")
        number = (await socket.data("books"))["data"][0]["seqId"]
        await trader.admin("books", symbol="BTC-USDT", action="heartbeat")
        (beat,) = (await socket.data("books"))["data"]
        assert (beat["prevSeqId"], beat["seqId"], beat["asks"], beat["bids"]) == (number, number, [], [])
        await trader.admin("books", symbol="BTC-USDT", action="renumber")
        (reset,) = (await socket.data("books"))["data"]
        assert reset["prevSeqId"] == number
        assert reset["seqId"] < number
        await trader.admin("market", symbol="BTC-USDT", levels=[{"side": "BUY", "price": "59990", "quantity": "3"}])
        (after,) = (await socket.data("books"))["data"]
        assert after["prevSeqId"] == reset["seqId"]


@pytest.mark.parametrize("settings", [{"book_heartbeat_ms": 150}], indirect=True)
async def test_an_unchanged_book_beats(simulator: OkxSimulator) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.subscribe(channel="books", instId="ETH-USDT")
        number = (await socket.data("books"))["data"][0]["seqId"]
        (beat,) = (await socket.data("books"))["data"]
        assert (beat["prevSeqId"], beat["seqId"]) == (number, number)


async def test_a_dropped_update_is_a_gap(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.subscribe(channel="books", instId="BTC-USDT")
        number = (await socket.data("books"))["data"][0]["seqId"]
        await trader.admin("faults", events=[{"on": "market", "event": "books", "kind": "drop"}])
        venue = simulator.venue
        for price in ("59990", "59991"):
            order = {"side": "BUY", "price": price, "quantity": "3"}
            await trader.admin("market", symbol="BTC-USDT", levels=[order])
            venue.public.send_books(venue.now_ms(), 60_000)
        (update,) = (await socket.data("books"))["data"]
        assert update["prevSeqId"] > number


async def test_trades_tickers_and_best_prices(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        for channel in ("trades", "tickers", "bbo-tbt", "books5", "mark-price"):
            await socket.send({"op": "subscribe", "args": [{"channel": channel, "instId": "BTC-USDT"}]})
        best = await _first(socket, "bbo-tbt")
        assert [len(best["asks"]), best["bids"][0][0]] == [1, "59994"]
        assert len((await _first(socket, "books5"))["asks"]) == 5
        assert (await _first(socket, "mark-price"))["markPx"] == "60000"
        await trader.trade_at("60001", "0.3", "BUY")
        trade = await _first(socket, "trades")
        assert [trade[name] for name in ("px", "sz", "side", "count")] == ["60001", "0.3", "buy", "1"]
        ticker = await _first(socket, "tickers")
        assert ticker["last"] == "60001"
    (newest, *_) = (await trader.public("market/trades", instId="BTC-USDT")).data
    assert newest["tradeId"] == trade["tradeId"]


async def _first(socket: OkxSocket, channel: str) -> dict[str, str | list[list[str]]]:
    frame = await socket.data(channel)
    row: dict[str, str | list[list[str]]] = frame["data"][0]
    return row


async def test_instruments_of_every_type(trader: OkxTrader) -> None:
    listed = {}
    for type in ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"):
        rows = (await trader.public("public/instruments", instType=type)).data
        assert {row["instType"] for row in rows} == {type}
        listed |= {(type, row["instId"]): row for row in rows}
    swap = listed["SWAP", "BTC-USD-SWAP"]
    assert [swap[name] for name in ("ctType", "ctVal", "ctValCcy", "settleCcy", "uly", "baseCcy")] == [
        "inverse",
        "100",
        "USD",
        "BTC",
        "BTC-USD",
        "",
    ]
    option = listed["OPTION", "BTC-USD-301227-60000-C"]
    assert [option[name] for name in ("optType", "stk", "expTime", "ctMult")] == ["C", "60000", "1924588800000", "0.01"]
    assert ("MARGIN", "BTC-USDC") not in listed
    codes = [row["instIdCode"] for (type, _), row in listed.items() if type != "MARGIN"]
    assert len(codes) == len(set(codes))
    (bands,) = (await trader.public("public/instrument-tick-bands", instType="OPTION")).data
    assert [band["tickSz"] for band in bands["tickBand"]] == ["0.0001", "0.0005"]
    assert (await trader.public("public/instruments", instType="BONDS")).body["code"] == "51000"
    assert (await trader.public("public/instruments", instType="SPOT", instId="X-Y")).body["code"] == "51001"


async def test_a_suspended_instrument_takes_no_orders(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.subscribe(channel="instruments", instType="SPOT")
        await socket.data("instruments")
        await trader.admin("instruments", symbol="BTC-USDT", state="suspend")
        assert (await socket.data("instruments"))["data"][0]["state"] == "suspend"
    assert (await trader.place()).refusal == "51022"
    await trader.admin("instruments", symbol="BTC-USDT", state="live")
    assert (await trader.place()).row["sCode"] == "0"


async def test_a_maintenance_is_announced(simulator: OkxSimulator, trader: OkxTrader) -> None:
    assert (await trader.public("system/status")).data == []
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.subscribe(channel="status")
        await trader.admin("status", state="scheduled", begin_ms=1_900_000_000_000)
        (row,) = (await socket.data("status"))["data"]
        assert (row["state"], row["begin"]) == ("scheduled", "1900000000000")
    assert (await trader.public("system/status")).data == [row]
    await trader.admin("status", state="completed")
    assert (await trader.public("system/status")).data == []
    assert len((await trader.public("system/status", state="completed")).data) == 1


async def test_the_sum_of_two_sockets_is_one_book(simulator: OkxSimulator, trader: OkxTrader) -> None:
    """A client that subscribes between two updates continues from its own snapshot."""
    async with opened(f"{simulator.stream_url}/public") as early, opened(f"{simulator.stream_url}/public") as late:
        await early.subscribe(channel="books", instId="BTC-USDT")
        await early.data("books")
        order = {"side": "BUY", "price": "59990", "quantity": "3"}
        await trader.admin("market", symbol="BTC-USDT", levels=[order])
        await late.subscribe(channel="books", instId="BTC-USDT")
        number = (await late.data("books"))["data"][0]["seqId"]
        await trader.admin("market", symbol="BTC-USDT", levels=[order | {"price": "59991"}])
        assert (await late.data("books"))["data"][0]["prevSeqId"] == number
