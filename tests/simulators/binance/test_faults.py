"""What goes wrong on request: the outcome is the truth's, whatever the client saw."""

from decimal import Decimal
from pathlib import Path
from random import Random

import aiohttp
import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import BinanceSimulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.spot.symbols import SYMBOLS
from cadenza.simulators.binance.venue import RANDOM_TARGETS, BinanceVenue, event_name
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.kit.faults import ArmedFaults, RequestFault
from cadenza.simulators.kit.truth import TruthFile
from tests.simulators.silence import given_up, unanswered

from .sockets import connected
from .trader import Trader

GONE = (aiohttp.ClientError, TimeoutError)


async def truth_of(trader: Trader, client_order_id: str) -> list[str]:
    return [row["status"] for row in (await trader.truth())["orders"] if row["client_order_id"] == client_order_id]


@pytest.mark.parametrize(
    ("kind", "is_accepted"),
    [
        ("silence_before", False),
        ("silence_after", True),
        ("reset_before", False),
        ("reset_after", True),
    ],
)
async def test_a_connection_can_fail_before_and_after_the_acceptance(
    trader: Trader, kind: str, is_accepted: bool
) -> None:
    placing = trader.place(newClientOrderId="lost", fault=kind)
    if kind.startswith("silence"):
        async with unanswered(trader.simulator.venue, placing):
            await trader.truth()
    else:
        with pytest.raises(GONE):
            await placing
    assert await truth_of(trader, "lost") == (["NEW"] if is_accepted else [])
    found = await trader.order(origClientOrderId="lost")
    assert found.status == (200 if is_accepted else 400)


@pytest.mark.parametrize(
    ("kind", "status", "is_accepted"),
    [
        ("error_before", 502, False),
        ("error_after", 502, True),
        ("timeout_before", 408, False),
        ("timeout_after", 408, True),
    ],
)
async def test_an_answer_can_be_an_error_whose_outcome_is_unknown(
    trader: Trader, kind: str, status: int, is_accepted: bool
) -> None:
    reply = await trader.place(newClientOrderId="lost", fault=kind)
    assert reply.status == status
    if status == 408:
        assert reply.error[0] == -1007
    assert await truth_of(trader, "lost") == (["NEW"] if is_accepted else [])


async def test_an_armed_fault_meets_the_next_requests_of_its_kind(trader: Trader) -> None:
    fault = {"on": "order.place", "kind": "error_after", "times": 2, "status": 503, "body": "<html>busy</html>"}
    await trader.admin("faults", requests=[fault])
    assert (await trader.public("/api/v3/ping")).status == 200
    replies = [await trader.place() for _ in range(3)]
    assert [reply.status for reply in replies] == [503, 503, 200]
    assert replies[0].body == "<html>busy</html>"
    assert len((await trader.truth())["orders"]) == 3


async def test_a_cancel_can_be_executed_and_its_answer_lost(trader: Trader) -> None:
    placed = (await trader.place(newClientOrderId="mine")).ok
    with pytest.raises(GONE):
        await trader.cancel(orderId=placed["orderId"], fault="reset_after")
    assert await truth_of(trader, "mine") == ["CANCELED"]


async def test_a_request_that_is_late_inside_the_venue_is_refused_there(trader: Trader) -> None:
    reply = await trader.place(newClientOrderId="late", recvWindow="100", fault="late:300")
    assert reply.error == (-1021, "Timestamp for this request is outside of the recvWindow.")
    assert await truth_of(trader, "late") == []


async def test_an_answer_can_come_after_the_fence(trader: Trader) -> None:
    reply = await trader.place(newClientOrderId="slow", recvWindow="1000", fault="slow:1200")
    assert reply.ok["status"] == "NEW"
    assert trader.simulator.venue.now_ms() - reply.ok["transactTime"] > 1000


async def test_a_new_order_may_not_be_found_at_once(trader: Trader) -> None:
    await trader.admin("faults", lookup_lag_ms=60_000)
    await trader.place(newClientOrderId="fresh")
    assert (await trader.order(origClientOrderId="fresh")).error == (-2013, "Order does not exist.")
    await trader.admin("faults", lookup_lag_ms=0)
    assert (await trader.order(origClientOrderId="fresh")).ok["status"] == "NEW"


