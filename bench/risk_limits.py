"""What limits add to an order: orders of an account with every limit against orders of one with none.

    python bench/risk_limits.py [--orders 400] [--rounds 6]

A server of its own runs on this machine. Each round sends MARKET orders, one after another, on an account without
limits, and then as many on one with all of them, set so that none refuses. Both are of one user, at PAPER. CPU is that
of the server's process, without PostgreSQL's, in medians of the rounds.
"""

import argparse
import json
import tempfile
from itertools import count
from pathlib import Path
from statistics import median

import uvloop
from load import Connection, request_of
from served import TICK_S, Served

LIMITS = {
    "currency": "USDT", "orderValueMax": "1000000000", "priceCollar": "0.5", "openOrdersMax": 1000,
    "grossPositionMax": "100000000000", "netPositionMax": "100000000000", "dailyLossMax": "1000000000",
    "orderQuantityMax": [{"instrumentId": "PAPER:BTC/USDT", "quantity": "1000"}],
}  # fmt: skip


class User:
    """A user with accounts at PAPER."""

    def __init__(self, served: Served, connection: Connection, token: str) -> None:
        self._served, self._connection, self._token = served, connection, token
        self._numbers = count()

    @classmethod
    async def enter(cls, served: Served) -> "User":
        connection = await Connection.open(served.host, served.port)
        who = {"email": "bench@example.com", "password": "correct horse battery"}
        await connection.call("/auth/signup", who)
        token = (await connection.call("/auth/login", who))["accessToken"]
        return cls(served, connection, token)

    async def connect(self, name: str) -> str:
        """Return a new SPOT account."""
        key = {"venue": "PAPER", "credentialType": "HMAC", "apiKey": name, "apiSecret": "secret"}
        credential = (await self.call("/credential/create", key))["credentialId"]
        reached = await self.call("/credential/verify", {"credentialIds": [credential]})
        spot = next(each["externalTradingAccountId"] for each in reached if each["accountType"] == "SPOT")
        named = {"credentialIds": [credential], "externalTradingAccountId": spot}
        return str((await self.call("/tradingAccount/connect", named))["tradingAccountId"])

    async def call(self, path: str, body: object) -> object:
        return await self._connection.call(path, body, self._token)

    async def burst(self, account: str, orders: int) -> float:
        """Return the CPU of an order, in microseconds."""
        before = self._served.cpu()
        for _ in range(orders):
            number = next(self._numbers)
            order = {
                "tradingAccountId": account, "instrumentId": "PAPER:BTC/USDT", "orderType": "MARKET",
                "orderSide": "SELL" if number % 2 else "BUY", "quantity": "0.001", "idempotencyKey": f"bench-{number}",
            }  # fmt: skip
            answer = await self._connection.ask(
                request_of("/tradeOrder/submit", json.dumps(order).encode(), self._token)
            )
            if b'"success":true' not in answer:
                raise SystemExit(answer.decode())
        return (self._served.cpu() - before).python_s / orders * 1e6


async def main(orders: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        served = await Served.start(Path(scratch, "data"))
        try:
            user = await User.enter(served)
            without, limited = await user.connect("without"), await user.connect("limited")
            await user.call("/riskLimit/set", {"tradingAccountId": limited, **LIMITS})
            figures: dict[str, list[float]] = {without: [], limited: []}
            for account in (without, limited):
                await user.burst(account, orders)  # not counted
            for _ in range(rounds):
                for account, taken in figures.items():
                    taken.append(await user.burst(account, orders))
        finally:
            await served.stop()
    base, more = median(figures[without]), median(figures[limited])
    ratio = more / max(base, TICK_S / orders * 1e6)
    print(f"{orders} orders a round: without limits {base:.0f} us, with all {more:.0f} us, ratio {ratio:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=6)
    asked = parser.parse_args()
    uvloop.run(main(asked.orders, asked.rounds))
