"""What goes wrong on request: the outcome is the truth's, whatever the client saw."""

import asyncio
from typing import Any

import aiohttp
import pytest

from cadenza.simulators.deribit.server import DeribitSimulator
from tests.simulators.silence import unanswered

from .trader import PERPETUAL, HttpTrader, Refused, SocketTrader, connected

GONE = (aiohttp.ClientError, TimeoutError)
ORDER = {"instrument_name": PERPETUAL, "amount": "100", "type": "limit", "price": "59000", "label": "lost"}


async def states(trader: HttpTrader) -> list[str]:
    return [each["state"] for each in (await trader.truth())["orders"] if each["label"] == "lost"]


async def arm(trader: HttpTrader, kind: str, on: str = "private/buy", **more: Any) -> None:
    await trader.admin("faults", requests=[{"on": on, "kind": kind, **more}])


@pytest.mark.parametrize(
    ("kind", "is_accepted"),
    [("silence_before", False), ("silence_after", True), ("reset_before", False), ("reset_after", True)],
)
async def test_a_connection_can_fail_before_and_after_the_acceptance(
    simulator: DeribitSimulator, trader: HttpTrader, kind: str, is_accepted: bool
) -> None:
    asking = trader.asked("POST", "private/buy", ORDER, fault=kind)
    if kind.startswith("silence"):
        async with unanswered(simulator.venue, asking):
            await states(trader)
    else:
        with pytest.raises(GONE):
            await asking
    assert await states(trader) == (["open"] if is_accepted else [])
    await arm(trader, kind)
    async with connected(simulator) as socket:
        await socket.send("private/buy", ORDER)
        if kind.startswith("reset"):
            assert await socket.receive() is None
        else:
            await socket.ask("public/test")  # the socket lives, and what was asked before stays without an answer
    assert await states(trader) == (["open"] * 2 if is_accepted else [])


@pytest.mark.parametrize(("kind", "is_accepted"), [("error_before", False), ("error_after", True)])
async def test_a_server_can_fail(trader: HttpTrader, socket: SocketTrader, kind: str, is_accepted: bool) -> None:
    await arm(trader, kind, times=2, status=503, body="<html>busy</html>")
    status, body = await trader.asked("POST", "private/buy", ORDER)
    assert (status, body) == (503, "<html>busy</html>")
    answer = await socket.answer("private/buy", ORDER)
    assert answer["error"] == {"code": 11094, "message": "internal_server_error"}
    assert await states(trader) == (["open"] * 2 if is_accepted else [])
    assert (await socket.answer("private/buy", ORDER))["result"]["order"]["order_state"] == "open"


@pytest.mark.parametrize(("kind", "is_accepted"), [("timeout_before", False), ("timeout_after", True)])
async def test_the_word_of_a_timeout_does_not_say_what_happened(
    trader: HttpTrader, kind: str, is_accepted: bool
) -> None:
    status, answer = await trader.asked("POST", "private/buy", ORDER, fault=kind)
    assert (status, answer["error"]) == (400, {"code": 13888, "message": "timed_out"})
    assert await states(trader) == (["open"] if is_accepted else [])


async def test_a_cancel_can_be_executed_and_its_answer_lost(trader: HttpTrader) -> None:
    id = (await trader.post("private/buy", **ORDER))["order"]["order_id"]
    with pytest.raises(GONE):
        await trader.asked("POST", "private/cancel", {"order_id": id}, fault="reset_after")
    assert await states(trader) == ["cancelled"]


async def test_an_answer_can_be_slow(trader: HttpTrader, socket: SocketTrader) -> None:
    await arm(trader, "slow", delay_ms=1_000)
    slow = await socket.send("private/buy", ORDER)
    fast = await socket.send("public/test", {})
    assert [(await socket.receive())["id"] for _ in range(2)] == [fast, slow]


async def test_a_storm_is_answered_with_too_many_requests(trader: HttpTrader, socket: SocketTrader) -> None:
    await arm(trader, "too_many_requests", "*")
    assert (await socket.answer("public/test", {}))["error"]["code"] == 10028
    assert await socket.receive() is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [("drop", ["b", "c"]), ("duplicate", ["a", "a", "b", "c"]), ("swap", ["b", "a", "c"])],
)
async def test_messages_can_be_lost_doubled_and_out_of_order(
    trader: HttpTrader, socket: SocketTrader, kind: str, told: list[str]
) -> None:
    channel = "user.orders.any.any.raw"
    await socket.ask("private/subscribe", channels=[channel, "user.portfolio.any"])
    await trader.admin("faults", events=[{"on": "user", "kind": kind, "event": "user.orders"}])
    for label in "abc":
        await trader.buy(label=label)
    assert [(await socket.data(channel))["label"] for _ in told] == told


async def test_a_lost_change_leaves_a_gap_in_the_chain(trader: HttpTrader, socket: SocketTrader) -> None:
    channel = f"book.{PERPETUAL}.raw"
    await socket.ask("private/subscribe", channels=[channel])
    known = (await socket.data(channel))["change_id"]
    await trader.admin("faults", events=[{"on": "market", "kind": "drop", "event": "book"}])
    await trader.buy("60000")
    await trader.buy("60001")
    change = await socket.data(channel)
    assert change["prev_change_id"] > known
    await socket.ask("private/unsubscribe", channels=[channel])
    await socket.ask("private/subscribe", channels=[channel])
    snapshot = await socket.data(channel)
    assert (snapshot["type"], snapshot["bids"][0][1]) == ("snapshot", 60001)


async def test_a_channel_can_fall_silent_while_the_socket_lives(trader: HttpTrader, socket: SocketTrader) -> None:
    channel = "user.orders.any.any.raw"
    await socket.ask("private/subscribe", channels=[channel])
    await trader.admin("faults", events=[{"on": "user", "kind": "silence"}])
    await trader.buy(label="a")
    await trader.admin("faults", "DELETE")
    await trader.buy(label="b")
    assert (await socket.data(channel))["label"] == "b"


async def test_all_sockets_can_be_cut(trader: HttpTrader, socket: SocketTrader) -> None:
    await trader.admin("sockets", action="cut")
    assert await socket.receive() is None


async def test_the_clock_of_the_venue_can_be_ahead(trader: HttpTrader) -> None:
    before = await trader.get("public/get_time")
    await trader.admin("faults", clock_offset_ms=5_000)
    assert await trader.get("public/get_time") >= before + 5_000


@pytest.mark.parametrize("settings", [{"fault_rate": 1.0}], indirect=True)
async def test_random_faults_meet_orders_only(trader: HttpTrader) -> None:
    assert await trader.get("public/get_time") > 0
    met = 0
    for _ in range(5):
        try:
            async with asyncio.timeout(0.2):
                status, answer = await trader.asked("POST", "private/buy", ORDER)
        except GONE:
            met += 1
            continue
        met += status != 200 or "error" in answer
    assert met == 5


async def test_what_a_request_became_is_kept(trader: HttpTrader) -> None:
    await trader.asked("POST", "private/buy", ORDER)
    with pytest.raises(Refused):
        await trader.buy(amount="5")
    requests = await trader.admin("requests", "GET")
    assert [(each["name"], each["outcome"]) for each in requests] == [
        ("private/buy", "OK"),
        ("private/buy", "10002 qty_too_low"),
    ]
    assert requests[0]["parameters"] == ORDER
