"""python-binance trades against a simulator of BINANCE, unmodified but for its URLs, and prints what it saw as JSON.

Run by the judge's own Python: `python_binance.py URL KEY SECRET`. It imports nothing of this project.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException

SYMBOL = "BTCUSDT"


async def judge(client: Any) -> dict[str, Any]:
    info = await client.get_exchange_info()
    seen: dict[str, Any] = {"symbols": len(info["symbols"])}
    sockets = BinanceSocketManager(client)
    async with sockets.user_socket() as user, sockets.trade_socket(SYMBOL) as trades:
        limit = await client.order_limit_buy(symbol=SYMBOL, quantity="0.01", price="50000")
        market = await client.order_market_buy(symbol=SYMBOL, quantity="0.2")
        canceled = await client.cancel_order(symbol=SYMBOL, orderId=limit["orderId"])
        seen["answers"] = [limit["status"], market["status"], len(market["fills"]), canceled["status"]]
        events: list[Any] = []
        while not events or events[-1] != "CANCELED":
            event = await user.recv()
            if event["e"] == "executionReport":
                events.append(event["X"])
        seen["events"] = events
        seen["trade"] = (await trades.recv())["q"]
    seen["open"] = await client.get_open_orders(symbol=SYMBOL)
    seen["my_trades"] = [trade["qty"] for trade in await client.get_my_trades(symbol=SYMBOL)]
    seen["depth"] = len((await client.get_order_book(symbol=SYMBOL, limit=5))["bids"])
    seen["can_trade"] = (await client.get_account())["canTrade"]
    seen["permissions"] = (await client.get_account_api_permissions())["enableReading"]
    by_socket = await client.ws_create_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="50000"
    )
    seen["by_socket"] = by_socket["status"]
    try:
        await client.order_limit_buy(symbol=SYMBOL, quantity="0.01", price="1")
    except BinanceAPIException as error:
        seen["refusal"] = [error.code, error.message]
    return seen


async def main(url: str, key: str, secret: str) -> None:
    """`secret` is the secret of an HMAC key, or the path of a private key."""
    sockets = url.replace("http", "ws", 1)
    AsyncClient.API_URL = f"{url}/api"
    AsyncClient.MARGIN_API_URL = f"{url}/sapi"
    AsyncClient.WS_API_URL = f"{sockets}/ws-api/v3"
    BinanceSocketManager.STREAM_URL = f"{sockets}/"
    is_file = secret.startswith("/")
    client = await AsyncClient.create(key, None if is_file else secret, private_key=Path(secret) if is_file else None)
    try:
        async with asyncio.timeout(60):
            report = await judge(client)
    finally:
        await client.close_connection()
    print(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
