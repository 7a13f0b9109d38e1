"""One user's whole life, through every operation of the interface, on a server as its user runs it."""

from decimal import Decimal as D

import pytest

from tests.contract.checker import OPERATIONS, CheckedClient, operation_id_of
from tests.e2e.trader import BTC_USDT, PASSWORD, Trader, ok, refused
from tests.serving import Serving

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Counting(CheckedClient):
    """Notes which operations succeeded."""

    succeeded: set[str]

    async def request(self, method: str, path: str, **more: object) -> object:  # type: ignore[override]
        answer = await super().request(method, path, **more)  # type: ignore[arg-type]
        if answer.status == 200:
            self.succeeded.add(operation_id_of(method, path) or "")
        return answer


async def test_every_operation_of_the_interface(server: Serving) -> None:
    async with Trader(server.url) as user:
        await user.api.__aexit__(None, None, None)
        user.api = counting = Counting(server.url)
        counting.succeeded = set()
        await counting.__aenter__()
        await user.enter()
        await _looks_around(user)
        await user.connect()
        await _trades(user)
        await _subscribes(user)
        await _manages_accounts(user)
        await _manages_credentials(user)
        await _keeps_the_catalogue(user)
        await _manages_the_session(user)
        assert counting.succeeded == set(OPERATIONS) - {"websocketConnect"}


async def _looks_around(user: Trader) -> None:
    api = user.api
    assert (await ok(api.get("/api/v3"))).data["name"] == "Cadenza"
    assert (await api.get("/api/v3/health")).body["status"] == "healthy"
    venues = {v["venue"]: v["status"] for v in (await ok(api.get("/api/v3/market/venue/list"))).data}
    assert venues == {"PAPER": "ONLINE", "MOCK": "ONLINE"}
    assert (await ok(api.post("/api/v3/market/security/sync", {"venue": "PAPER"}))).data == "ok"
    synced = await ok(api.post("/api/v3/market/instrument/sync", {"venue": "PAPER", "symbols": ["BTC/USDT"]}))
    assert synced.data == {"total": 1}
    instruments = (await ok(api.get("/api/v3/market/instrument/list", venue="PAPER"))).data
    assert {"PAPER:BTC/USDT", "PAPER:ETH/USDT", "PAPER:BTC/USD", "PAPER:EUR/USD"} <= {
        found["instrumentId"] for found in instruments
    }
    assert any("PERP" in found["instrumentType"] for found in instruments)
    securities = (await ok(api.get("/api/v3/market/security/list", venue="PAPER"))).data
    assert {found["symbol"] if "symbol" in found else found["securitySymbol"] for found in securities} >= {
        "BTC",
        "ETH",
        "USDT",
        "USD",
        "EUR",
    }
    book = await user.book()
    assert D(book["bids"][0][0]) < D(book["asks"][0][0])
    listed = await ok(api.get("/api/v3/market/orderBook/list", instrumentIds=["PAPER:EUR/USD", BTC_USDT]))
    assert [found["instrumentId"] for found in listed.data] == ["PAPER:EUR/USD", BTC_USDT]


