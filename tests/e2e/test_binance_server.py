"""What only a whole server shows of BINANCE: it holds trailing stops, which the venue has not in our sense, and sends
them once; and a liquidation by the venue ends what was open."""

import time
from collections.abc import Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from cadenza.domain.market.enums import Side
from tests.binance_kit import INSTRUMENTS, SimulatedBinance, simulated_binance
from tests.e2e.trader import Trader, ok, refused
from tests.serving import Serving, eventually
from tests.simulated_kit import MovableClock

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
async def test_a_server_holds_trailing_stops_and_shows_a_liquidation(tmp_path: Path) -> None:
    directory = tmp_path / "simulator"
    directory.mkdir()
    async with simulated_binance(directory, MovableClock(int(time.time() * 1_000))) as venue:
        server = await Serving.start(tmp_path / "data", {"VENUES": "BINANCE", "BINANCE_URL": venue.url})
        try:
            async with Trader(server.url, venue="BINANCE") as trader:
                await trader.enter()
                accounts = await accounts_of(trader, venue)
                await hold_follow_and_release(trader, venue, accounts)
                await be_liquidated(trader, venue, accounts["usdm"])
        finally:
            await server.kill()


async def hold_follow_and_release(trader: Trader, venue: SimulatedBinance, accounts: Mapping[str, str]) -> None:
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


async def be_liquidated(trader: Trader, venue: SimulatedBinance, account: str) -> None:
    """The whole wallet stands for a position that fails; an order rests, and a stop waits in the algo service."""
    where = {"tradingAccountId": account, "instrumentId": INSTRUMENTS["usdm"]}
    await venue.market("BTCUSDT", (Side.SELL, D(60010), D(30)), market="usdm")
    await trader.submit(**where, quantity="20", orderType="MARKET", orderSide="BUY")
    resting = await trader.submit(**where, quantity="0.1", orderType="LIMIT", orderSide="BUY", limitPrice="50000")
    waiting = await trader.submit(**where, quantity="0.1", orderType="STOP", orderSide="SELL", stopPrice="50000")
    assert [order["status"] for order in (resting, waiting)] == ["ACCEPTED", "ACCEPTED"]
    await venue.market("BTCUSDT", clear=True, market="usdm")
    await venue.post("market", {"market": "usdm", "symbol": "BTCUSDT", "mark_price": "40000"})

    async def is_over() -> bool:
        ended = [(await trader.order(order["tradeOrderId"]))["status"] for order in (resting, waiting)]
        positions = (await trader.portfolio(account))["positions"]
        return ended == ["CANCELLED", "CANCELLED"] and not [each for each in positions if D(each["quantity"])]

    await eventually(is_over)
    ledger = (await venue.get("truth"))["usdm"]
    (closing,) = (each for each in ledger["orders"] if each["type"] == "LIQUIDATION")

    async def is_shown() -> bool:
        found = await trader.orders(tradingAccountId=account)
        placed = [each for each in found if D(each["quantity"]) == D(closing["quantity"])]
        shown = [(each["orderSide"], each["status"], D(each["executedQuantity"])) for each in placed]
        return shown == [("SELL", "FILLED", D(closing["executed"]))]

    await eventually(is_shown)
    (wallet,) = (each for each in ledger["wallets"] if each["asset"] == "USDT")

    async def is_the_rest() -> bool:
        free, locked = (await trader.balances(account))["USDT"]
        return free + locked == D(wallet["balance"])

    await eventually(is_the_rest)
