"""A venue that answers late, twice, wrongly or never: unknown is shown as unknown until the truth is known, without a
restart and without sending anything again. MOCK plays the venue."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal as D
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.trader import Trader, refused
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW_ANSWERED_WITHIN_S = 30.0
"""5 s for the venue's reply and 1 s for the close; here tests run beside it."""

SLOW_REPORTED_WITHIN_S = 60.0
"""Long before the reply."""


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: Serving) -> AsyncIterator[Trader]:
    """A user of MOCK."""
    async with Trader(server.url, venue="MOCK") as someone:
        await someone.enter()
        await someone.connect()
        yield someone


async def submit(client: Trader, script: str, **asked: Any) -> dict[str, Any]:
    return await client.submit(clientOrderId=f"{script}#1", **asked)


async def until_status(client: Trader, order: dict[str, Any], status: str) -> dict[str, Any]:
    async def has_come() -> bool:
        return bool((await client.order(order["tradeOrderId"]))["status"] == status)

    await eventually(has_come)
    return await client.order(order["tradeOrderId"])


async def base_held(client: Trader) -> D:
    free, locked = (await client.balances(client.spot))["BTC"]
    return free + locked


async def test_a_lost_acknowledgement_is_looked_up(client: Trader) -> None:
    before = await base_held(client)
    order = await submit(client, "mock.ack-lost.fill", quantity="0.1")
    assert (order["status"], order["executedQuantity"]) == ("SUBMITTED", "0")
    again = await submit(client, "mock.ack-lost.fill", quantity="0.1")
    assert again["tradeOrderId"] == order["tradeOrderId"]
    filled = await until_status(client, order, "FILLED")
    assert len(filled["executions"]) == 1
    assert await base_held(client) == before + D("0.1")


async def test_what_never_arrived_is_closed_with_proof_and_not_sent_again(client: Trader) -> None:
    order = await submit(client, "mock.never-arrives", quantity="0.1")
    assert order["status"] == "SUBMITTED"
    closed = await until_status(client, order, "REJECTED")
    assert closed["rejectReason"] == "NOT_FOUND_AT_VENUE"
    assert (await client.balances(client.spot))["USDT"][1] == 0


async def test_a_fill_that_is_reported_twice_is_booked_once(client: Trader) -> None:
    before = await base_held(client)
    order = await submit(client, "mock.duplicate-fill", quantity="0.1", awaitClosed=True)
    filled = await until_status(client, order, "FILLED")
    assert len(filled["executions"]) == 1
    assert await base_held(client) == before + D("0.1")


async def test_a_fill_that_overtakes_its_acknowledgement_finds_its_order(client: Trader) -> None:
    order = await submit(client, "mock.fill-before-ack", quantity="0.1", awaitClosed=True)
    assert (await until_status(client, order, "FILLED"))["executedQuantity"] == "0.1"


async def test_a_late_fill_is_booked_and_the_state_stays(client: Trader) -> None:
    before = await base_held(client)
    order = await submit(client, "mock.late-fill:200", quantity="0.2", orderType="LIMIT", limitPrice="20000")
    assert (await client.cancel(order))["status"] == "CANCELLED"

    async def has_money() -> bool:
        return await base_held(client) == before + D("0.1")

    await eventually(has_money)
    late = await client.order(order["tradeOrderId"])
    assert (late["status"], late["executedQuantity"]) == ("CANCELLED", "0.1")


async def test_a_cancel_that_loses_the_race_is_a_fill(client: Trader) -> None:
    order = await submit(client, "mock.cancel-too-late", quantity="0.1", orderType="LIMIT", limitPrice="20000")
    answer = await client.try_cancel(order)
    if answer.status == 200:
        await until_status(client, order, "FILLED")
    else:
        refused(answer, 400, "ORDER_ALREADY_CLOSED")
    assert (await client.order(order["tradeOrderId"]))["status"] == "FILLED"


async def test_a_refused_cancel_leaves_the_order_at_work(client: Trader) -> None:
    order = await submit(client, "mock.rest.cancel-refused:1", quantity="0.1")
    assert (await client.cancel(order))["status"] == "ACCEPTED"
    assert (await client.cancel(order))["status"] == "CANCELLED"


async def test_a_script_with_a_typing_error_is_refused_with_the_reason(client: Trader) -> None:
    order = await submit(client, "mock.partail:3", quantity="0.1")
    assert order["status"] == "REJECTED"
    assert "partail" in order["rejectReason"]


@pytest.mark.parametrize("asked", [{}, {"orderType": "LIMIT", "limitPrice": "20000"}], ids=["MARKET", "LIMIT"])
async def test_a_slow_acknowledgement_holds_no_request(client: Trader, asked: dict[str, Any]) -> None:
    began = time.monotonic()
    order = await submit(client, "mock.ack-delay:120000", quantity="0.1", awaitClosed=True, **asked)
    assert time.monotonic() - began < SLOW_ANSWERED_WITHIN_S
    reply = await until_status(client, order, "ACCEPTED" if asked else "FILLED")
    assert time.monotonic() - began < SLOW_REPORTED_WITHIN_S
    assert len(reply["executions"]) == (0 if asked else 1)
