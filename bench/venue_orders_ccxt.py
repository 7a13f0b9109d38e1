"""ccxt's part of venue_orders.py: reads how many orders to send from each line of its input, and prints what it took.

Run by the judges' own Python: `venue_orders_ccxt.py URL VENUE SYMBOL QUANTITY KEY`, the key as the
simulator keeps it, in JSON. It imports nothing of this project.
"""

import asyncio
import json
import sys
import time

from ccxt_client import client_of


async def main(url: str, venue: str, symbol: str, quantity: str, key: str) -> None:
    given = json.loads(key)
    exchange = client_of(venue, url, apiKey=given["key"], secret=given["secret"], password=given.get("passphrase"))
    if venue == "BITFINEX":
        exchange.nonce = exchange.microseconds  # its nonces grow, and two orders may be sent within a millisecond
    await exchange.load_markets()
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            latencies_ms = []
            before = time.process_time()
            for number in range(int(line)):
                started = time.perf_counter()
                await exchange.create_order(symbol, "market", "sell" if number % 2 else "buy", float(quantity))
                latencies_ms.append((time.perf_counter() - started) * 1e3)
            print(json.dumps({"cpu_s": time.process_time() - before, "latencies_ms": latencies_ms}), flush=True)
    finally:
        await exchange.close()


asyncio.run(main(*sys.argv[1:]))
