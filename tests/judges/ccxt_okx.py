"""ccxt trades against a simulator of OKX, unmodified but for its URLs, and prints what it saw.

Run by the judge's own Python: `ccxt_okx.py URL KEY SECRET PASSPHRASE DEMO`. It imports nothing of this project.
"""

import asyncio
import json
import re
import sys
import urllib.request
from typing import Any

import ccxt.async_support as rest_ccxt
import ccxt.pro as pro_ccxt

SPOT, SWAP, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
FUTURE, OPTION = "BTC/USDT:USDT-301227", "BTC/USD:BTC-301227-60000-C"
_HOST = re.compile(r"^(wss?|https?)://[^/]+")


def pointed(exchange: Any, url: str) -> Any:
    """Replace the host in every URL of the client."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replaced(inner) for name, inner in value.items()}
        if not isinstance(value, str):
            return value
        return _HOST.sub(url.replace("http", "ws", 1) if value.startswith("ws") else url, value)

    exchange.urls["api"] = replaced(exchange.urls["api"])
    exchange.hostname = url.removeprefix("http://")
    return exchange


def options(arguments: list[str]) -> dict[str, Any]:
    key, secret, passphrase, is_demo = arguments
    given = {"apiKey": key, "secret": secret, "password": passphrase, "enableRateLimit": False}
    if is_demo == "demo":
        given["headers"] = {"x-simulated-trading": "1"}
    return given


def move(url: str, **order: Any) -> None:
    """Let the simulated market trade."""
    body = json.dumps(order).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/simulator/market", body), timeout=10) as reply:
        reply.read()


async def judge_markets(exchange: Any) -> dict[str, Any]:
    await exchange.load_markets()
    spot, swap, inverse = (exchange.market(symbol) for symbol in (SPOT, SWAP, INVERSE))
    option = exchange.market(OPTION)
    return {
        "count": len(exchange.markets),
        "spot": [spot["precision"]["price"], spot["precision"]["amount"], spot["limits"]["amount"]["min"]],
        "swap": [swap["linear"], swap["contractSize"], swap["settle"]],
        "inverse": [inverse["inverse"], inverse["contractSize"], inverse["settle"]],
        "option": [option["strike"], option["optionType"], option["expiryDatetime"]],
        "margin": spot["margin"],
        "book": (await exchange.fetch_order_book(SPOT, 5))["asks"][0],
        "time": await exchange.fetch_time() > 0,
        "trades": len(await exchange.fetch_trades(SPOT)) > 0,
        "ticker": (await exchange.fetch_ticker(SWAP))["last"],
        "funding": (await exchange.fetch_funding_rate(SWAP))["fundingRate"],
    }


async def judge_spot(exchange: Any, url: str) -> dict[str, Any]:
    """Every type of order of spot, and what lists say about them."""
    placed = [
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 50000),
        await exchange.create_order(SPOT, "market", "buy", 0.01),
        await exchange.create_order(SPOT, "market", "sell", 0.01),
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 59000, {"timeInForce": "IOC"}),
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 60006, {"timeInForce": "FOK"}),
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 60006, {"postOnly": True}),
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 50000, {"clientOrderId": "judge1"}),
    ]
    seen: dict[str, Any] = {"statuses": []}
    for order in placed:
        fetched = await exchange.fetch_order(order["id"], SPOT)
        seen["statuses"].append([fetched["type"], fetched["side"], fetched["status"], fetched["filled"]])
    seen["open"] = len(await exchange.fetch_open_orders(SPOT))
    edited = await exchange.edit_order(placed[0]["id"], SPOT, "limit", "buy", 0.02, 51000)
    fetched = await exchange.fetch_order(edited["id"], SPOT)
    seen["edited"] = [edited["id"] == placed[0]["id"], fetched["price"], fetched["amount"]]
    seen["refusals"] = await _refusals(exchange)
    await exchange.cancel_order(placed[0]["id"], SPOT)
    await exchange.cancel_orders([placed[6]["id"]], SPOT)
    seen["left"] = len(await exchange.fetch_open_orders(SPOT))
    seen["canceled"] = len(await exchange.fetch_canceled_orders(SPOT))
    seen["closed"] = len(await exchange.fetch_closed_orders(SPOT))
    trades = await exchange.fetch_my_trades(SPOT)
    seen["trades"] = [
        [trade["side"], trade["amount"], trade["takerOrMaker"], trade["fee"]["currency"]] for trade in trades
    ]
    balance = await exchange.fetch_balance()
    seen["balance"] = [balance["BTC"]["total"], balance["USDT"]["used"]]
    return seen


async def _refusals(exchange: Any) -> list[str]:
    names = []
    for attempt in (
        exchange.create_order(SPOT, "limit", "buy", 1000, 50000),
        exchange.create_order(SPOT, "limit", "buy", 0.01, 50000, {"clientOrderId": "judge1"}),
        exchange.cancel_order("1", SPOT),
        exchange.fetch_order("1", SPOT),
    ):
        try:
            await attempt
            names.append("none")
        except Exception as error:
            names.append(type(error).__name__)
    return names


async def judge_contracts(exchange: Any, url: str) -> dict[str, Any]:
    """Swaps of both kinds, a future, an option, conditional orders and positions."""
    seen: dict[str, Any] = {}
    await exchange.set_leverage(5, SWAP, {"mgnMode": "cross"})
    await exchange.create_order(SWAP, "market", "buy", 2)
    await exchange.create_order(INVERSE, "market", "sell", 10)
    await exchange.create_order(FUTURE, "market", "buy", 1)
    option = await exchange.create_order(OPTION, "limit", "buy", 1, 0.1005)
    seen["option"] = (await exchange.fetch_order(option["id"], OPTION))["status"]
    positions = await exchange.fetch_positions([SWAP, INVERSE, FUTURE])
    seen["positions"] = sorted(
        [p["symbol"], p["side"], p["contracts"], p["entryPrice"], p["leverage"]] for p in positions
    )
    stop = await exchange.create_order(SWAP, "market", "sell", 1, None, {"stopLossPrice": 58000, "reduceOnly": True})
    take = await exchange.create_order(SWAP, "limit", "sell", 1, 62000, {"triggerPrice": 62000})
    trail = await exchange.create_order(SWAP, "market", "sell", 1, None, {"trailingPercent": 5})
    triggers = {"trigger": True, "ordType": "conditional"}
    seen["conditional"] = [
        row["id"] == stop["id"] for row in await exchange.fetch_open_orders(SWAP, None, None, triggers)
    ]
    move(url, symbol="BTC-USDT-SWAP", trade_side="SELL", trade_price="57900", trade_quantity="1")
    fired = await exchange.fetch_order(stop["id"], SWAP, {"trigger": True})
    seen["fired"] = fired["info"]["state"]
    await exchange.cancel_orders([take["id"]], SWAP, {"trigger": True})
    await exchange.cancel_orders([trail["id"]], SWAP, {"trailing": True})
    seen["closed"] = (await exchange.create_order(SWAP, "market", "sell", 1, None, {"reduceOnly": True}))[
        "id"
    ] is not None
    left = await exchange.fetch_positions([SWAP])
    seen["left"] = [position["contracts"] for position in left]
    seen["leverage"] = (await exchange.fetch_leverage(INVERSE))["longLeverage"]
    return seen


async def judge_streams(exchange: Any, url: str) -> dict[str, Any]:
    """Books, trades, own orders and money by push; orders by socket."""
    await exchange.load_markets()
    seen: dict[str, Any] = {}
    book = await exchange.watch_order_book(SPOT)
    seen["ask"] = book["asks"][0][0]
    following = asyncio.create_task(exchange.watch_order_book(SPOT))
    move(url, symbol="BTC-USDT", levels=[{"side": "BUY", "price": "60001", "quantity": "0.5"}])
    seen["bid"] = (await following)["bids"][0][:2]
    orders = asyncio.create_task(exchange.watch_orders(SPOT))
    balances = asyncio.create_task(exchange.watch_balance())
    balance = await balances
    seen["balance"] = balance["USDC"]["total"]
    await asyncio.sleep(0)
    placed = await exchange.create_order_ws(SPOT, "limit", "buy", 0.01, 50000)
    first = (await orders)[-1]
    seen["order"] = [first["id"] == placed["id"], first["status"]]
    own = asyncio.create_task(exchange.watch_my_trades(SPOT))
    tape = asyncio.create_task(exchange.watch_trades(SWAP))
    await exchange.watch_ticker(SPOT)
    market = await exchange.create_order_ws(SPOT, "market", "buy", 0.001)
    trade = (await own)[-1]
    seen["own"] = [trade["order"] == market["id"], trade["amount"], trade["takerOrMaker"]]
    while not tape.done():
        move(url, symbol="BTC-USDT-SWAP", trade_side="BUY", trade_price="60001", trade_quantity="1")
        await asyncio.wait([tape], timeout=0.2)
    seen["tape"] = (await tape)[-1]["price"]
    canceled = await exchange.cancel_order_ws(placed["id"], SPOT)
    seen["canceled"] = canceled["id"] == placed["id"]
    positions = asyncio.create_task(exchange.watch_positions([INVERSE]))
    seen["positions"] = (await positions)[0]["symbol"]
    return seen


async def main() -> None:
    url, *arguments = sys.argv[1:]
    rest = pointed(rest_ccxt.okx(options(arguments)), url)
    streams = pointed(pro_ccxt.okx(options(arguments)), url)
    seen: dict[str, Any] = {}
    try:
        seen["markets"] = await judge_markets(rest)
        seen["spot"] = await judge_spot(rest, url)
        seen["contracts"] = await judge_contracts(rest, url)
        seen["streams"] = await judge_streams(streams, url)
    finally:
        await rest.close()
        await streams.close()
    print(json.dumps(seen))


asyncio.run(main())
