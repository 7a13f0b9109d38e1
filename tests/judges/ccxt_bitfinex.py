"""ccxt trades against a simulator of BITFINEX, unmodified but for its URLs, and prints what it saw.

Run by the judge's own Python: `ccxt_bitfinex.py URL KEY SECRET`. It imports nothing of this project.
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

SPOT, PERPETUAL = "BTC/USD", "BTC/USDT:USDT"
_HOST = re.compile(r"^(wss?|https?)://[^/]+")


def pointed(exchange: Any, url: str) -> Any:
    """Replace the host in every URL of the client."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replaced(inner) for name, inner in value.items()}
        return _HOST.sub(url.replace("http", "ws", 1) if value.startswith("ws") else url, value)

    exchange.urls["api"] = replaced(exchange.urls["api"])
    # Two clients share a key, whose nonces must grow: both count microseconds.
    exchange.nonce = exchange.microseconds
    return exchange


def move(url: str, **order: Any) -> None:
    """Let the simulated market trade."""
    body = json.dumps(order).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/simulator/market", body), timeout=10) as reply:
        reply.read()


async def judge_markets(exchange: Any) -> dict[str, Any]:
    await exchange.load_markets()
    spot, swap = exchange.market(SPOT), exchange.market(PERPETUAL)
    return {
        "count": len(exchange.markets),
        "spot": [spot["id"], spot["margin"], spot["limits"]["amount"]["min"], spot["precision"]["price"]],
        "swap": [swap["id"], swap["linear"], swap["settle"]],
        "paper": exchange.market("TESTBTC/TESTUSD")["id"],
        "status": (await exchange.fetch_status())["status"],
        "book": (await exchange.fetch_order_book(SPOT, 25))["asks"][0],
        "trades": len(await exchange.fetch_trades(SPOT)),
        "ticker": (await exchange.fetch_ticker(SPOT))["last"],
        "tickers": sorted(await exchange.fetch_tickers([SPOT, PERPETUAL])),
        "funding": (await exchange.fetch_funding_rate(PERPETUAL))["markPrice"],
        "currencies": sorted(exchange.currencies)[:3],
    }


async def judge_spot(exchange: Any, url: str) -> dict[str, Any]:
    """Every type of order of spot, and what lists say about them."""
    placed = [
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 50000, {"clientOrderId": 5}),
        await exchange.create_order(SPOT, "market", "buy", 0.1),
        await exchange.create_order(SPOT, "market", "sell", 0.05),
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 59000, {"timeInForce": "IOC"}),
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 60006, {"timeInForce": "FOK"}),
        await exchange.create_order(SPOT, "limit", "buy", 0.01, 60006, {"postOnly": True}),
        await exchange.create_order(SPOT, "market", "sell", 0.01, None, {"triggerPrice": 55000}),
        await exchange.create_order(SPOT, "limit", "sell", 0.01, 54900, {"triggerPrice": 55000}),
        await exchange.create_order(SPOT, "market", "sell", 0.01, None, {"trailingAmount": "1000"}),
    ]
    refusals = []
    for call in (
        lambda: exchange.create_order(SPOT, "limit", "buy", 100, 50000),
        lambda: exchange.create_order(SPOT, "limit", "buy", 0.00001, 50000),
        lambda: exchange.cancel_order("1", SPOT),
    ):
        try:
            await call()
        except Exception as error:
            refusals.append(type(error).__name__)
    edited = await exchange.edit_order(placed[0]["id"], SPOT, "limit", "buy", 0.02, 51000)
    move(url, symbol="tBTCUSD", trade_side="SELL", trade_price="51000", trade_quantity="0.015")
    partial = await exchange.fetch_open_order(placed[0]["id"], SPOT)
    many = await exchange.create_orders(
        [{"symbol": SPOT, "type": "limit", "side": "buy", "amount": 0.01, "price": price} for price in (49000, 48000)]
    )
    open_orders = await exchange.fetch_open_orders(SPOT)
    canceled = await exchange.cancel_order(placed[0]["id"], SPOT)
    await exchange.cancel_orders([many[0]["id"]])
    await exchange.cancel_all_orders()
    closed = await exchange.fetch_closed_orders(SPOT)
    trades = await exchange.fetch_my_trades(SPOT)
    balance = await exchange.fetch_balance()
    return {
        "statuses": [[order["type"], order["side"], order["status"], order["filled"]] for order in placed],
        "average": placed[1]["average"],
        "client_id": placed[0]["clientOrderId"],
        "refusals": refusals,
        "edited": [edited["price"], edited["amount"]],
        "partial": [partial["status"], partial["filled"], partial["remaining"]],
        "many": [order["price"] for order in many],
        "open": len(open_orders),
        "canceled": canceled["id"] == placed[0]["id"],
        "left": len(await exchange.fetch_open_orders(SPOT)),
        "closed": sorted(order["status"] for order in closed),
        "trades": [[each["side"], each["amount"], each["takerOrMaker"], each["fee"]["currency"]] for each in trades],
        "order_trades": len(await exchange.fetch_order_trades(placed[1]["id"], SPOT)),
        "balance": [balance["BTC"]["total"], balance["BTC"]["free"]],
        "ledger": len(await exchange.fetch_ledger("BTC", None, 3)),
        "fees": (await exchange.fetch_trading_fees())[SPOT]["taker"],
    }