async def test_the_venues_clock_can_be_wrong(simulator: BinanceSimulator) -> None:
    async with Trader(simulator, clock=simulator.venue.clock.now_ms) as trader:
        await trader.admin("faults", clock_offset_ms=6_000)
        assert (await trader.place()).error[0] == -1021
        server = (await trader.public("/api/v3/time")).ok["serverTime"]
        assert server - simulator.venue.clock.now_ms() > 5_000
        await trader.admin("faults", clock_offset_ms=-3_000)
        assert (await trader.place()).error[1].startswith("Timestamp for this request was 1000ms ahead")


async def test_a_storm_of_429_can_be_had(trader: Trader) -> None:
    storm = {"on": "*", "kind": "too_many_requests", "times": 3, "retry_after_s": 7}
    await trader.admin("faults", requests=[storm])
    replies = [await trader.public("/api/v3/ping") for _ in range(4)]
    assert [reply.status for reply in replies] == [429, 429, 429, 200]
    assert replies[0].headers["Retry-After"] == "7"


async def test_faults_meet_the_websocket_api_too(simulator: BinanceSimulator, trader: Trader) -> None:
    key, fields = simulator.venue.keys.of("HMAC"), {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    async with connected(simulator.ws_api_url) as socket:
        for kind in ("error_after", "reset_after"):
            fault = {"on": "order.place", "kind": kind, "status": 503}
            await trader.admin("faults", requests=[fault])
            if kind == "error_after":
                answer = await socket.signed(simulator, key, "order.place", **fields, quantity="0.01")
                assert answer["status"] == 503
            else:
                with pytest.raises(AssertionError, match="the server closed"):
                    await socket.signed(simulator, key, "order.place", **fields, quantity="0.01")
    assert [row["status"] for row in (await trader.truth())["orders"]] == ["FILLED", "FILLED"]


@pytest.mark.parametrize("settings", [{"fault_rate": 1.0}], indirect=True)
async def test_faults_at_random_leave_the_truth_intact(trader: Trader) -> None:
    for number in range(8):
        await given_up(trader.simulator.venue, trader.place(newClientOrderId=f"try-{number}"))
    await trader.admin("faults", method="DELETE")
    listed = (await trader.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")).ok
    kept = (await trader.truth())["orders"]
    assert [row["clientOrderId"] for row in listed] == [row["client_order_id"] for row in kept]


def test_random_faults_are_those_of_the_seed() -> None:
    def drawn(seed: int) -> list[RequestFault | None]:
        faults = ArmedFaults(Random(seed), RANDOM_TARGETS, event_name, 0.5)
        return [faults.for_request("order.place", VenueMarket.SPOT) for _ in range(50)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_market_is_that_of_its_seed_and_times() -> None:
    def moves(seed: int) -> list[object]:
        market = SeededMarket(SYMBOLS, seed, 100)
        return [*market.open({}, 1_000), *market.advance(20_000)]

    assert moves(1) == moves(1) != moves(2)


def test_the_market_moves_when_it_is_asked_so_no_trade_is_older_than_the_order_that_it_meets() -> None:
    market = SeededMarket(SYMBOLS, 1, 100)
    list(market.open({}, 1_000))
    assert {command.at_ms for _, command in market.advance(20_063)} == {20_063}


async def test_what_no_one_was_answered_is_not_on_the_streams_before_it_is_on_disk(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = BinanceVenue(SimulatorSettings(data_dir=data_dir), SystemClock(), SystemIds())
    venue.spot.exchange.deposit("main", "BTC", Decimal(1), 0)
    seen: list[str] = []
    monkeypatch.setattr(TruthFile, "_write", lambda _file, _lines: seen.append("disk"))
    monkeypatch.setattr(venue.spot.user_streams, "send_news", lambda news, at_ms: seen.append("stream"))
    await venue.commit()
    venue.close()
    assert seen == ["disk", "stream"]
