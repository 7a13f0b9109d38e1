"""Faults on request: of every kind of request by REST and by the socket, and of events."""

import asyncio
from typing import Any

import aiohttp
import pytest

from cadenza.simulators.bitfinex.server import BitfinexSimulator
from tests.simulators.silence import unanswered

from .trader import BitfinexSocket, BitfinexTrader, is_account, logged_in, opened, order

GONE = (TimeoutError, aiohttp.ClientError)


async def arm(trader: BitfinexTrader, **fault: Any) -> None:
    await trader.admin("faults", requests=[{"on": "order.submit", **fault}])


async def kinds_until_pong(socket: BitfinexSocket) -> list[str]:
    """Return what the account was told until now."""
    await socket.send({"event": "ping"})
    frames = await socket.frames_until(lambda frame: isinstance(frame, dict) and frame["event"] == "pong")
    return [frame[1] for frame in frames if isinstance(frame, list) and frame[1] in ("n", "on", "te", "tu", "oc")]


@pytest.mark.parametrize(
    ("kind", "executed"),
    [("silence_before", 0), ("silence_after", 1), ("reset_before", 0), ("reset_after", 1)],
)
async def test_connections_fail_before_or_after_the_order(trader: BitfinexTrader, kind: str, executed: int) -> None:
    await arm(trader, kind=kind)
    if kind.startswith("silence"):
        async with unanswered(trader.simulator.venue, trader.submit()):
            await trader.truth()
    else:
        with pytest.raises(GONE):
            await trader.submit()
    assert len((await trader.truth())["orders"]) == executed


@pytest.mark.parametrize(
    ("kind", "status", "body", "executed"),
    [
        ("error_before", 502, "", 0),
        ("error_after", 502, "", 1),
        ("timeout_before", 504, "", 0),
        ("timeout_after", 504, "", 1),
        ("too_many_requests", 429, {"error": "ERR_RATE_LIMIT"}, 0),
        ("banned", 403, "Forbidden", 0),
    ],
)
async def test_answers_that_lie(trader: BitfinexTrader, kind: str, status: int, body: Any, executed: int) -> None:
    await arm(trader, kind=kind)
    reply = await trader.submit()
    assert (reply.status, reply.body) == (status, body)
    assert len((await trader.truth())["orders"]) == executed
    assert (await trader.submit()).status == 200, "a fault happens once"


async def test_an_error_array_may_lie_too(trader: BitfinexTrader) -> None:
    await arm(trader, kind="error_after", status=500, body='["error",10001,"internal error"]')
    reply = await trader.submit()
    assert (reply.status, reply.body) == (500, '["error",10001,"internal error"]')
    assert len((await trader.truth())["orders"]) == 1


async def test_a_slow_answer_comes(trader: BitfinexTrader) -> None:
    await arm(trader, kind="slow", delay_ms=20)
    assert (await trader.submit()).order[13] == "ACTIVE"
    await arm(trader, kind="slow", delay_ms=20)
    assert (await trader.submit(amount="0")).refusal == (10020, "amount: invalid")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("order.update", "auth/w/order/update"),
        ("order.cancel", "auth/w/order/cancel"),
        ("order.cancel-multi", "auth/w/order/cancel/multi"),
        ("order.multi", "auth/w/order/multi"),
        ("orders", "auth/r/orders"),
        ("orders", "auth/r/orders/tBTCUSD"),
        ("orders.hist", "auth/r/orders/hist"),
        ("orders.hist", "auth/r/orders/tBTCUSD/hist"),
        ("order.trades", "auth/r/order/tBTCUSD:1/trades"),
        ("trades.hist", "auth/r/trades/hist"),
        ("wallets", "auth/r/wallets"),
        ("positions", "auth/r/positions"),
        ("ledgers.hist", "auth/r/ledgers/hist"),
        ("info.margin", "auth/r/info/margin/base"),
        ("info.user", "auth/r/info/user"),
        ("summary", "auth/r/summary"),
        ("permissions", "auth/r/permissions"),
        ("order.avail", "auth/calc/order/avail"),
    ],
)
async def test_every_request_can_fail(trader: BitfinexTrader, name: str, path: str) -> None:
    await trader.admin("faults", requests=[{"on": name, "kind": "error_before", "status": 503}])
    assert (await trader.post(path)).status == 503
    assert (await trader.post(path)).status != 503


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("silence_before", []),
        ("silence_after", ["on"]),
        ("error_before", ["n"]),
        ("error_after", ["on", "n"]),
        ("slow", ["on", "n"]),
        ("timeout_after", ["on"]),
        ("too_many_requests", ["n"]),
    ],
)
async def test_inputs_of_the_socket_fail(
    simulator: BitfinexSimulator, trader: BitfinexTrader, kind: str, told: list[str]
) -> None:
    async with logged_in(simulator) as socket:
        await arm(trader, kind=kind, delay_ms=10)
        await socket.put("on", order())
        heard: list[str] = []
        while heard != told:
            heard += await kinds_until_pong(socket)
        await trader.truth()
        assert await kinds_until_pong(socket) == []
    assert len((await trader.truth())["orders"]) == told.count("on")


