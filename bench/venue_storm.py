"""A storm of orders to a venue's simulator: how much of the venue's limit is used, and whether it bans us.

    python bench/venue_storm.py [--venue BINANCE] [--orders 600] [--clients 64]

A server of its own and a simulator run on this machine. The clients submit LIMIT orders far from the market and cancel
each of them, as fast as they are answered, until so many orders were accepted. The venue takes so many orders at once,
and so many a second after that; at DERIBIT a cancel counts like an order. The peer is an ideal token bucket of the same
limit, which starts full and sends the moment it may. `share` is its time divided by ours.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

import aiohttp
import uvloop
from load import Connection, request_of
from served import Served
from simulated import VENUES, OutsideVenue, SimulatedVenue, settings_for, user_at


class Storm:
    """The clients of one run, and what the venue answered them."""

    def __init__(self, served: Served, row: OutsideVenue, token: str, account: str, wanted: int) -> None:
        self._served, self._row, self._token, self._account = served, row, token, account
        self._wanted = wanted
        self._numbers = count()
        self.accepted = 0
        self.withdrawn = 0
        self.last_s = 0.0

    async def run(self, clients: int) -> float:
        """Return the seconds from the first request to the last order that was accepted."""
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                tasks.create_task(self._client())
        return self.last_s - started

    async def _client(self) -> None:
        connection = await Connection.open(self._served.host, self._served.port)
        while self.accepted < self._wanted:
            order = await self._call(connection, "/tradeOrder/submit", self._order())
            if order["status"] == "ACCEPTED":
                self.accepted += 1
                if self.accepted <= self._wanted:
                    self.last_s = time.perf_counter()
            else:  # it waits for its pace still; its cancel takes it out of the queue
                self.withdrawn += 1
            named = {"tradingAccountId": self._account, "tradeOrderId": order["tradeOrderId"]}
            await self._call(connection, "/tradeOrder/cancel", named)
        connection.close()

    async def _call(self, connection: Connection, path: str, body: dict[str, str]) -> dict[str, str]:
        answer = json.loads(await connection.ask(request_of(path, json.dumps(body).encode(), self._token)))
        if not answer["success"]:
            raise SystemExit(json.dumps(answer))
        found = answer["data"]
        return found[0] if isinstance(found, list) else found

    def _order(self) -> dict[str, str]:
        return {
            "tradingAccountId": self._account, "instrumentId": self._row.instrument, "orderType": "LIMIT",
            "orderSide": "BUY", "quantity": self._row.quantity, "limitPrice": self._row.resting_price,
            "idempotencyKey": f"storm-{next(self._numbers)}",
        }  # fmt: skip


async def main(row: OutsideVenue, orders: int, clients: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        venue = await SimulatedVenue.start(row, Path(scratch, "simulator"))
        served = await Served.start(Path(scratch, "data"), settings_for([venue]))
        try:
            storm = Storm(served, row, *await user_at(served, venue), orders)
            taken_s = await storm.run(clients)
            outcomes = await asked_of(venue)
        finally:
            await served.stop()
            await venue.stop()
    ideal_s = max(0, orders * row.requests_an_order - row.limit) / row.requests_per_s
    print(f"{row.name}: {clients} clients, {orders} orders accepted and canceled")
    print(f"limit {row.limit} at once, then {row.requests_per_s:g} a second")
    print(f"ours {taken_s:.2f} s, ideal token bucket {ideal_s:.2f} s: share {ideal_s / taken_s:.3f}")
    print(f"withdrawn while they waited {storm.withdrawn}")
    print(f"refused for the pace {outcomes['refused']} of {outcomes['all']} requests")


async def asked_of(venue: SimulatedVenue) -> Counter[str]:
    async with aiohttp.ClientSession() as http, http.get(f"{venue.url}/simulator/requests") as reply:
        rows = await reply.json()
    refused = [row for row in rows if row["outcome"] != "OK"]
    return Counter({"all": len(rows), "refused": len(refused)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venue", choices=sorted(VENUES), default="BINANCE")
    parser.add_argument("--orders", type=int, default=600, help="to be accepted; more than the limit, for a share")
    parser.add_argument("--clients", type=int, default=64)
    asked = parser.parse_args()
    uvloop.run(main(VENUES[asked.venue], asked.orders, asked.clients))
