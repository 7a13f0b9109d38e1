"""ccxt trades against a simulator of DERIBIT, unmodified but for its URLs, and prints what it saw.

Run by the judge's own Python: `ccxt_deribit.py URL KEY SECRET`. It imports nothing of this project.
"""

import asyncio
import json
import re
import sys
import urllib.request
from collections.abc import Awaitable
from typing import Any

import ccxt.async_support as rest_ccxt
import ccxt.pro as pro_ccxt
from waiting import until

INVERSE, LINEAR = "BTC/USD:BTC", "BTC/USDC:USDC"
FUTURE, OPTION, SPOT = "BTC/USD:BTC-301227", "BTC/USD:BTC-301227-60000-C", "BTC/USDC"
_HOST = re.compile(r"^(wss?|https?)://[^/]+")


def pointed(exchange: Any, url: str) -> Any:
    """Replace the host in every URL of the client."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replaced(inner) for name, inner in value.items()}
        base = url.replace("http", "ws", 1) if str(value).startswith("ws") else url
        return _HOST.sub(base, value) if isinstance(value, str) else value

    exchange.urls["api"] = replaced(exchange.urls["api"])
    return exchange


def admin(url: str, path: str, **order: Any) -> None:
    """Let the simulated market move."""
    body = json.dumps(order).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/simulator/{path}", body), timeout=10) as reply:
        reply.read()


def move(url: str, price: str, amount: str, side: str = "SELL", symbol: str = "BTC-PERPETUAL") -> None:
    admin(url, "market", symbol=symbol, trade_side=side, trade_price=price, trade_quantity=amount)


async def judge_rest(exchange: Any, url: str) -> dict[str, Any]:
    """Markets, every type of order, and what lists say about them."""
    seen: dict[str, Any] = {"markets": sorted(await exchange.load_markets())}
    seen["market"] = [
        [market["type"], market["inverse"], market["settle"], market["contractSize"], market["precision"]["price"]]
        for market in (exchange.market(symbol) for symbol in (INVERSE, LINEAR, FUTURE, OPTION, SPOT))
    ]
    option = exchange.market(OPTION)
    seen["option"] = [option["strike"], option["optionType"], option["expiryDatetime"]]
    seen["status"] = (await exchange.fetch_status())["status"]
    seen["time"] = await exchange.fetch_time() > 0
    seen["currencies"] = sorted(await exchange.fetch_currencies())
    book = await exchange.fetch_order_book(INVERSE, 5)
    seen["book"] = [book["bids"][0], book["asks"][0]]
    ticker = await exchange.fetch_ticker(INVERSE)
    seen["ticker"] = [ticker["bid"], ticker["ask"], ticker["last"]]
    seen["tickers"] = sorted(await exchange.fetch_tickers(None, {"code": "BTC"}))
    seen["orders"] = await _orders(exchange)
    seen["triggers"] = await _triggers(exchange, url)
    seen["partial"] = await _partial(exchange, url)
    seen["edited"] = await _edited(exchange)
    seen["closed"] = [
        [order["side"], order["status"], order["filled"]] for order in await exchange.fetch_closed_orders(INVERSE)
    ]
    seen["trades"] = [_trade(each) for each in await exchange.fetch_my_trades(INVERSE)]
    seen["public_trades"] = len(await exchange.fetch_trades(INVERSE)) > 0
    seen["positions"] = await _positions(exchange)
    seen["balance"] = await _balance(exchange)
    seen["accounts"] = len(await exchange.fetch_accounts())
    seen["greeks"] = (await exchange.fetch_greeks(OPTION))["markPrice"]
    seen["funding"] = (await exchange.fetch_funding_rate(INVERSE))["fundingRate"]
    fees = await exchange.fetch_trading_fees()
    seen["fees"] = [fees[INVERSE]["taker"], fees[OPTION]["taker"]]
    seen["refusals"] = await _refusals(exchange)
    return seen


async def _orders(exchange: Any) -> list[Any]:
    placed = [
        await exchange.create_order(INVERSE, "limit", "buy", 100, 59000),
        await exchange.create_order(INVERSE, "market", "buy", 1000),
        await exchange.create_order(INVERSE, "limit", "buy", 100, 59000, {"timeInForce": "IOC"}),
        await exchange.create_order(INVERSE, "limit", "buy", 100, 60006, {"timeInForce": "FOK"}),
        await exchange.create_order(INVERSE, "limit", "buy", 100, 59000, {"postOnly": True}),
        await exchange.create_order(INVERSE, "market", "sell", 100, None, {"reduceOnly": True}),
        await exchange.create_order(LINEAR, "market", "sell", 0.5),
        await exchange.create_order(FUTURE, "limit", "buy", 500, 61200),
        await exchange.create_order(OPTION, "limit", "buy", 2, 0.051),
        await exchange.create_order(SPOT, "market", "buy", 0.5),
    ]
    rows = []
    for order in placed:
        found = await exchange.fetch_order(order["id"], order["symbol"])
        rows.append([found["type"], found["status"], found["filled"], found["average"]])
    fills = await exchange.fetch_order_trades(placed[1]["id"], INVERSE)
    rows.append([_trade(each) for each in fills])
    return rows


async def _triggers(exchange: Any, url: str) -> list[Any]:
    """Trigger orders are placed, one is triggered, one is canceled."""
    placed = [
        await exchange.create_order(INVERSE, "market", "sell", 10, None, {"stopLossPrice": 59500}),
        await exchange.create_order(INVERSE, "limit", "sell", 10, 59000, {"stopLossPrice": 59100}),
        await exchange.create_order(INVERSE, "market", "sell", 10, None, {"takeProfitPrice": 62000}),
        await exchange.create_order(INVERSE, "limit", "sell", 10, 62000, {"takeProfitPrice": 61000}),
        await exchange.create_order(INVERSE, "market", "sell", 10, None, {"trailingAmount": 5000}),
    ]
    move(url, "59500", "10")
    canceled = await exchange.cancel_order(placed[1]["id"], INVERSE)
    found = [await exchange.fetch_order(order["id"], INVERSE) for order in placed]
    types = [order["info"]["order_type"] for order in found]
    statuses = [order["status"] for order in found]
    counts = [len(await exchange.fetch_open_orders(INVERSE, None, None, {"type": "trigger_all"}))]
    await exchange.cancel_all_orders(INVERSE)
    counts.append(len(await exchange.fetch_open_orders(INVERSE)))
    return [types, statuses, canceled["status"], counts]


async def _partial(exchange: Any, url: str) -> list[Any]:
    order = await exchange.create_order(INVERSE, "limit", "buy", 500, 59990)
    move(url, "59990", "200")
    found = await exchange.fetch_order(order["id"], INVERSE)
    return [found["status"], found["filled"], found["remaining"]]


async def _edited(exchange: Any) -> list[Any]:
    (order,) = await exchange.fetch_open_orders(INVERSE)
    edited = await exchange.edit_order(order["id"], INVERSE, "limit", "buy", 400, 59980)
    canceled = await exchange.cancel_order(order["id"], INVERSE)
    return [edited["amount"], edited["price"], edited["status"], canceled["status"]]


def _trade(trade: Any) -> list[Any]:
    return [trade["side"], trade["amount"], trade["takerOrMaker"], trade["fee"]["currency"]]


async def _positions(exchange: Any) -> list[Any]:
    rows = await exchange.fetch_positions()
    return sorted([row["symbol"], row["side"], row["contracts"]] for row in rows)


async def _balance(exchange: Any) -> list[Any]:
    balance = await exchange.fetch_balance()
    return [round(balance[code]["total"], 4) for code in ("BTC", "ETH", "USDC", "USDT")]


async def _refusals(exchange: Any) -> list[str]:
    """The kinds of refusals, as the client names them."""
    attempts: tuple[Awaitable[Any], ...] = (
        exchange.create_order(INVERSE, "limit", "buy", 100_000_000, 60000),
        exchange.create_order(INVERSE, "limit", "buy", 100, 61000, {"postOnly": True}),
        exchange.create_order(INVERSE, "market", "sell", 10, None, {"stopLossPrice": 62000}),
        exchange.fetch_order("999", INVERSE),
        exchange.cancel_order("999", INVERSE),
        exchange.create_order(INVERSE, "limit", "buy", 10, 59000, {"label": "x" * 65}),
    )
    names = []
    for attempt in attempts:
        try:
            await attempt
            names.append("none")
        except rest_ccxt.BaseError as error:
            found = re.search(r'"code":(-?\d+)', str(error))
            names.append(f"{type(error).__name__} {found[1] if found else error}")
    return names


async def judge_streams(exchange: Any, url: str) -> dict[str, Any]:
    """Books, tickers, trades, and the account's own streams."""
    seen: dict[str, Any] = {}
    await exchange.load_markets()
    orders = asyncio.create_task(exchange.watch_orders(INVERSE))
    own = asyncio.create_task(exchange.watch_my_trades(INVERSE))
    book = await exchange.watch_order_book(INVERSE)
    seen["book"] = [book["bids"][0][0], book["asks"][0][0]]
    seen["bid"] = (await exchange.watch_ticker(INVERSE))["bid"]
    quotes = await exchange.watch_bids_asks([INVERSE])
    seen["quote"] = quotes[INVERSE]["ask"]
    trades = asyncio.create_task(exchange.watch_trades(INVERSE))
    await _until_subscribed(exchange, "user.orders", "user.trades", "trades.")
    placed = await exchange.create_order(INVERSE, "market", "buy", 1000)
    (order,) = await orders
    seen["order"] = [order["id"] == placed["id"], order["status"], order["filled"]]
    seen["own"] = [_trade(each) for each in await own]
    seen["trade"] = [[each["side"], each["amount"]] for each in await trades]
    resting = await exchange.create_order(INVERSE, "limit", "buy", 100, 60000)
    await until(lambda: book["bids"][0][0] == 60000)
    seen["bids"] = [[bid[0], bid[1]] for bid in book["bids"][:2]]
    await exchange.cancel_order(resting["id"], INVERSE)
    await until(lambda: _kept(exchange, resting["id"]) not in (None, "open"))
    seen["states"] = [_kept(exchange, resting["id"])]
    balance = await exchange.watch_balance()
    seen["balance"] = sorted(code for code in balance if code in ("BTC", "ETH", "USDC"))[:1]
    raw = await exchange.watch_order_book_for_symbols([LINEAR], None, {"interval": "raw"})
    seen["raw"] = raw["bids"][0][0]
    return seen


def _kept(exchange: Any, order_id: str) -> Any:
    """The status of an order as the client's own list has it, or None."""
    return next((order["status"] for order in exchange.orders if order["id"] == order_id), None)


async def _until_subscribed(exchange: Any, *prefixes: str) -> None:
    """Wait until the client has asked for the channels, and then for an answer that comes after theirs."""
    (client,) = exchange.clients.values()
    await until(lambda: all(any(each.startswith(prefix) for each in client.subscriptions) for prefix in prefixes))
    await exchange.watch_ticker(LINEAR)


async def judge(url: str, key: str, secret: str) -> None:
    options = {"apiKey": key, "secret": secret, "enableRateLimit": False}
    seen: dict[str, Any] = {}
    for name, module, run in (("rest", rest_ccxt, judge_rest), ("streams", pro_ccxt, judge_streams)):
        exchange = pointed(module.deribit(options), url)
        try:
            async with asyncio.timeout(120):
                seen[name] = await run(exchange, url)
        finally:
            await exchange.close()
    print(json.dumps(seen))


asyncio.run(judge(*sys.argv[1:]))
