"""Weights, order counts and bans, each with its headers."""

import aiohttp
import pytest

from cadenza.simulators.binance.wire.limits import VenueLimits

from .sockets import connected
from .trader import Trader

TIGHT = {"weight_per_minute": 100, "orders_per_10_seconds": 3, "ignored_429_max": 2}


def limits(**changes: int) -> dict[str, object]:
    return {"limits": VenueLimits(**changes)}


async def test_every_answer_says_what_was_used(trader: Trader) -> None:
    used = [
        int((await trader.public(path, **params)).headers["X-MBX-USED-WEIGHT-1M"])
        for path, params in (
            ("/api/v3/ping", {}),
            ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": 5000}),
            ("/api/v3/exchangeInfo", {}),
        )
    ]
    assert used == [1, 251, 271]


async def test_orders_weigh_only_when_they_fail(trader: Trader) -> None:
    placed = await trader.place()
    assert placed.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    refused = await trader.place(price="1")
    assert refused.headers["X-MBX-USED-WEIGHT-1M"] == "1"
    canceled = await trader.cancel(orderId=placed.ok["orderId"])
    assert canceled.headers["X-MBX-USED-WEIGHT-1M"] == "1"


@pytest.mark.parametrize("settings", [limits(**TIGHT)], indirect=True)
async def test_unfilled_orders_are_counted_and_filled_ones_are_not(trader: Trader) -> None:
    placed = [await trader.place() for _ in range(2)]
    assert [reply.headers["X-MBX-ORDER-COUNT-10S"] for reply in placed] == ["1", "2"]
    filled = await trader.place(type="MARKET", quantity="0.001")
    assert filled.status == 200
    (ten_seconds, day) = (await trader.signed("GET", "/api/v3/rateLimit/order")).ok
    assert (ten_seconds["count"], day["count"]) == (2, 2)
    assert (await trader.place()).status == 200
    fourth = await trader.place()
    assert (fourth.status, fourth.error[0]) == (429, -1015)
    assert "Retry-After" not in fourth.headers


@pytest.mark.parametrize("settings", [limits(**TIGHT)], indirect=True)
async def test_who_ignores_a_429_is_banned(trader: Trader) -> None:
    trader.simulator.venue.faults.clock_offset_ms = -trader.simulator.venue.clock.now_ms() % 60_000  # a minute's start
    replies = [await trader.public("/api/v3/exchangeInfo") for _ in range(8)]
    assert [reply.status for reply in replies] == [200] * 5 + [429, 429, 418]
    assert 0 < int(replies[5].headers["Retry-After"]) <= 60
    assert replies[7].headers["Retry-After"] == "120"
    assert (await trader.place()).status == 418
    trader.simulator.venue.faults.clock_offset_ms += 121_000
    assert (await trader.public("/api/v3/exchangeInfo")).status == 200


@pytest.mark.parametrize("settings", [limits(raw_requests_per_5_minutes=2)], indirect=True)
async def test_raw_requests_are_limited_too(trader: Trader) -> None:
    replies = [await trader.public("/api/v3/ping") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]


@pytest.mark.parametrize("settings", [limits(connections_per_5_minutes=2)], indirect=True)
async def test_connections_are_limited(trader: Trader) -> None:
    url = trader.simulator.stream_url
    for _ in range(2):
        async with connected(f"{url}/ws") as socket:
            assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == []
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(f"{url}/ws"):
            pass
    assert refused.value.status == 429
