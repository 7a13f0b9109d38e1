"""The peer of books.py: ccxt pro keeps the books that a server streams. Run by ccxt's own Python; it imports nothing of
this project.

    books_ccxt.py VENUES URL SYMBOLS LAST_NUMBER
"""

import asyncio
import json
import sys
import time
from typing import Any

import ccxt.pro
from ccxt_client import pointed

SEPARATORS = {"BINANCE": "", "OKX": "-", "DERIBIT": "_"}


def pss_kib() -> int:
    with open("/proc/self/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))


class Follower:
    """One venue's books."""

    def __init__(self, venue: str, url: str, symbols: int) -> None:
        self.exchange = getattr(ccxt.pro, venue.lower())({"enableRateLimit": False})
        self.exchange.urls["api"] = pointed(self.exchange.urls["api"], url)
        self.names = [f"A{number}/USDT" for number in range(symbols)]
        self.exchange.set_markets([market(self.exchange, name, SEPARATORS[venue]) for name in self.names])

    async def open(self) -> None:
        exchange, names = self.exchange, self.names
        watching = asyncio.ensure_future(exchange.watch_order_book_for_symbols(names))
        while not all(exchange.orderbooks.get(name) and exchange.orderbooks[name]["nonce"] for name in names):
            await asyncio.wait({watching}, timeout=0.01)
            if watching.done():
                watching.result()
                watching = asyncio.ensure_future(exchange.watch_order_book_for_symbols(names))
        watching.cancel()

    async def follow(self, last_number: int) -> None:
        while any(self.exchange.orderbooks[name]["nonce"] < last_number for name in self.names):
            book = await self.exchange.watch_order_book_for_symbols(self.names)
            assert book["bids"][0] < book["asks"][0]


def market(exchange: Any, name: str, separator: str) -> Any:
    return exchange.safe_market_structure(
        {
            "id": name.replace("/", separator),
            "lowercaseId": name.replace("/", separator).lower(),
            "symbol": name,
            "base": name.split("/")[0],
            "quote": "USDT",
            "spot": True,
            "type": "spot",
            "active": True,
            "precision": {"price": 0.01, "amount": 0.00001},
            "limits": {},
            "info": {},
        }
    )


async def main(venues: list[str], url: str, symbols: int, last_number: int) -> None:
    followers = [Follower(venue, url, symbols) for venue in venues]
    for each in followers:
        await each.open()
    started_s = time.process_time()
    print("ready", flush=True)
    await asyncio.gather(*(each.follow(last_number) for each in followers))
    cpu_s = time.process_time() - started_s
    best = followers[0].exchange.orderbooks[followers[0].names[0]]["bids"][0]
    print(json.dumps({"cpu_s": cpu_s, "pss_kib": pss_kib(), "best": str(best[0])}))
    for each in followers:
        await each.exchange.close()


asyncio.run(main(sys.argv[1].split(","), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