async def judge_contracts(exchange: Any) -> dict[str, Any]:
    placed = [
        await exchange.create_order(PERPETUAL, "market", "buy", 0.1, None, {"lev": 20}),
        await exchange.create_order(PERPETUAL, "market", "sell", 0.05, None, {"reduceOnly": True}),
        await exchange.create_order(SPOT, "market", "sell", 0.1, None, {"marginMode": "cross"}),
    ]
    positions = await exchange.fetch_positions()
    balance = await exchange.fetch_balance({"type": "derivatives"})
    return {
        "statuses": [order["status"] for order in placed],
        "positions": [[each["symbol"], each["side"], each["notional"], each["leverage"]] for each in positions],
        "derivatives": sorted(code for code in balance["total"]),
    }


async def judge_streams(exchange: Any, rest: Any, url: str) -> dict[str, Any]:
    await exchange.load_markets()
    book = await exchange.watch_order_book(SPOT, 25)
    first = [book["bids"][0][:2], book["asks"][0][:2]]
    ticker = await exchange.watch_ticker(SPOT)
    await exchange.watch_trades(SPOT)
    balance = await exchange.watch_balance()
    watched = asyncio.create_task(exchange.watch_orders(SPOT))
    own = asyncio.create_task(exchange.watch_my_trades(SPOT))
    tape = asyncio.create_task(exchange.watch_trades(SPOT))
    await asyncio.sleep(0)
    resting = await rest.create_order(SPOT, "limit", "buy", 0.3, 59999)
    await watched
    await until(lambda: exchange.orderbooks[SPOT]["bids"][0][0] == 59999)  # a wrong checksum would drop the book
    move(url, symbol="tBTCUSD", trade_side="SELL", trade_price="59999", trade_quantity="0.1")
    (trade,) = await own
    public = await tape
    await until(lambda: exchange.orders[-1]["filled"] == 0.1)
    partial = dict(exchange.orders[-1])
    await rest.cancel_order(resting["id"], SPOT)
    await until(lambda: exchange.orders[-1]["status"] == "canceled")
    orders = exchange.orders
    return {
        "book": first,
        "ticker": ticker["last"],
        "balance": balance["BTC"]["total"] > 0,
        "own": [trade["side"], trade["amount"], trade["takerOrMaker"], trade["fee"]["currency"]],
        "tape": [public[-1]["side"], public[-1]["amount"]],
        "partial": [partial["status"], partial["remaining"]],
        "canceled": orders[-1]["id"] == resting["id"],
    }


async def main(url: str, key: str, secret: str) -> None:
    given = {"apiKey": key, "secret": secret, "enableRateLimit": False}
    rest, pro = pointed(rest_ccxt.bitfinex(dict(given)), url), pointed(pro_ccxt.bitfinex(dict(given)), url)
    try:
        seen = {
            "markets": await judge_markets(rest),
            "spot": await judge_spot(rest, url),
            "contracts": await judge_contracts(rest),
            "streams": await judge_streams(pro, rest, url),
        }
    finally:
        await rest.close()
        await pro.close()
    print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:]))
