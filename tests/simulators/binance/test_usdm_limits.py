"""Limits of USD-M, which are its own, and faults of its requests."""

from decimal import Decimal
from pathlib import Path

import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.wire.limits import VenueLimits
from cadenza.simulators.binance.wire.markets import VenueMarket

from .sockets import connected
from .trader import Trader

TIGHT = {"usdm_limits": VenueLimits(weight_per_minute=100, orders_per_10_seconds=3, ignored_429_max=2)}


@pytest.mark.parametrize("settings", [TIGHT], indirect=True)
async def test_orders_are_counted_whether_they_fill_or_not(trader: Trader) -> None:
    for _ in range(3):
        assert (await trader.place_usdm(type="MARKET")).status == 200
    for refused in (await trader.place_usdm(), await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59000")):
        assert (refused.status, refused.error[0]) == (429, -1015)
    assert (await trader.place()).status == 200, "spot counts its own"


@pytest.mark.parametrize("settings", [TIGHT], indirect=True)
async def test_an_address_that_ignores_a_429_is_banned_from_usdm_only(trader: Trader) -> None:
    trader.simulator.venue.faults.clock_offset_ms = -trader.simulator.venue.clock.now_ms() % 60_000  # a minute's start
    asked = {"symbol": "BTCUSDT", "limit": 1000}
    replies = [await trader.public("/usdm/fapi/v1/depth", **asked) for _ in range(8)]
    assert [reply.status for reply in replies] == [200] * 5 + [429, 429, 418]
    assert 0 < int(replies[5].headers["Retry-After"]) <= 60
    assert (await trader.place_usdm()).status == 418
    assert (await trader.place()).status == 200


async def test_what_requests_weigh(trader: Trader) -> None:
    used = []
    for method, path, params in (
        ("POST", "v1/order", {"side": "BUY", "type": "MARKET", "symbol": "BTCUSDT", "quantity": "0.1"}),
        ("GET", "v1/openOrders", {"symbol": "BTCUSDT"}),
        ("GET", "v1/openOrders", {}),
        ("GET", "v3/account", {}),
        ("GET", "v1/income", {}),
        ("GET", "v1/positionSide/dual", {}),
    ):
        reply = await trader.usdm(method, path, **params)
        assert reply.status == 200
        used.append(int(reply.headers["X-MBX-USED-WEIGHT-1M"]))
    assert used == [0, 1, 41, 46, 76, 106]


@pytest.mark.parametrize(("limit", "weight"), [(5, 2), (50, 2), (100, 5), (500, 10), (1000, 20)])
async def test_a_book_weighs_by_its_depth(trader: Trader, limit: int, weight: int) -> None:
    reply = await trader.public("/usdm/fapi/v1/depth", symbol="BTCUSDT", limit=limit)
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)
    assert len(reply.ok["bids"]) == min(limit, 20)


async def test_only_some_depths_are_served(trader: Trader) -> None:
    assert (await trader.public("/usdm/fapi/v1/depth", symbol="BTCUSDT", limit=7)).error[0] == -4021


async def test_a_request_that_is_late_inside_the_venue_is_refused_there(trader: Trader) -> None:
    reply = await trader.usdm(
        "POST",
        "v1/order",
        fault="late:300",
        recvWindow="100",
        symbol="BTCUSDT",
        side="BUY",
        type="MARKET",
        quantity="0.1",
    )
    assert reply.error[0] == -1021
    assert (await trader.truth("usdm"))["orders"] == []


@pytest.mark.parametrize("kind", ["error_before", "timeout_before", "too_many_requests"])
async def test_faults_before_the_engine_leave_nothing(trader: Trader, kind: str) -> None:
    await trader.admin("faults", requests=[{"on": "usdm:algoOrder.place", "kind": kind}])
    assert (await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59000")).status >= 400
    assert (await trader.truth("usdm"))["algo_orders"] == []
    assert (await trader.place_algo("SELL", "STOP_MARKET", triggerPrice="59000")).status == 200


async def test_random_faults_meet_orders_of_usdm(data_dir: Path) -> None:
    chosen = SimulatorSettings(data_dir=data_dir, fault_rate=1.0)
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator:
        faults = [simulator.venue.faults.for_request("algoOrder.place", VenueMarket.USDM) for _ in range(3)]
        queries = simulator.venue.faults.for_request("order.status", VenueMarket.USDM)
    assert None not in faults
    assert queries is None


async def test_a_moving_market_moves_the_contracts_too(data_dir: Path) -> None:
    chosen = SimulatorSettings(data_dir=data_dir, market_step_ms=20)
    async with run_simulator(chosen, SystemClock(), SystemIds()) as simulator, Trader(simulator) as trader:
        base = f"{simulator.usdm_stream_url}/market/ws"
        async with connected(f"{base}/btcusdt@aggTrade/ethusdt@aggTrade/btcusdt_301227@aggTrade") as socket:
            heard: set[str] = set()
            while len(heard) < 3:
                heard.add((await socket.frame())["s"])
        await trader.place_usdm(type="MARKET", quantity="1")
        (row,) = (await trader.usdm("GET", "v3/positionRisk")).ok
        assert Decimal(row["positionAmt"]) == 1
