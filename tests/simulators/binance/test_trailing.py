"""Trailing stops, by the scenarios of the venue's documents, at a tenth of the size."""

from typing import Any

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings

from .trader import Trader

SCENARIOS = {
    # stop loss BUY: trails from its stop price on, triggers 5 % above the lowest trade since
    "stop loss buy": ("STOP_LOSS", "BUY", "66000", 500, ["55500", "66000", "69000", "63000", "66149"], "66150"),
    "stop loss sell": ("STOP_LOSS", "SELL", "58500", 1000, ["62000", "58500", "55500", "61500", "55351"], "55350"),
    "take profit buy": ("TAKE_PROFIT", "BUY", "57000", 850, ["63000", "57000", "55500", "58500", "60217"], "60217.5"),
    "take profit sell": ("TAKE_PROFIT", "SELL", "63000", 750, ["58000", "63000", "69000", "63826"], "63825"),
    "without a stop": ("STOP_LOSS", "SELL", None, 700, ["63000", "59250", "68250", "63473"], "63472.5"),
}


async def status_of(trader: Trader, order_id: int) -> tuple[str, bool]:
    order = (await trader.order(orderId=order_id)).ok
    return order["status"], order["isWorking"]


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_trailing_stop_triggers_when_the_price_has_turned(trader: Trader, name: str) -> None:
    type, side, stop, delta, prices, trigger = SCENARIOS[name]
    placed = (await trader.place(type=type, side=side, stopPrice=stop, trailingDelta=delta, quantity="0.01")).ok
    for price in prices:
        await trader.trade_at(price, "0.001")
        assert await status_of(trader, placed["orderId"]) == ("NEW", False)
    await trader.trade_at(trigger, "0.001")
    assert await status_of(trader, placed["orderId"]) == ("FILLED", True)


async def test_a_trailing_order_shows_its_delta_and_since_when_it_trails(trader: Trader) -> None:
    at_once = (await trader.place(type="STOP_LOSS", side="SELL", trailingDelta=100, quantity="0.01")).ok
    later = (
        await trader.place(type="TAKE_PROFIT", side="SELL", stopPrice="61000", trailingDelta=100, quantity="0.01")
    ).ok
    orders: list[dict[str, Any]] = (await trader.signed("GET", "/api/v3/openOrders")).ok
    assert [order["trailingDelta"] for order in orders] == [100, 100]
    assert orders[0]["trailingTime"] == at_once["transactTime"]
    assert orders[1]["trailingTime"] == -1
    await trader.trade_at("61000", "0.001")
    assert (await trader.order(orderId=later["orderId"])).ok["trailingTime"] > 0


async def test_a_trailing_order_locks_and_is_canceled(trader: Trader) -> None:
    placed = (await trader.place(type="STOP_LOSS", side="SELL", trailingDelta=100, quantity="0.5")).ok
    account = (await trader.signed("GET", "/api/v3/account")).ok["balances"]
    assert next(row for row in account if row["asset"] == "BTC")["locked"] == "0.50000000"
    assert (await trader.cancel(orderId=placed["orderId"])).ok["status"] == "CANCELED"
    account = (await trader.signed("GET", "/api/v3/account")).ok["balances"]
    assert next(row for row in account if row["asset"] == "BTC")["locked"] == "0.00000000"
    await trader.trade_at("50000", "0.001")
    assert (await trader.order(orderId=placed["orderId"])).ok["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"trailingDelta": "9"}, (-1013, "Filter failure: TRAILING_DELTA")),
        ({"trailingDelta": "2001"}, (-1013, "Filter failure: TRAILING_DELTA")),
        ({}, (-1102, "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!")),
        ({"trailingDelta": "50", "stopPrice": "60001"}, (-2010, "Order would trigger immediately.")),
    ],
)
async def test_trailing_orders_are_refused_with_the_venues_words(
    trader: Trader, change: dict[str, str], error: tuple[int, str]
) -> None:
    assert (await trader.place(type="STOP_LOSS", side="SELL", quantity="0.01", **change)).error == error


async def test_a_trailing_stop_goes_on_after_a_restart(data_dir: Any) -> None:
    chosen = SimulatorSettings(data_dir=data_dir)
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        placed = (
            await trader.place(
                type="STOP_LOSS_LIMIT",
                side="SELL",
                trailingDelta=100,
                quantity="0.01",
                price="60500",
                timeInForce="GTC",
            )
        ).ok
        await trader.trade_at("63000", "0.001")
    for price, working in (("62371", False), ("62370", True), ("60400", True)):
        async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
            await trader.trade_at(price, "0.001", side="BUY")
            assert await status_of(trader, placed["orderId"]) == ("NEW", working)
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        await trader.trade_at("60500", "5", side="BUY")
        assert await status_of(trader, placed["orderId"]) == ("FILLED", True)
