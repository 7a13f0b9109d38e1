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
    clock = MovableClock(int(time.time() * 1_000))
    directory = tmp_path / "simulator"
    directory.mkdir()
    async with simulated_binance(directory, clock) as venue:
        settings = {"VENUES": "BINANCE", "BINANCE_URL": venue.url}
        server = await Serving.start(tmp_path / "data", settings)
        try:
            async with Trader(server.url, venue="BINANCE") as trader:
                await trader.enter()
                accounts = await accounts_of(trader, venue)
                terms = {"orderType": "TRAILING_STOP", "orderSide": "SELL"}

                async def submit(market: str, **more: Any) -> dict[str, Any]:
                    where = {"tradingAccountId": accounts[market], "instrumentId": INSTRUMENTS[market]}
                    return await trader.submit(**{**where, "quantity": "0.01", **terms, **more})

                refused(await trader.try_submit(
                    tradingAccountId=accounts["spot"], **terms, stopPrice="59900", timeInForce="IOC"
                ), 400, "UNSUPPORTED_TIME_IN_FORCE")  # fmt: skip
                through = await submit("spot", stopPrice="60500")
                assert (through["status"], through["rejectReason"]) == ("REJECTED", "STOP_WOULD_TRIGGER")
                held = {market: await submit(market, stopPrice="59900") for market in MARKETS}
                assert {order["status"] for order in held.values()} == {"ACCEPTED"}
                distances = {market: D("59900") for market in MARKETS}
                await print_trade(venue, "60009")

                async def have_followed() -> bool:
                    now = {
                        market: D((await trader.order(o["tradeOrderId"]))["stopPrice"]) for market, o in held.items()
                    }
                    return all(now[market] > distances[market] for market in MARKETS)

                await eventually(have_followed)
                triggers = {m: (await trader.order(o["tradeOrderId"]))["stopPrice"] for m, o in held.items()}
                email = trader.email
            for market, order in held.items():
                assert not await truth(venue, market, order), "nothing was sent"
            await server.kill()
            server = await Serving.start(tmp_path / "data", settings)
            async with Trader(server.url, email=email, venue="BINANCE") as trader:
                await trader.log_in()
                again = {m: await trader.order(o["tradeOrderId"]) for m, o in held.items()}
                assert {m: (o["status"], o["stopPrice"]) for m, o in again.items()} == {
                    m: ("ACCEPTED", triggers[m]) for m in MARKETS
                }

                async def are_filled() -> bool:
                    await print_trade(venue, "59000")  # until the new server's feeds and sessions are there
                    now = [(await trader.order(order["tradeOrderId"]))["status"] for order in held.values()]
                    return now == ["FILLED", "FILLED"]

                await eventually(are_filled, within_s=60)
                for market, order in held.items():
                    (sent,) = await truth(venue, market, order)
                    assert (sent["type"], sent["status"]) == ("MARKET", "FILLED")
                    filled = await trader.order(order["tradeOrderId"])
                    assert (filled["orderType"], filled["stopPrice"]) == ("TRAILING_STOP", triggers[market])
        finally:
            await server.kill()
