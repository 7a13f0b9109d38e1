"""Trailing stops at BINANCE, which has none in our sense: a server holds them, is killed, and sends them once."""

import time
from collections.abc import Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from tests.binance_kit import INSTRUMENTS, MovableClock, SimulatedBinance, simulated_binance
from tests.e2e.trader import Trader, ok, refused
from tests.serving import Serving, eventually

MARKETS = ("spot", "usdm")


async def print_trade(venue: SimulatedBinance, price: str) -> None:
    """Let others trade at this price, which lies between the bid and the ask or moves neither."""
    for market in MARKETS:
        trade = {"trade_side": "SELL", "trade_price": price, "trade_quantity": "0.01"}
        await venue.post("market", {"market": market, "symbol": "BTCUSDT", **trade})


async def accounts_of(trader: Trader, venue: SimulatedBinance) -> Mapping[str, str]:
    secrets = venue.secrets()
    asked = {
        "venue": "BINANCE",
        "nickname": "first",
        "credentialType": "HMAC",
        "apiKey": secrets.api_key,
        "apiSecret": secrets.api_secret,
    }
    trader.credential = (await ok(trader.api.post("/api/v3/credential/create", asked))).data["credentialId"]
    reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [trader.credential]}))).data
    by_type = {each["accountType"]: each for each in reached}
    return {
        market: await trader._connect_one(by_type[type]) for market, type in (("spot", "SPOT"), ("usdm", "FUTURES"))
    }


async def truth(venue: SimulatedBinance, market: str, order: dict[str, Any]) -> list[dict[str, Any]]:
    name = f"cz{order['tradeOrderId'].replace('-', '')}"
    found = (await venue.get("truth"))[market]["orders"]
    return [each for each in found if each["client_order_id"] == name]


@pytest.mark.asyncio
async def test_a_server_holds_them_for_spot_and_usdm(tmp_path: Path) -> None:
    directory = tmp_path / "simulator"
    directory.mkdir()
    async with simulated_binance(directory, MovableClock(int(time.time() * 1_000))) as venue:
        server = await Serving.start(tmp_path / "data", {"VENUES": "BINANCE", "BINANCE_URL": venue.url})
        try:
            async with Trader(server.url, venue="BINANCE") as trader:
                await trader.enter()
                await hold_follow_and_release(trader, venue)
        finally:
            await server.kill()


async def hold_follow_and_release(trader: Trader, venue: SimulatedBinance) -> None:
    accounts = await accounts_of(trader, venue)

    def asked(market: str, **more: Any) -> dict[str, Any]:
        where = {"tradingAccountId": accounts[market], "instrumentId": INSTRUMENTS[market]}
        return {**where, "quantity": "0.01", "orderType": "TRAILING_STOP", "orderSide": "SELL", **more}

    immediate = asked("spot", stopPrice="59900", timeInForce="IOC")
    refused(await trader.try_submit(**immediate), 400, "UNSUPPORTED_TIME_IN_FORCE")
    through = await trader.submit(**asked("spot", stopPrice="60500"))
    assert (through["status"], through["rejectReason"]) == ("REJECTED", "STOP_WOULD_TRIGGER")
    held = {market: await trader.submit(**asked(market, stopPrice="59900")) for market in MARKETS}
    assert {order["status"] for order in held.values()} == {"ACCEPTED"}

    async def now(market: str) -> dict[str, Any]:
        return await trader.order(held[market]["tradeOrderId"])

    async def have_followed() -> bool:
        await print_trade(venue, "60500")
        return all([D((await now(market))["stopPrice"]) > 60_000 for market in MARKETS])

    await eventually(have_followed)
    triggers = {market: (await now(market))["stopPrice"] for market in MARKETS}
    for market in MARKETS:
        assert not await truth(venue, market, held[market]), "nothing was sent"
    await print_trade(venue, "60009")

    async def are_filled() -> bool:
        return all([(await now(market))["status"] == "FILLED" for market in MARKETS])

    await eventually(are_filled)
    await print_trade(venue, "59000")
    for market in MARKETS:
        (sent,) = await truth(venue, market, held[market])
        assert (sent["type"], sent["status"]) == ("MARKET", "FILLED")
        filled = await now(market)
        assert (filled["orderType"], filled["stopPrice"]) == ("TRAILING_STOP", triggers[market])
        assert (await trader.try_cancel(filled)).code == "ORDER_ALREADY_CLOSED"