async def _trades(user: Trader) -> None:
    bought = await user.submit(quantity="0.01", awaitClosed=True)
    assert (bought["status"], bought["timeInForce"], bought["executedQuantity"]) == ("FILLED", "IOC", "0.01")
    bid, _ = await user.prices()
    resting = await user.submit(orderType="LIMIT", limitPrice=str(bid // 2), quantity="0.02")
    assert resting["status"] == "ACCEPTED"
    assert (await user.cancel(resting))["status"] == "CANCELLED"
    assert [order["tradeOrderId"] for order in await user.orders()] == [
        resting["tradeOrderId"],
        bought["tradeOrderId"],
    ]
    held = await user.balances(user.spot)
    fee = D(bought["fees"][0]["quantity"])
    assert held["BTC"] == (D("10.01"), D(0))
    assert held["USDT"] == (D(1_000_000) - D(bought["executedCost"]) - fee, D(0))


async def _subscribes(user: Trader) -> None:
    api, account = user.api, {"tradingAccountId": user.spot}
    made = await ok(api.post("/api/v3/tradingAccount/subscription/subscribe", account))
    again = await ok(api.post("/api/v3/tradingAccount/subscription/subscribe", account))
    assert made.data["subscriptionId"] == again.data["subscriptionId"]
    listed = await ok(api.get("/api/v3/tradingAccount/subscription/list"))
    assert "pagination" not in listed.body
    assert [found["subscriptionId"] for found in listed.data] == [made.data["subscriptionId"]]
    ended = await ok(api.post("/api/v3/tradingAccount/subscription/unsubscribe", account))
    assert ended.data["status"] == "TERMINATED"
    instrument = {"instrumentId": BTC_USDT}
    await ok(api.post("/api/v3/market/subscription/orderBook/subscribe", instrument))
    assert len((await ok(api.get("/api/v3/market/subscription/orderBook/list"))).data) == 1
    await ok(api.post("/api/v3/market/subscription/orderBook/unsubscribe", instrument))
    assert (await ok(api.get("/api/v3/market/subscription/orderBook/list"))).data == []


async def _manages_accounts(user: Trader) -> None:
    api, account = user.api, {"tradingAccountId": user.spot}
    named = await ok(api.post("/api/v3/tradingAccount/update", account | {"nickname": "renamed"}))
    assert named.data["nickname"] == "renamed"
    assert (await ok(api.post("/api/v3/tradingAccount/disable", account))).data["status"] == "INACTIVE"
    refused(await user.try_submit(), 400, "ACCOUNT_NOT_ACTIVE")
    assert (await ok(api.post("/api/v3/tradingAccount/enable", account))).data["status"] == "ACTIVE"
    assert len((await ok(api.get("/api/v3/tradingAccount/list"))).data) == 2
    operations = await ok(api.get("/api/v3/tradingAccount/operation/list", tradingAccountId=user.spot))
    assert [(o["operationType"], o["status"]) for o in operations.data] == [
        (kind, "SUCCESS") for kind in ("ENABLE", "DISABLE", "UPDATE", "CONNECT")
    ]
    margin = {"tradingAccountId": user.margin}
    await ok(api.post("/api/v3/tradingAccount/subscription/subscribe", margin))
    gone = await ok(api.post("/api/v3/tradingAccount/disconnect", margin))
    assert (await ok(api.get("/api/v3/tradingAccount/subscription/list", **margin))).data == []
    assert gone.data["status"] == "DISCONNECTED"


async def _manages_credentials(user: Trader) -> None:
    api = user.api
    rotated = {"credentialId": user.credential, "apiKey": f"key-{user.email}", "apiSecret": "another"}
    assert (await ok(api.post("/api/v3/credential/rotate", rotated))).data["status"] == "CREATED"
    assert [c["credentialId"] for c in (await ok(api.get("/api/v3/credential/list"))).data] == [user.credential]
    revoked = await ok(api.post("/api/v3/credential/revoke", {"credentialId": user.credential}))
    assert revoked.data["status"] == "REVOKED"
    accounts = {a["tradingAccountId"]: a["status"] for a in (await ok(api.get("/api/v3/tradingAccount/list"))).data}
    assert accounts[user.spot] == "LOCKED"
    refused(await user.try_submit(), 400, "ACCOUNT_NOT_ACTIVE")


async def _keeps_the_catalogue(user: Trader) -> None:
    api, instrument = user.api, {"instrumentId": "PAPER:EUR/USD"}
    disabled = await ok(api.post("/api/v3/market/instrument/disable", instrument))
    assert disabled.data["status"] == "DISABLED"
    assert (await ok(api.post("/api/v3/market/instrument/enable", instrument))).data["status"] == "ACTIVE"
    deleted = await ok(api.delete("/api/v3/market/instrument/delete", instrument))
    assert deleted.data == "ok"
    listed = (await ok(api.get("/api/v3/market/instrument/list", venue="PAPER"))).data
    assert "PAPER:EUR/USD" not in {found["instrumentId"] for found in listed}
    await ok(api.delete("/api/v3/market/security/delete", {"securityId": "PAPER:EUR"}))


async def _manages_the_session(user: Trader) -> None:
    api = user.api
    changed = await ok(api.put("/api/v3/auth/user", {"metadata": {"desk": "night"}}))
    assert changed.data["userMetadata"] == {"desk": "night"}
    assert (await ok(api.get("/api/v3/auth/user"))).data["email"] == user.email
    assert (await ok(api.post("/api/v3/auth/recover", {"email": user.email}))).data == "ok"
    session = (await ok(api.post("/api/v3/auth/login", {"email": user.email, "password": PASSWORD}))).data
    first = {"refreshToken": session["refreshToken"]}
    renewed = (await ok(api.post("/api/v3/auth/token/refresh", first))).data
    assert renewed["refreshToken"] != session["refreshToken"]
    api.token = renewed["accessToken"]
    assert (await ok(api.post("/api/v3/auth/logout"))).data == "ok"
    refused(await api.get("/api/v3"), 401, "INVALID_TOKEN")
