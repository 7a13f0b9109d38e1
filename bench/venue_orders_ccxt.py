"""ccxt's part of venue_orders.py: reads how many orders to send from each line of its input, and prints what it took.

Run by the judges' own Python: `venue_orders_ccxt.py URL KEY SECRET`. It imports nothing of this project.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

import ccxt.async_support as ccxt

SYMBOL = "BTC/USDT"


def pointed(value: Any, url: str) -> Any:
    """Replace the host in every URL of the client."""
    if isinstance(value, dict):
        return {name: pointed(inner, url) for name, inner in value.items()}
    return re.sub(r"^https?://[^/]+", url, value) if isinstance(value, str) else value


async def main(url: str, key: str, secret: str) -> None:
    exchange = ccxt.binance(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
        }
    )
    exchange.urls["api"] = pointed(exchange.urls["api"], url)
    await exchange.load_markets()
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            latencies_ms = []
            before = time.process_time()
            for number in range(int(line)):
                started = time.perf_counter()
                await exchange.create_order(SYMBOL, "market", "sell" if number % 2 else "buy", 0.001)
                latencies_ms.append((time.perf_counter() - started) * 1e3)
            print(json.dumps({"cpu_s": time.process_time() - before, "latencies_ms": latencies_ms}), flush=True)
    finally:
        await exchange.close()


asyncio.run(main(*sys.argv[1:]))
