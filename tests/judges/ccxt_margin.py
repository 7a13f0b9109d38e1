"""ccxt trades on cross margin against a simulator of BINANCE, unmodified but for its URLs, and prints what it saw.

Run by the judge's own Python: `ccxt_margin.py URL KEY SECRET`. It imports nothing of this project.
"""

import asyncio
import json
import re
import sys
from typing import Any

import ccxt.async_support as rest_ccxt
import ccxt.pro as pro_ccxt

SYMBOL = "BTC/USDT"
CROSS = {"marginMode": "cross"}
_HOST = re.compile(r"^(wss?|https?)://([^/]+)")


def pointed(exchange: Any, url: str) -> Any:
    """Replace the host in every URL of the client. The hosts of USD-M, which it asks too, are below `/usdm`."""

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
        "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": True, "defaultType": "margin"},
        "enableRateLimit": False,
    }


async def judge_rest(exchange: Any) -> dict[str, Any]:
    """Orders with and without a loan, loans by hand, and what lists say about them."""
    await exchange.load_markets()
    market = exchange.market(SYMBOL)
    seen: dict[str, Any] = {"market": [market["margin"], market["marginModes"]["cross"]]}
    borrowing = {**CROSS, "sideEffectType": "AUTO_BORROW_REPAY"}
    placed = [
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 50000, CROSS),
        await exchange.create_order(SYMBOL, "market", "buy", 0.01, None, CROSS),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 50000, {**CROSS, "timeInForce": "IOC"}),
        await exchange.create_order(SYMBOL, "limit", "buy", 0.01, 50000, {**CROSS, "postOnly": True}),
        await exchange.create_order(SYMBOL, "market", "sell", 0.01, None, {**CROSS, "stopLossPrice": 50000}),
        await exchange.create_order(SYMBOL, "market", "sell", 1.2, None, borrowing),
    ]
    seen["statuses"] = [(await exchange.fetch_order(order["id"], SYMBOL, CROSS))["status"] for order in placed]
    seen["debt"] = (await exchange.fetch_balance(CROSS))["BTC"]["debt"]
    await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {**CROSS, "reduceOnly": True})
    seen["repaid"] = (await exchange.fetch_balance(CROSS))["BTC"]["debt"]
    await exchange.borrow_cross_margin("USDT", 100)
    await exchange.repay_cross_margin("USDT", 40)
    balance = await exchange.fetch_balance(CROSS)
    seen["by_hand"] = [balance["USDT"]["debt"], balance["USDT"]["total"] > 0]
    seen["open"] = len(await exchange.fetch_open_orders(SYMBOL, None, None, CROSS))
    await exchange.cancel_order(placed[0]["id"], SYMBOL, CROSS)
    await exchange.cancel_all_orders(SYMBOL, CROSS)
    seen["left"] = len(await exchange.fetch_open_orders(SYMBOL, None, None, CROSS))
    seen["orders"] = len(await exchange.fetch_orders(SYMBOL, None, None, CROSS))
    trades = await exchange.fetch_my_trades(SYMBOL, None, None, CROSS)
    seen["trades"] = [[trade["side"], trade["amount"]] for trade in trades]
    return seen


async def judge_streams(exchange: Any) -> dict[str, Any]:
    """Orders, own trades and balances as they are pushed to a listen token's subscription, one after the other: with
    two accounts on its socket the client takes the events of one for those of the other."""
    await exchange.load_markets()
    margin = {"type": "margin"}
    order = (await _watched(exchange, exchange.watch_orders(SYMBOL, None, None, margin)))[-1]
    balance = await _watched(exchange, exchange.watch_balance(margin))
    own = (await _watched(exchange, exchange.watch_my_trades(SYMBOL, None, None, margin)))[-1]
    return {
        "order": [order["symbol"], order["type"]],
        "own": own["amount"],
        "balance": balance["USDT"]["total"] > 0,
    }


async def _watched(exchange: Any, watching: Any) -> Any:
    """Trade until something is pushed, and return it. The client loses events that come before it is ready."""
    task = asyncio.create_task(watching)
    await asyncio.wait([task], timeout=0.2)
    while not task.done():
        await exchange.create_order(SYMBOL, "market", "buy", 0.001, None, CROSS)
        await asyncio.wait([task], timeout=0.2)
    return task.result()


async def main(url: str, key: str, secret: str) -> None:
    report = {}
    for name, module, judge in (("rest", rest_ccxt, judge_rest), ("streams", pro_ccxt, judge_streams)):
        exchange = pointed(module.binance(options(key, secret)), url)
        try:
            async with asyncio.timeout(60):
                report[name] = await judge(exchange)
        finally:
            await exchange.close()
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
