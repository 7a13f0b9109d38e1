"""Requests for orders on PAPER, made by one user with several accounts."""

import itertools
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from load import Connection, paper_accounts, request_of
from served import Served

RESTING_INSTRUMENT, FILLED_INSTRUMENT = "PAPER:ETH/USDT", "PAPER:BTC/USDT"
"""Two, because orders that rest must not be in the way of those that are filled."""
FAR_SHARE = Decimal("0.8")


@dataclass
class PaperOrders:
    """A user of a running server, and an account for each client."""

    token: str
    accounts: list[str]
    far_price: str
    """A limit price at which a BUY rests."""
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    async def prepare(cls, served: Served, clients: int) -> Self:
        """Sign the user up and connect the accounts."""
        connection = await Connection.open(served.host, served.port)
        token, accounts = await paper_accounts(connection, clients)
        book = await connection.call(f"/market/orderBook/get?instrumentId={RESTING_INSTRUMENT}", token=token)
        connection.close()
        return cls(token, accounts, str((Decimal(book["bids"][0][0]) * FAR_SHARE).quantize(Decimal(1))))

    def resting(self, client: int) -> bytes:
        """Return the request for a LIMIT order that is accepted and not filled."""
        return self._request(
            client,
            instrumentId=RESTING_INSTRUMENT,
            orderSide="BUY",
            orderType="LIMIT",
            limitPrice=self.far_price,
            quantity="0.02",
        )

    def filled(self, client: int) -> bytes:
        """Return the request for a MARKET order that is answered when it is filled. Buys and sells take turns."""
        side = "BUY" if next(self.numbers) % 2 else "SELL"
        return self._request(
            client,
            instrumentId=FILLED_INSTRUMENT,
            orderSide=side,
            orderType="MARKET",
            quantity="0.0005",
            awaitClosed=True,
        )

    def _request(self, client: int, **asked: object) -> bytes:
        names = {"tradingAccountId": self.accounts[client], "idempotencyKey": f"bench-{next(self.numbers)}"}
        return request_of("/tradeOrder/submit", json.dumps(names | asked).encode(), self.token)
