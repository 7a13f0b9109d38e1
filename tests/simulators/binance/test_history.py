"""Lists of orders and trades, the account, and what anyone may read."""

from decimal import Decimal

import pytest

from cadenza.simulators.binance.server import BinanceSimulator

from .trader import Trader

D = Decimal


async def test_lists_of_orders_are_cut_where_the_venue_cuts_them(trader: Trader) -> None:
    ids = [(await trader.place()).ok["orderId"] for _ in range(4)]

    async def listed(**params: object) -> list[int]:
        rows = (await trader.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT", **params)).ok
        return [row["orderId"] for row in rows]

    assert await listed() == ids
    assert await listed(limit=2) == ids[-2:]
    assert await listed(orderId=ids[1], limit=2) == ids[1:3]
    assert await listed(startTime=1, endTime=2) == []


async def test_own_trades_are_listed_by_order_by_id_and_by_time(trader: Trader) -> None:
    placed = (await trader.place(type="MARKET", quantity="0.2")).ok
    other = (await trader.place(type="MARKET", quantity="0.01")).ok
    ids = [fill["tradeId"] for fill in placed["fills"] + other["fills"]]

    async def listed(**params: object) -> list[int]:
        rows = (await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", **params)).ok
        return [row["id"] for row in rows]

    assert await listed() == ids
    assert await listed(limit=1) == ids[-1:]
    assert await listed(fromId=ids[1]) == ids[1:]
    assert await listed(fromId=ids[0], limit=1) == ids[:1]
    assert await listed(orderId=other["orderId"]) == ids[-1:]
    at_ms = placed["transactTime"]
    assert await listed(startTime=at_ms - 1000, endTime=at_ms + 60_000) == ids
    assert await listed(startTime=at_ms * 1000, limit=1) == ids[:1]  # microseconds
    assert await listed(endTime=at_ms - 1) == []


async def test_a_window_of_trades_has_at_most_a_day(trader: Trader) -> None:
    day = 24 * 60 * 60 * 1000
    good = await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=1, endTime=1 + day)
    assert good.ok == []
    bad = await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=1, endTime=2 + day)
    assert bad.error == (-1127, "More than 24 hours between startTime and endTime.")
    both = await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", startTime=1, fromId=1)
    assert both.error == (-1128, "Combination of optional parameters invalid.")


async def test_a_trade_says_what_it_cost(trader: Trader) -> None:
    placed = (await trader.place(type="MARKET", quantity="0.01")).ok
    (trade,) = (await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).ok
    assert trade["orderId"] == placed["orderId"]
    assert (trade["price"], trade["qty"], trade["quoteQty"]) == ("60006.00000000", "0.01000000", "600.06000000")
    assert (trade["commission"], trade["commissionAsset"]) == ("0.00001000", "BTC")
    assert (trade["isBuyer"], trade["isMaker"]) == (True, False)


