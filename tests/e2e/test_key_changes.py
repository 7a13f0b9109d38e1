"""A key that is changed under a trading account does not keep the account from trading."""

import asyncio
from collections import Counter

import pytest

from tests.e2e.trader import Trader, ok
from tests.serving import Serving

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_orders_go_through_at_once_after_a_rotation(trader: Trader) -> None:
    resting = await trader.submit(orderType="LIMIT", limitPrice="20000")
    renewed = {"credentialId": trader.credential, "apiKey": f"key-{trader.email}", "apiSecret": "another secret"}
    await ok(trader.api.post("/api/v3/credential/rotate", renewed))
    assert (await trader.submit(awaitClosed=True))["status"] == "FILLED"
    assert (await trader.cancel(resting))["status"] == "CANCELLED"


async def test_orders_go_through_while_keys_are_changed(trader: Trader) -> None:
    """The session is opened anew under their hands: they wait for it."""
    became: Counter[str] = Counter()
    is_over = asyncio.Event()

    async def trade() -> None:
        while not is_over.is_set():
            became[(await trader.submit(awaitClosed=True))["status"]] += 1

    trading = [asyncio.create_task(trade()) for _ in range(4)]
    for n in range(5):
        renewed = {"credentialId": trader.credential, "apiKey": f"key-{trader.email}", "apiSecret": f"secret {n}"}
        await ok(trader.api.post("/api/v3/credential/rotate", renewed))
    is_over.set()
    await asyncio.gather(*trading)
    assert set(became) == {"FILLED"}


async def test_orders_go_through_at_once_when_one_of_two_keys_is_revoked(server: Serving) -> None:
    async with Trader(server.url) as trader:
        await trader.enter()
        key = {"venue": "PAPER", "nickname": "desk", "credentialType": "HMAC", "apiKey": "k", "apiSecret": "s"}
        ids = [(await ok(trader.api.post("/api/v3/credential/create", key))).data["credentialId"] for _ in range(2)]
        reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": ids}))).data
        spot = next(account for account in reached if account["accountType"] == "SPOT")
        asked = {"credentialIds": ids, "externalTradingAccountId": spot["externalTradingAccountId"]}
        trader.spot = (await ok(trader.api.post("/api/v3/tradingAccount/connect", asked))).data["tradingAccountId"]

        await ok(trader.api.post("/api/v3/credential/revoke", {"credentialId": ids[0]}))
        assert (await trader.submit(awaitClosed=True))["status"] == "FILLED"
        await ok(trader.api.post("/api/v3/credential/revoke", {"credentialId": ids[1]}))
        refused = await trader.try_submit()
        assert (refused.status, refused.code) == (400, "ACCOUNT_NOT_ACTIVE")


async def test_an_account_that_is_connected_while_its_key_is_rotated_trades_or_is_locked(server: Serving) -> None:
    """The new key reaches other accounts: one of both is refused, or the account is not to trade."""
    async with Trader(server.url) as trader:
        await trader.enter()
        for n in range(12):
            key = {"venue": "PAPER", "nickname": "desk", "credentialType": "HMAC", "apiKey": f"k{n}", "apiSecret": "s"}
            id = (await ok(trader.api.post("/api/v3/credential/create", key))).data["credentialId"]
            reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [id]}))).data
            spot = next(account for account in reached if account["accountType"] == "SPOT")
            asked = {"credentialIds": [id], "externalTradingAccountId": spot["externalTradingAccountId"]}
            other = {"credentialId": id, "apiKey": f"other-{n}", "apiSecret": "s"}
            connected, rotated = await asyncio.gather(
                trader.api.post("/api/v3/tradingAccount/connect", asked),
                trader.api.post("/api/v3/credential/rotate", other),
            )
            if connected.status != 200:
                assert (rotated.status, connected.code) == (200, "EXTERNAL_ACCOUNT_NOT_REACHABLE")
                continue
            trader.spot = connected.data["tradingAccountId"]
            if connected.data["status"] == "ACTIVE":
                assert rotated.code == "EXTERNAL_ACCOUNT_NOT_REACHABLE"
                assert (await trader.submit(awaitClosed=True))["status"] == "FILLED"
            else:
                assert (rotated.status, connected.data["status"]) == (200, "LOCKED")
                refusal = (await trader.try_submit()).code  # the venue may have refused the old key first
                assert refusal in ("ACCOUNT_NOT_ACTIVE", "CREDENTIAL_REJECTED")
