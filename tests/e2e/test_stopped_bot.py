"""A bot with a key for one account is stopped in the middle of its storm, stays stopped over a kill -9, and the owner
reads who did what."""

import asyncio
from pathlib import Path
from typing import Any

from tests.contract.checker import Answer, CheckedClient
from tests.e2e.trader import BTC_USDT, Trader, ok, refused
from tests.serving import Serving, eventually

FAR_BELOW = "20000"
CLIENTS = 8
SETTINGS = {"LIMITS_SIGNUP_PER_MINUTE": 100_000, "LIMITS_LOGIN_PER_MINUTE": 100_000}


class Bot:
    """Submits resting orders as fast as it is answered, until it is refused."""

    def __init__(self, api: CheckedClient, account_id: str) -> None:
        self.api, self.account_id = api, account_id
        self.placed: list[str] = []
        self.refused: list[Answer] = []

    async def submit(self, account_id: str | None = None) -> Answer:
        order = {
            "tradingAccountId": account_id or self.account_id, "instrumentId": BTC_USDT, "orderSide": "BUY",
            "orderType": "LIMIT", "limitPrice": FAR_BELOW, "quantity": "0.001",
        }  # fmt: skip
        return await self.api.post("/api/v3/tradeOrder/submit", order)

    async def storm(self) -> None:
        while True:
            answer = await self.submit()
            if answer.status != 200:
                self.refused.append(answer)
                return
            self.placed.append(answer.data[0]["tradeOrderId"])


async def statuses(owner: Trader) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor = None
    while True:
        page = await ok(
            owner.api.get("/api/v3/tradeOrder/list", tradingAccountId=owner.spot, limit=1000, cursor=cursor)
        )
        found |= {order["tradeOrderId"]: order["status"] for order in page.data}
        cursor = page.body["pagination"].get("cursor")
        if cursor is None:
            return found


async def events_of(owner: Trader, **more: Any) -> list[dict[str, Any]]:
    asked = {"tradingAccountId": owner.spot, "limit": 1000, **more}
    events: list[dict[str, Any]] = (await ok(owner.api.get("/api/v3/tradingAccount/event/list", **asked))).data
    return events


async def test_a_bot_is_stopped_in_its_storm_and_stays_stopped(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = await Serving.start(data_dir, **SETTINGS)
    try:
        async with Trader(server.url) as owner:
            await owner.enter()
            await owner.connect()
            made = {"name": "bot", "scopes": ["write"], "tradingAccountIds": [owner.spot]}
            key = (await ok(owner.api.post("/api/v3/apiKey/create", made))).data
            async with CheckedClient(server.url, token=key["secret"]) as api:
                bot = Bot(api, owner.spot)
                refused(await bot.submit(owner.margin), 404, "TRADING_ACCOUNT_NOT_FOUND")
                canceled = await _halted_in_a_storm(owner, bot)
                assert all(answer.code == "TRADING_HALTED" for answer in bot.refused)
                lifting = {"tradingAccountId": owner.spot, "tradingState": "ACTIVE"}
                refused(await api.post("/api/v3/tradingState/set", lifting), 403, "INSUFFICIENT_SCOPE")
                await _ended(owner, canceled, bot)
                await server.kill()
                server = await Serving.start(data_dir, **SETTINGS)
                for each in (owner.api, api):
                    each.move(server.url)
                await _stays_stopped(owner, bot)
                await _read_by_an_auditor(owner, bot, key["apiKey"]["apiKeyId"])
    finally:
        await server.kill()


async def _halted_in_a_storm(owner: Trader, bot: Bot) -> str:
    """Return the mass cancel."""
    storm = [asyncio.create_task(bot.storm()) for _ in range(CLIENTS)]
    await eventually(lambda: _has_placed(bot, 40))
    halting = {"tradingAccountId": owner.spot, "tradingState": "HALTED", "cancelOpen": True}
    halted = (await ok(owner.api.post("/api/v3/tradingState/set", halting))).data
    assert (halted["tradingState"], halted["tenantTradingState"]) == ("HALTED", "ACTIVE")
    await asyncio.gather(*storm)
    return str(halted["massCancel"]["massCancelId"])


async def _has_placed(bot: Bot, orders: int) -> bool:
    return len(bot.placed) >= orders


async def _ended(owner: Trader, mass_cancel_id: str, bot: Bot) -> None:
    """No order of the bot works any more, and each is among those that the mass cancel lists."""

    async def is_over() -> bool:
        asked = {"massCancelId": mass_cancel_id, "limit": 1}
        return "finishedAt" in (await ok(owner.api.get("/api/v3/tradeOrder/massCancel/get", **asked))).data

    await eventually(is_over)
    found = await statuses(owner)
    assert {found[order_id] for order_id in bot.placed} == {"CANCELLED"}
    assert set(found.values()) == {"CANCELLED"}, "an order that was on its way"


async def _stays_stopped(owner: Trader, bot: Bot) -> None:
    async def is_halted() -> bool:
        return (await bot.submit()).code == "TRADING_HALTED"

    await eventually(is_halted)
    state = (await ok(owner.api.get("/api/v3/tradingState/get", tradingAccountId=owner.spot))).data
    assert state["tradingState"] == "HALTED"
    assert set((await statuses(owner)).values()) == {"CANCELLED"}


async def _read_by_an_auditor(owner: Trader, bot: Bot, key_id: str) -> None:
    user_id = (await ok(owner.api.get("/api/v3/auth/user"))).data["id"]
    submitted = [
        event["by"]
        for event in await events_of(owner, tradeOrderId=bot.placed[0], ascending=True)
        if event["order"]["status"] == "SUBMITTED"
    ]
    assert [(by["kind"], by["userId"], by["apiKeyId"]) for by in submitted] == [("USER", user_id, key_id)]
    (halting,) = [
        event for event in await events_of(owner, kind="ACCOUNT") if event["account"]["tradingState"] == "HALTED"
    ]
    assert (halting["by"]["userId"], "apiKeyId" in halting["by"]) == (user_id, False)
    asked_to_cancel = [
        event["by"]
        for event in await events_of(owner, tradeOrderId=bot.placed[0])
        if event["order"]["status"] == "PENDING_CANCEL"
    ]
    assert [by["requestId"] for by in asked_to_cancel] == [halting["by"]["requestId"]]
    (end,) = await events_of(owner, kind="MASS_CANCELED")
    assert set(end["massCancel"]["statuses"]) == {"CANCELLED"}
