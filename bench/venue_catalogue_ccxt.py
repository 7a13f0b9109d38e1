"""ccxt's part of venue_catalogue.py: prints how many markets it has loaded, and how long that took.

Run by the judges' own Python: `venue_catalogue_ccxt.py URL VENUE ROUNDS`. It imports nothing of this project.
"""

import asyncio
import json
import sys
import time

from ccxt_client import client_of


async def main(url: str, venue: str, rounds: str) -> None:
    exchange = client_of(venue, url)
    taken_s = []
    try:
        for _ in range(int(rounds)):
            started = time.perf_counter()
            await exchange.load_markets(reload=True)
            taken_s.append(time.perf_counter() - started)
    finally:
        await exchange.close()
    print(json.dumps({"markets": len(exchange.markets), "taken_s": taken_s}))


asyncio.run(main(*sys.argv[1:]))
