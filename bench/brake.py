"""A mass cancel against single cancels of as many orders, over the same connection.

    python bench/brake.py [--venue PAPER] [--orders 1000] [--rounds 2]

A server of its own runs on this machine, and for BINANCE its simulator. Each round places resting LIMIT orders and
cancels them one after another, then places as many and cancels them by one mass cancel. The time of a mass cancel ends
when every order is closed. BINANCE takes 100 new orders in 10 s and 200 resting ones a symbol, so placing them takes a
while there. `ratio` is the time of the single cancels divided by that of the mass cancel.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import uvloop
from load import Connection
from served import NO_SETTINGS, Served
from simulated import VENUES, SimulatedVenue, connected, settings_for, signed_up, user_at

SYMBOLS = {
    "PAPER": (("BTC/USDT", "0.001", "30000"), ("ETH/USDT", "0.01", "1500")),
    "BINANCE": (
        ("BTC/USDT", "0.001", "30000"), ("ETH/USDT", "0.01", "1500"), ("BNB/USDT", "0.1", "300"),
        ("ETH/BTC", "0.02", "0.025"), ("币安人生/USDT", "200", "0.05"),
    ),
}  # fmt: skip
PLACED_AT_ONCE_MAX = 32


class Desk:
    """One account and its resting orders."""

    def __init__(self, served: Served, venue: str, token: str, account: str) -> None:
        self._served, self._venue, self._token, self._account = served, venue, token, account

    async def place(self, orders: int) -> list[str]:
        """Place so many orders; return their ids once they rest."""
        room = asyncio.Semaphore(PLACED_AT_ONCE_MAX)
        return await asyncio.gather(*(self._place(number, room) for number in range(orders)))

    async def _place(self, number: int, room: asyncio.Semaphore) -> str:
        symbol, quantity, price = SYMBOLS[self._venue][number % len(SYMBOLS[self._venue])]
        order = {
            "tradingAccountId": self._account, "instrumentId": f"{self._venue}:{symbol}", "orderType": "LIMIT",
            "orderSide": "BUY", "quantity": quantity, "limitPrice": price,
        }  # fmt: skip
        async with room:
            connection = await Connection.open(self._served.host, self._served.port)
            (placed,) = await connection.call("/tradeOrder/submit", order, self._token)
            connection.close()
        return str(placed["tradeOrderId"])

    async def cancel_singly(self, ids: list[str]) -> float:
        """Return the seconds that canceling them one after another takes."""
        connection = await Connection.open(self._served.host, self._served.port)
        started = time.perf_counter()
        for id in ids:
            named = {"tradingAccountId": self._account, "tradeOrderId": id}
            answer = await connection.call("/tradeOrder/cancel", named, self._token)
            if answer["status"] != "CANCELLED":
                raise SystemExit(f"not canceled at once: {json.dumps(answer)}")
        taken_s = time.perf_counter() - started
        connection.close()
        return taken_s

    async def cancel_together(self, orders: int) -> float:
        """Return the seconds until one mass cancel has closed all of them."""
        connection = await Connection.open(self._served.host, self._served.port)
        started = time.perf_counter()
        found = await connection.call("/tradeOrder/massCancel", {"tradingAccountId": self._account}, self._token)
        while found["open"]:
            await asyncio.sleep(0.02)
            path = f"/tradeOrder/massCancel/get?massCancelId={found['massCancelId']}&limit=1"
            found = await connection.call(path, None, self._token)
        taken_s = time.perf_counter() - started
        connection.close()
        if found["total"] != orders:
            raise SystemExit(f"{found['total']} orders were canceled, and {orders} were placed")
        return taken_s


async def on_paper(served: Served) -> Desk:
    connection = await Connection.open(served.host, served.port)
    token = await signed_up(connection)
    key = {"venue": "PAPER", "credentialType": "HMAC", "apiKey": "key", "apiSecret": "secret"}
    account = await connected(connection, token, key, "SPOT")
    connection.close()
    return Desk(served, "PAPER", token, account)


async def compare(desk: Desk, orders: int, rounds: int) -> None:
    singly, together = [], []
    for _ in range(rounds):
        singly.append(await desk.cancel_singly(await desk.place(orders)))
        await desk.place(orders)
        together.append(await desk.cancel_together(orders))
    one, all_ = median(singly), median(together)
    print(f"{orders} orders: singly {one:.2f} s, by one mass cancel {all_:.2f} s, ratio {one / all_:.1f}")


async def main(venue: str, orders: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        row = VENUES.get(venue)
        simulator = None if row is None else await SimulatedVenue.start(row, Path(scratch, "simulator"))
        settings = NO_SETTINGS if simulator is None else settings_for([simulator])
        served = await Served.start(Path(scratch, "data"), settings)
        try:
            if simulator is None:
                desk = await on_paper(served)
            else:
                desk = Desk(served, venue, *await user_at(served, simulator))
            await compare(desk, orders, rounds)
        finally:
            await served.stop()
            if simulator is not None:
                await simulator.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venue", choices=sorted(SYMBOLS), default="PAPER")
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    uvloop.run(main(asked.venue, asked.orders, asked.rounds))
