"""python-binance trades USD-M futures against a simulator of BINANCE, unmodified but for its URLs, and prints what it
saw as JSON.

Run by the judge's own Python: `python_binance_usdm.py URL KEY SECRET`. It imports nothing of this project.
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
    info = await client.futures_exchange_info()
    seen: dict[str, Any] = {"symbols": len(info["symbols"])}
    seen["leverage"] = (await client.futures_change_leverage(symbol=SYMBOL, leverage=25))["leverage"]
    sockets = BinanceSocketManager(client)
    marks, best = sockets.symbol_mark_price_socket(SYMBOL), sockets.symbol_ticker_futures_socket(SYMBOL)
    async with sockets.futures_user_socket() as user, marks as marked, best as ticked:
        limit = await client.futures_create_order(**_order(price="59000", timeInForce="GTC"))
        market = await client.futures_create_order(**_order(type="MARKET", newOrderRespType="RESULT"))
        stop = await client.futures_create_order(**_order(type="STOP_MARKET", side="SELL", stopPrice="59500"))
        canceled = await client.futures_cancel_order(symbol=SYMBOL, orderId=limit["orderId"])
        gone = await client.futures_cancel_order(symbol=SYMBOL, algoId=stop["algoId"])
        seen["answers"] = [limit["status"], market["status"], stop["algoStatus"], canceled["status"], gone["msg"]]
        events: list[Any] = []
        while not events or events[-1] != ["ALGO_UPDATE", "CANCELED"]:
            event = await user.recv()
            events.append([event["e"], event["o"]["X"]] if "o" in event else event["e"])
        seen["events"] = events
        await client.futures_create_order(**_order(price="60000", timeInForce="GTC"))
        seen["best"] = (await ticked.recv())["data"]["b"]
        seen["mark"] = (await marked.recv())["data"]["p"]
    await client.futures_cancel_all_open_orders(symbol=SYMBOL)
    seen["open"] = await client.futures_get_open_orders(symbol=SYMBOL)
    seen["trades"] = [trade["qty"] for trade in await client.futures_account_trades(symbol=SYMBOL)]
    seen["depth"] = len((await client.futures_order_book(symbol=SYMBOL, limit=5))["bids"])
    (position,) = (row for row in await client.futures_position_information() if float(row["positionAmt"]))
    seen["position"] = [position["symbol"], position["positionAmt"], position["entryPrice"]]
    seen["assets"] = [row["asset"] for row in await client.futures_account_balance()]
    seen["income"] = [row["incomeType"] for row in await client.futures_income_history()]
    if client.API_SECRET:  # on the socket this client percent-encodes the signatures of other keys
        by_socket = await client.ws_futures_create_order(**_order(price="59000", timeInForce="GTC"))
        seen["by_socket"] = by_socket["status"]
    try:
        await client.futures_create_order(**_order(price="70000", timeInForce="GTC"))
    except BinanceAPIException as error:
        seen["refusal"] = [error.code, error.message]
    return seen


def _order(**changes: str) -> dict[str, str]:
    return {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.1", **changes}


async def main(url: str, key: str, secret: str) -> None:
    """`secret` is the secret of an HMAC key, or the path of a private key."""
    sockets = url.replace("http", "ws", 1)
    AsyncClient.API_URL = f"{url}/api"
    AsyncClient.FUTURES_URL = f"{url}/usdm/fapi"
    AsyncClient.WS_FUTURES_URL = f"{sockets}/usdm/ws-fapi/v1"
    BinanceSocketManager.FSTREAM_URL = f"{sockets}/usdm/"
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
