"""ccxt trades USD-M futures against a simulator of BINANCE, unmodified but for its URLs, and prints what it saw.

Run by the judge's own Python: `ccxt_usdm.py URL KEY SECRET`. It imports nothing of this project.
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

SYMBOL = "BTC/USDT:USDT"
_HOST = re.compile(r"^(wss?|https?)://([^/]+)")


def pointed(exchange: Any, url: str) -> Any:
    """Replace the host in every URL of the client. The hosts of USD-M are below `/usdm`."""

    def host(found: re.Match[str]) -> str:
        base = url.replace("http", "ws", 1) if found[1].startswith("ws") else url
        return f"{base}/usdm" if re.search("fapi|fstream", found[2]) else base

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replaced(inner) for name, inner in value.items()}
        return _HOST.sub(host, value) if isinstance(value, str) else value

    exchange.urls["api"] = replaced(exchange.urls["api"])
    return exchange


def options(key: str, secret: str) -> dict[str, Any]:
    return {
        "apiKey": key,
        "secret": secret,
        "options": {"fetchMarkets": {"types": ["linear"]}, "defaultType": "swap", "fetchMargins": False},
        "enableRateLimit": False,
    }


def move(url: str, **order: Any) -> None:
    """Let the simulated market trade."""
    body = json.dumps({"market": "usdm", "symbol": "BTCUSDT", **order}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/simulator/market", body), timeout=10) as reply:
        reply.read()


async def judge_rest(exchange: Any, url: str) -> dict[str, Any]:
    """Every type of order, positions, and what lists say about them."""
    seen: dict[str, Any] = {"markets": sorted(await exchange.load_markets())}
    market = exchange.market(SYMBOL)
    seen["market"] = [market["linear"], market["swap"], market["settle"], market["limits"]["cost"]["min"]]
    seen["rounded"] = [
        exchange.amount_to_precision(SYMBOL, 0.12345),
        exchange.price_to_precision(SYMBOL, 60000.123),
    ]
    book = await exchange.fetch_order_book(SYMBOL, 5)
    seen["book"] = [book["bids"][0], book["asks"][0]]
    seen["leverage"] = (await exchange.set_leverage(10, SYMBOL))["leverage"]
    placed = [
        await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 59000),
        await exchange.create_order(SYMBOL, "market", "buy", 0.1),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 59000, {"timeInForce": "IOC"}),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 60006, {"timeInForce": "FOK"}),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 59000, {"postOnly": True}),
        await exchange.create_order(SYMBOL, "market", "sell", 0.1, None, {"reduceOnly": True}),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 59000, _until(exchange.milliseconds() + 3_600_000)),
    ]
    seen["statuses"] = []
    for order in placed:
        fetched = await exchange.fetch_order(order["id"], SYMBOL)
        seen["statuses"].append([fetched["type"], fetched["side"], fetched["status"], fetched["filled"]])
    seen["conditional"] = await _conditional(exchange, url)
    seen["partial"] = await _partial(exchange, url)
    seen["open"] = len(await exchange.fetch_open_orders(SYMBOL))
    await exchange.cancel_all_orders(SYMBOL)
    seen["left"] = len(await exchange.fetch_open_orders(SYMBOL))
    seen["orders"] = len(await exchange.fetch_orders(SYMBOL))
    trades = await exchange.fetch_my_trades(SYMBOL)
    seen["trades"] = [[trade["side"], trade["amount"], trade["takerOrMaker"]] for trade in trades]
    seen["public_trades"] = len(await exchange.fetch_trades(SYMBOL)) > 0
    seen["position"] = await _position(exchange)
    balance = await exchange.fetch_balance()
    seen["balance"] = [round(balance["USDT"]["total"], 4), balance["USDC"]["total"]]
    seen["funding"] = (await exchange.fetch_funding_rate(SYMBOL))["fundingRate"]
    seen["tiers"] = len((await exchange.fetch_leverage_tiers([SYMBOL]))[SYMBOL])
    seen["refusals"] = await _refusals(exchange)
    return seen


def _until(ends_ms: int) -> dict[str, Any]:
    return {"timeInForce": "GTD", "goodTillDate": ends_ms}


async def _conditional(exchange: Any, url: str) -> list[Any]:
    """Conditional orders are placed, one is triggered, one is canceled."""
    placed = [
        await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {"stopLossPrice": 59500}),
        await exchange.create_order(SYMBOL, "limit", "sell", 0.01, 62000, {"stopLossPrice": 59000}),
        await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {"takeProfitPrice": 62000}),
        await exchange.create_order(SYMBOL, "limit", "sell", 0.01, 62000, {"takeProfitPrice": 61000}),
        await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {"trailingPercent": 2}),
    ]
    listed = await exchange.fetch_open_orders(SYMBOL, None, None, {"trigger": True})
    types = [order["info"]["orderType"] for order in listed]
    move(url, trade_side="SELL", trade_price="59500", trade_quantity="0.001")
    await exchange.cancel_order(placed[1]["id"], SYMBOL, {"trigger": True})
    found = [await exchange.fetch_order(order["id"], SYMBOL, {"trigger": True}) for order in placed]
    statuses = [order["info"]["algoStatus"] for order in found]
    await exchange.cancel_all_orders(SYMBOL, {"trigger": True})
    left = await exchange.fetch_open_orders(SYMBOL, None, None, {"trigger": True})
    return [types, statuses, len(left)]


async def _partial(exchange: Any, url: str) -> list[Any]:
    order = await exchange.create_order(SYMBOL, "limit", "buy", 0.5, 60001)
    move(url, trade_side="SELL", trade_price="60001", trade_quantity="0.2")
    fetched = await exchange.fetch_order(order["id"], SYMBOL)
    return [fetched["status"], fetched["filled"], fetched["remaining"]]


async def _position(exchange: Any) -> list[Any]:
    (position,) = await exchange.fetch_positions([SYMBOL])
    return [position["side"], position["contracts"], position["marginMode"], position["leverage"]]


async def _refusals(exchange: Any) -> list[str]:
    """The codes of refusals. The client names their kinds by the host of the real venue, which is not here."""
    attempts = (
        exchange.create_order(SYMBOL, "limit", "buy", 900, 60000),
        exchange.create_order(SYMBOL, "limit", "buy", 0.1, 61000, {"postOnly": True}),
        exchange.create_order(SYMBOL, "market", "sell", 0.1, None, {"stopLossPrice": 62000}),
        exchange.fetch_order("999", SYMBOL),
        exchange.cancel_order("999", SYMBOL),
    )
    codes = []
    for attempt in attempts:
        try:
            await attempt
            codes.append("none")
        except rest_ccxt.BaseError as error:
            found = re.search(r'"code":(-\d+)', str(error))
            codes.append(found[1] if found else str(error))
    return codes


async def judge_streams(exchange: Any, url: str) -> dict[str, Any]:
    """Books and trades; orders, own trades, positions and balances as they are pushed."""
    await exchange.load_markets()
    book = await exchange.watch_order_book(SYMBOL)
    seen: dict[str, Any] = {"book": [book["bids"][0][0], book["asks"][0][0]]}
    watching = {
        "trades": asyncio.create_task(exchange.watch_trades(SYMBOL)),
        "orders": asyncio.create_task(exchange.watch_orders(SYMBOL)),
        "balance": asyncio.create_task(exchange.watch_balance()),
        "own": asyncio.create_task(exchange.watch_my_trades(SYMBOL)),
        "positions": asyncio.create_task(exchange.watch_positions([SYMBOL])),
        "mark": asyncio.create_task(exchange.watch_mark_price(SYMBOL)),
    }
    while not all(task.done() for task in watching.values()):
        await exchange.create_order(SYMBOL, "market", "buy", 0.002)
        move(url, trade_side="SELL", trade_price="59994", trade_quantity="0.001")
        await asyncio.wait(watching.values(), timeout=0.2)
    result = {name: task.result() for name, task in watching.items()}
    seen["trade"] = result["trades"][-1]["price"]
    seen["order"] = [result["orders"][-1]["symbol"], result["orders"][-1]["type"]]
    seen["own"] = [result["own"][-1]["amount"], result["own"][-1]["takerOrMaker"], result["own"][-1]["fee"]["currency"]]
    seen["balance"] = result["balance"]["USDT"]["total"] > 0
    seen["position"] = [result["positions"][-1]["side"], result["positions"][-1]["contracts"] > 0]
    seen["mark"] = result["mark"]["markPrice"] > 0
    await exchange.create_order(SYMBOL, "limit", "buy", 0.3, 60002)
    await until(lambda: book["bids"][0][0] == 60002)
    seen["bid"] = book["bids"][0]
    by_socket = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.1, 59000)
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