@pytest.mark.parametrize(("kind", "executed"), [("reset_before", 0), ("reset_after", 1)])
async def test_the_socket_is_cut(
    simulator: BitfinexSimulator, trader: BitfinexTrader, kind: str, executed: int
) -> None:
    async with logged_in(simulator) as socket:
        await arm(trader, kind=kind)
        await socket.put("on", order())
        while await socket.frame() is not None:
            pass
    assert len((await trader.truth())["orders"]) == executed


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"event": "te", "kind": "drop"}, ["on", "tu", "oc"]),
        ({"event": "tu", "kind": "drop"}, ["on", "te", "oc"]),
        ({"event": "tu", "kind": "duplicate"}, ["on", "te", "tu", "tu", "oc"]),
        ({"event": "oc", "kind": "duplicate"}, ["on", "te", "tu", "oc", "oc"]),
        ({"kind": "swap"}, ["te", "on", "tu", "oc"]),
        ({"kind": "silence"}, []),
    ],
)
async def test_events_are_lost_doubled_and_out_of_order(
    simulator: BitfinexSimulator, trader: BitfinexTrader, fault: dict[str, str], told: list[str]
) -> None:
    async with logged_in(simulator) as socket:
        await trader.admin("faults", events=[{"on": "user", **fault}])
        await trader.submit(type="EXCHANGE MARKET", price=None)
        assert await kinds_until_pong(socket) == told
        await trader.admin("faults", method="DELETE")
        await trader.submit()
        assert await kinds_until_pong(socket) == ["on"]


async def test_a_book_with_a_lost_frame_has_another_checksum(
    simulator: BitfinexSimulator, trader: BitfinexTrader
) -> None:
    async with opened(simulator) as socket:
        await socket.send({"event": "conf", "flags": 131072 + 65536})
        id = await socket.subscribe("book", symbol="tBTCUSD")
        assert (await socket.channel(id))[2] == 1
        assert (await socket.channel(id))[3] == 2
        await trader.admin("faults", events=[{"on": "market", "event": "book", "kind": "drop"}])
        await trader.submit(price="59999")
        frame = await socket.channel(id)
        assert (frame[1], frame[3]) == ("cs", 4)


async def test_lookups_lag(trader: BitfinexTrader) -> None:
    await trader.admin("faults", lookup_lag_ms=60_000)
    row = (await trader.submit(type="EXCHANGE MARKET", price=None)).order
    await trader.submit()
    assert await trader.open_orders() == []
    assert await trader.closed_orders() == []
    assert await trader.trades() == []
    assert (await trader.post(f"auth/r/order/tBTCUSD:{row[0]}/trades")).data == []
    await trader.admin("faults", method="DELETE")
    assert len(await trader.open_orders()) == len(await trader.closed_orders()) == 1


async def test_the_clock_may_be_off(trader: BitfinexTrader) -> None:
    await trader.admin("faults", clock_offset_ms=3_600_000)
    row = (await trader.submit()).order
    assert row[4] - trader.simulator.venue.clock.now_ms() > 3_000_000


async def test_a_header_names_the_fault_of_one_request(trader: BitfinexTrader) -> None:
    assert (await trader.submit(fault="timeout_after")).status == 504
    assert len(await trader.open_orders()) == 1


@pytest.mark.parametrize("settings", [{"fault_rate": 1.0}], indirect=True)
async def test_random_faults_meet_orders_only(trader: BitfinexTrader) -> None:
    met = 0
    for _ in range(5):
        try:
            async with asyncio.timeout(0.3):
                met += (await trader.submit()).status != 200
        except GONE:
            met += 1
    assert met
    assert isinstance(await trader.open_orders(), list)


async def test_a_socket_that_is_cut_ends(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with logged_in(simulator) as socket:
        await socket.until(lambda frame: is_account(frame, "bu"))
        await trader.admin("sockets", action="cut")
        assert await socket.frame() is None