async def test_the_account_shows_its_permissions_and_may_leave_out_zeros(trader: Trader) -> None:
    account = (await trader.signed("GET", "/api/v3/account")).ok
    assert account["canTrade"] is True
    assert {row["asset"] for row in account["balances"]} == {"USDT", "BTC", "ETH", "BNB", "币安人生"}
    await trader.admin("deposits", asset="BNB", amount="-100")
    account = (await trader.signed("GET", "/api/v3/account", omitZeroBalances="true")).ok
    assert "BNB" not in {row["asset"] for row in account["balances"]}
    restrictions = (await trader.signed("GET", "/sapi/v1/account/apiRestrictions")).ok
    assert restrictions["enableSpotAndMarginTrading"] is True
    assert restrictions["enableWithdrawals"] is False
    rates = (await trader.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT")).ok
    assert rates["standardCommission"]["maker"] == "0.00100000"


async def test_the_listing_has_every_filter(trader: Trader) -> None:
    info = (await trader.public("/api/v3/exchangeInfo")).ok
    assert [row["symbol"] for row in info["symbols"]] == ["BTCUSDT", "ETHUSDT", "BNBUSDT", "ETHBTC", "币安人生USDT"]
    kinds = {filter["filterType"] for filter in info["symbols"][0]["filters"]}
    assert kinds >= {
        "PRICE_FILTER",
        "LOT_SIZE",
        "MARKET_LOT_SIZE",
        "NOTIONAL",
        "PERCENT_PRICE_BY_SIDE",
        "MAX_NUM_ORDERS",
        "MAX_NUM_ALGO_ORDERS",
        "ICEBERG_PARTS",
        "TRAILING_DELTA",
    }
    one = (await trader.public("/api/v3/exchangeInfo", symbol="币安人生USDT")).ok
    assert [row["baseAsset"] for row in one["symbols"]] == ["币安人生"]
    two = (await trader.public("/api/v3/exchangeInfo", symbols='["BTCUSDT","ETHBTC"]')).ok
    assert len(two["symbols"]) == 2
    assert (await trader.public("/api/v3/exchangeInfo", symbol="NOPE")).error == (-1121, "Invalid symbol.")


async def test_books_and_trades_show_own_orders_too(trader: Trader) -> None:
    empty = (await trader.public("/api/v3/depth", symbol="BTCUSDT", limit=5)).ok
    assert len(empty["bids"]) == len(empty["asks"]) == 5
    await trader.place(price="60001", quantity="0.02")
    book = (await trader.public("/api/v3/depth", symbol="BTCUSDT")).ok
    assert book["bids"][0] == ["60001.00000000", "0.02000000"]
    assert book["lastUpdateId"] > empty["lastUpdateId"]
    await trader.trade_at("60001", "0.05")
    trades = (await trader.public("/api/v3/trades", symbol="BTCUSDT", limit=2)).ok
    assert [(row["qty"], row["isBuyerMaker"]) for row in trades] == [("0.02000000", True), ("0.03000000", True)]
    aggregates = (await trader.public("/api/v3/aggTrades", symbol="BTCUSDT", fromId=trades[0]["id"])).ok
    assert [(row["a"], row["q"]) for row in aggregates] == [(row["id"], row["qty"]) for row in trades]
    ticker = (await trader.public("/api/v3/ticker/bookTicker", symbol="BTCUSDT")).ok
    assert ticker["bidPrice"] == "59994.00000000"
    assert (await trader.public("/api/v3/ticker/price", symbol="BTCUSDT")).ok["price"] == "60001.00000000"
    assert (await trader.public("/api/v3/avgPrice", symbol="BTCUSDT")).ok["price"] == "60001.00000000"
    assert len((await trader.public("/api/v3/ticker/bookTicker")).ok) == 5


async def test_ping_and_time(trader: Trader, simulator: BinanceSimulator) -> None:
    assert (await trader.public("/api/v3/ping")).ok == {}
    assert abs((await trader.public("/api/v3/time")).ok["serverTime"] - simulator.venue.now_ms()) < 10_000


@pytest.mark.parametrize("kind", ["maker", "taker"])
async def test_fees_are_taken_from_what_is_received_and_cut_at_eight_decimals(trader: Trader, kind: str) -> None:
    if kind == "taker":
        await trader.place(side="SELL", price="59994", quantity="0.00123")
    else:
        await trader.place(side="SELL", price="60001.37", quantity="0.00123")
        await trader.trade_at("60001.37", "0.01", side="BUY")
    (trade,) = (await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).ok
    exact = D(trade["quoteQty"]) * D("0.001")
    assert exact - D("0.00000001") < D(trade["commission"]) <= exact
    account = (await trader.signed("GET", "/api/v3/account")).ok
    usdt = next(D(row["free"]) for row in account["balances"] if row["asset"] == "USDT")
    assert usdt == 1_000_000 + D(trade["quoteQty"]) - D(trade["commission"])
