"""A scripted user of the REST interface. Every reply is checked against the contract on the way."""

import itertools
from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from tests.contract.checker import Answer, CheckedClient

PASSWORD = "correct horse battery"
BTC_USDT = "PAPER:BTC/USDT"
_numbers = itertools.count(1)


class Trader:
    """`async with Trader(url) as trader:` signs up and logs in. `spot` and `margin` are ids of connected accounts."""

    def __init__(self, url: str, *, email: str | None = None, venue: str = "PAPER") -> None:
        self.number = next(_numbers)
        self.email = email or f"trader-{self.number}@example.com"
        self.venue = venue
        self.api = CheckedClient(url)
        self.spot = ""
        self.margin = ""
        self.credential = ""

    async def __aenter__(self) -> Self:
        await self.api.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.api.__aexit__(kind, error, trace)

    # --- getting ready

    async def enter(self) -> Self:
        """Sign up and log in."""
        await ok(self.api.post("/api/v3/auth/signup", {"email": self.email, "password": PASSWORD}))
        return await self.log_in()

    async def log_in(self) -> Self:
        answer = await ok(self.api.post("/api/v3/auth/login", {"email": self.email, "password": PASSWORD}))
        self.api.token = answer.data["accessToken"]
        return self

    async def connect(self, key: str | None = None) -> Self:
        """Create and verify a credential, and connect both of its accounts."""
        asked = {
            "venue": self.venue,
            "nickname": "desk",
            "credentialType": "HMAC",
            "apiKey": key or f"key-{self.email}",
            "apiSecret": "secret",
        }
        self.credential = (await ok(self.api.post("/api/v3/credential/create", asked))).data["credentialId"]
        verified = await ok(self.api.post("/api/v3/credential/verify", {"credentialIds": [self.credential]}))
        accounts = {found["accountType"]: await self._connect_one(found) for found in verified.data}
        self.spot, self.margin = accounts["SPOT"], accounts["MARGIN"]
        return self

    async def _connect_one(self, found: dict[str, Any]) -> str:
        asked = {
            "credentialIds": [self.credential],
            "externalTradingAccountId": found["externalTradingAccountId"],
            "nickname": found["accountType"],
        }
        connected = await ok(self.api.post("/api/v3/tradingAccount/connect", asked))
        assert connected.data["status"] == "ACTIVE"
        return str(connected.data["tradingAccountId"])

    # --- trading

    async def try_submit(self, **asked: Any) -> Answer:
        """Submit on the spot account unless told otherwise, BTC/USDT BUY MARKET by default."""
        body = {
            "tradingAccountId": self.spot,
            "instrumentId": f"{self.venue}:BTC/USDT",
            "orderSide": "BUY",
            "orderType": "MARKET",
            "quantity": "0.01",
        }
        return await self.api.post("/api/v3/tradeOrder/submit", body | asked)

    async def submit(self, **asked: Any) -> dict[str, Any]:
        orders = (await ok(self.try_submit(**asked))).data
        assert len(orders) == 1
        return dict(orders[0])

    async def try_cancel(self, order: dict[str, Any]) -> Answer:
        asked = {"tradingAccountId": order["tradingAccountId"], "tradeOrderId": order["tradeOrderId"]}
        return await self.api.post("/api/v3/tradeOrder/cancel", asked)

    async def cancel(self, order: dict[str, Any]) -> dict[str, Any]:
        return dict((await ok(self.try_cancel(order))).data)

    async def order(self, order_id: str) -> dict[str, Any]:
        found = (await ok(self.api.get("/api/v3/tradeOrder/list", tradeOrderId=order_id))).data
        assert len(found) == 1
        return dict(found[0])

    async def orders(self, **filters: Any) -> list[dict[str, Any]]:
        """Every order that fits, page by page, as a page's `total` says: what is new since is on no later page."""
        found: list[dict[str, Any]] = []
        total = cursor = None
        while True:
            page = (await ok(self.api.get("/api/v3/tradeOrder/list", limit=100, cursor=cursor, **filters))).body
            found += page["data"]
            total = page["pagination"]["total"] if total is None else total
            cursor = page["pagination"].get("cursor")
            if not page["pagination"]["hasNext"]:
                assert len(found) == total
                return found

    # --- looking

    async def book(self, instrument_id: str = BTC_USDT) -> dict[str, Any]:
        return dict((await ok(self.api.get("/api/v3/market/orderBook/get", instrumentId=instrument_id))).data)

    async def prices(self, instrument_id: str = BTC_USDT) -> tuple[Decimal, Decimal]:
        """Best bid and best ask."""
        book = await self.book(instrument_id)
        return Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])

    async def portfolio(self, account_id: str) -> dict[str, Any]:
        found = (await ok(self.api.get("/api/v3/tradingAccount/portfolio/list", tradingAccountId=account_id))).data
        assert len(found) == 1
        return dict(found[0])

    async def balances(self, account_id: str) -> dict[str, tuple[Decimal, Decimal]]:
        """(free, locked) by asset."""
        portfolio = await self.portfolio(account_id)
        return {b["securitySymbol"]: (Decimal(b["free"]), Decimal(b["locked"])) for b in portfolio["balances"]}


async def ok(answering: Any) -> Answer:
    """The answer, which must be a success."""
    answer: Answer = await answering
    assert answer.status == 200, answer.body
    return answer


def refused(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The details of an answer that must be this refusal."""
    assert (answer.status, answer.code) == (status, code), answer.body
    return dict(answer.body["details"])


def total_of(executions: Sequence[dict[str, Any]], field: str) -> Decimal:
    return sum((Decimal(execution[field]) for execution in executions), Decimal(0))
