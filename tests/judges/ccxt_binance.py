"""ccxt trades against a simulator of BINANCE, unmodified but for its URLs, and prints what it saw as JSON.

Run by the judge's own Python: `ccxt_binance.py URL KEY SECRET`. It imports nothing of this project.
"""

import asyncio
import json
import re
import sys
import urllib.request
from typing import Any

import ccxt.async_support as rest_ccxt
import ccxt.pro as pro_ccxt
from waiting import until

SYMBOL = "BTC/USDT"


def pointed(exchange: Any, url: str) -> Any:
    """Replace the host in every URL of the client."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replaced(inner) for name, inner in value.items()}
        if not isinstance(value, str):
            return value
        scheme = "ws" if value.startswith("ws") else "http"
        return re.sub(r"^(wss?|https?)://[^/]+", url.replace("http", scheme, 1), value)

    exchange.urls["api"] = replaced(exchange.urls["api"])
    return exchange


def options(key: str, secret: str) -> dict[str, Any]:
    return {
        "apiKey": key,
        "secret": secret,
        "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
        "enableRateLimit": False,
    }


def move(url: str, **order: Any) -> None:
    """Let the simulated market trade."""
    request = urllib.request.Request(f"{url}/simulator/market", json.dumps(order).encode())
    with urllib.request.urlopen(request, timeout=10) as reply:
        reply.read()


async def judge_rest(exchange: Any, url: str) -> dict[str, Any]:
    """Every type of order, and what lists say about them."""
    seen: dict[str, Any] = {"markets": sorted(await exchange.load_markets())}
    market = exchange.market(SYMBOL)
    seen["limits"] = {
        "amount": exchange.amount_to_precision(SYMBOL, 0.123456789),
        "price": exchange.price_to_precision(SYMBOL, 60000.123),
        "cost": market["limits"]["cost"]["min"],
        "taker": market["taker"],
    }
    book = await exchange.fetch_order_book(SYMBOL, 5)
    seen["book"] = [book["bids"][0], book["asks"][0]]
    placed = [
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 50000),
        await exchange.create_order(SYMBOL, "market", "buy", 0.01),
        await exchange.create_order(SYMBOL, "market", "sell", 0.01),
        await exchange.create_order(SYMBOL, "market", "buy", None, None, {"cost": 100}),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 50000, {"timeInForce": "IOC"}),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 50000, {"timeInForce": "FOK"}),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 50000, {"postOnly": True}),
        await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {"stopLossPrice": 50000}),
        await exchange.create_order(SYMBOL, "limit", "sell", 0.01, 49000, {"stopLossPrice": 50000}),
        await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {"takeProfitPrice": 70000}),
        await exchange.create_order(SYMBOL, "limit", "sell", 0.01, 71000, {"takeProfitPrice": 70000}),
        await exchange.create_order(
            SYMBOL, "market", "sell", 0.01, None, {"trailingPercent": 2, "stopLossOrTakeProfit": "stopLoss"}
        ),
    ]
    seen["statuses"] = []
    for order in placed:
        fetched = await exchange.fetch_order(order["id"], SYMBOL)
        seen["statuses"].append([fetched["type"], fetched["side"], fetched["status"], fetched["filled"]])
    seen["open"] = len(await exchange.fetch_open_orders(SYMBOL))
    seen["partial"] = await _partial(exchange, url)
    seen["canceled"] = len(await exchange.cancel_all_orders(SYMBOL))
    seen["orders"] = len(await exchange.fetch_orders(SYMBOL))
    trades = await exchange.fetch_my_trades(SYMBOL)
    seen["trades"] = [[trade["side"], trade["amount"], trade["fee"]["currency"]] for trade in trades]
    seen["public_trades"] = len(await exchange.fetch_trades(SYMBOL)) > 0
    balance = await exchange.fetch_balance()
    seen["balance"] = {asset: balance[asset]["total"] for asset in ("BTC", "USDT")}
    seen["used"] = balance["USDT"]["used"]
    seen["refusals"] = await _refusals(exchange)
    return seen


async def _partial(exchange: Any, url: str) -> list[Any]:
    order = await exchange.create_order(SYMBOL, "limit", "buy", 0.5, 60001)
    move(url, symbol="BTCUSDT", trade_side="SELL", trade_price="60001", trade_quantity="0.2")
    fetched = await exchange.fetch_order(order["id"], SYMBOL)
    return [fetched["status"], fetched["filled"], fetched["remaining"]]


async def _refusals(exchange: Any) -> list[str]:
    attempts = (
        exchange.create_order(SYMBOL, "limit", "buy", 100, 60000),
        exchange.create_order(SYMBOL, "limit", "buy", 0.01, 70000, {"postOnly": True}),
        exchange.fetch_order("999", SYMBOL),
        exchange.cancel_order("999", SYMBOL),
    )
    names = []
    for attempt in attempts:
        try:
            await attempt
            names.append("none")
        except rest_ccxt.BaseError as error:
            names.append(type(error).__name__)
    return names


async def judge_streams(exchange: Any, url: str) -> dict[str, Any]:
    """Books, trades, best prices; orders, own trades and balances as they are pushed."""
    await exchange.load_markets()
    book = await exchange.watch_order_book(SYMBOL)
    seen: dict[str, Any] = {"book": [book["bids"][0][0], book["asks"][0][0]]}
    trades = asyncio.create_task(exchange.watch_trades(SYMBOL))
    orders = asyncio.create_task(exchange.watch_orders(SYMBOL))
    balance = asyncio.create_task(exchange.watch_balance())
    own = asyncio.create_task(exchange.watch_my_trades(SYMBOL))
    watching = (trades, orders, balance, own)
    while not all(task.done() for task in watching):
        await exchange.create_order(SYMBOL, "market", "buy", 0.001)
        move(url, symbol="BTCUSDT", trade_side="SELL", trade_price="59994", trade_quantity="0.001")
        await asyncio.wait(watching, timeout=0.2)
    seen["trade"] = trades.result()[-1]["price"]
    seen["order"] = [orders.result()[-1]["symbol"], orders.result()[-1]["status"]]
    seen["own"] = [own.result()[-1]["amount"], own.result()[-1]["takerOrMaker"]]
    seen["balance"] = balance.result()["BTC"]["total"] > 0
    await exchange.create_order(SYMBOL, "limit", "buy", 0.3, 60002)
    await until(lambda: book["bids"][0][0] == 60002)
    seen["bid"] = book["bids"][0]
    by_socket = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, 50000)
    canceled = await exchange.cancel_order_ws(by_socket["id"], SYMBOL)
    seen["by_socket"] = [by_socket["status"], canceled["status"]]
    return seen


async def main(url: str, key: str, secret: str) -> None:
    report = {}
    for name, module, judge in (("rest", rest_ccxt, judge_rest), ("streams", pro_ccxt, judge_streams)):
        exchange = pointed(module.binance(options(key, secret)), url)
        try:
            async with asyncio.timeout(60):
                report[name] = await judge(exchange, url)
        finally:
            await exchange.close()
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
