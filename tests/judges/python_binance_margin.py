"""python-binance trades on cross margin against a simulator of BINANCE, unmodified but for its URLs, and prints what it
saw as JSON.

Run by the judge's own Python: `python_binance_margin.py URL KEY SECRET`. It imports nothing of this project.
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
    seen: dict[str, Any] = {"pairs": len(await client.get_margin_all_pairs())}
    sockets = BinanceSocketManager(client)
    async with sockets.margin_socket() as user:
        limit = await client.create_margin_order(**_order(price="50000", timeInForce="GTC"))
        market = await client.create_margin_order(**_order(type="MARKET"))
        canceled = await client.cancel_margin_order(symbol=SYMBOL, orderId=limit["orderId"])
        seen["answers"] = [limit["status"], market["status"], len(market["fills"]), canceled["status"]]
        events: list[Any] = []
        while not events or events[-1] != "CANCELED":
            event = await user.recv()
            if event["e"] == "executionReport":
                events.append(event["X"])
        seen["events"] = events
    short = await client.create_margin_order(
        **_order(type="MARKET", side="SELL", quantity="1.5", sideEffectType="AUTO_BORROW_REPAY")
    )
    seen["borrowed"] = [short["marginBuyBorrowAmount"], short["marginBuyBorrowAsset"]]
    await client.margin_borrow_repay(asset="USDT", amount="10", type="BORROW", isIsolated="FALSE")
    records = await client.margin_get_borrow_repay_records(type="BORROW")
    seen["records"] = [[row["asset"], row["amount"]] for row in records["rows"]]
    account = await client.get_margin_account()
    seen["owed"] = {row["asset"]: row["borrowed"] for row in account["userAssets"]}
    seen["open"] = await client.get_open_margin_orders(symbol=SYMBOL)
    seen["orders"] = [row["status"] for row in await client.get_all_margin_orders(symbol=SYMBOL)]
    seen["trades"] = [row["qty"] for row in await client.get_margin_trades(symbol=SYMBOL)]
    try:
        await client.create_margin_order(**_order(quantity="8", price="60000", timeInForce="GTC"))
    except BinanceAPIException as error:
        seen["refusal"] = [error.code, error.message]
    return seen


def _order(**changes: str) -> dict[str, str]:
    return {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.01", **changes}


async def main(url: str, key: str, secret: str) -> None:
    """`secret` is the secret of an HMAC key, or the path of a private key."""
    AsyncClient.API_URL = f"{url}/api"
    AsyncClient.MARGIN_API_URL = f"{url}/sapi"
    AsyncClient.WS_API_URL = f"{url.replace('http', 'ws', 1)}/ws-api/v3"
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
