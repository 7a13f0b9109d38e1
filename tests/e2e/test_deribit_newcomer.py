"""A newcomer's first hour with DERIBIT: the simulator and the server as processes, a key that the simulator printed,
orders of perpetuals and of a pair, fills on the socket, both processes killed in turn, the server with orders under
way, and the same orders, balances and positions on both sides at the end. At last the key is revoked."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.newcomer import Listener, SimulatorProcess
from tests.e2e.trader import Trader, ok
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
PERPETUAL, PAIR = "DERIBIT:BTC/USDC-PERP", "DERIBIT:BTC/USDC"
STATUSES = {"open": "ACCEPTED", "untriggered": "ACCEPTED", "filled": "FILLED", "cancelled": "CANCELLED"}
KINDS: list[dict[str, str]] = [
    {"orderType": "MARKET"},
    {"orderType": "LIMIT", "limitPrice": "50000"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "GTX"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "IOC"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "FOK"},
    {"orderType": "LIMIT", "limitPrice": "50000", "timeInForce": "DAY"},
    {"orderType": "STOP", "stopPrice": "70000"},
    {"orderType": "STOP_LIMIT", "stopPrice": "70000", "limitPrice": "70100"},
    {"orderType": "STOP_LOSS", "stopPrice": "50000", "orderSide": "SELL"},
    {"orderType": "TAKE_PROFIT_LIMIT", "stopPrice": "50000", "limitPrice": "50100"},
    {"orderType": "TAKE_PROFIT", "stopPrice": "70000", "orderSide": "SELL"},
    {"orderType": "TRAILING_STOP", "stopPrice": "50000", "orderSide": "SELL"},
]
RESTING = {"orderType": "LIMIT", "limitPrice": "50000"}
UNDER_WAY = 4
"""Orders whose answers do not come, and as many that do not arrive: fewer than the venue takes at once."""


class DeribitProcess(SimulatorProcess):
    def key(self) -> dict[str, Any]:
        return self.keys()[0]

    async def truth(self) -> dict[str, Any]:
        return dict(await self.get("/simulator/truth"))

    async def arm(self, kind: str, times: int) -> None:
        armed = {"requests": [{"on": "private/buy", "kind": kind, "times": times}]}
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/simulator/faults", json=armed) as reply:
            assert reply.status == 200


@pytest_asyncio.fixture(loop_scope="session")
async def simulator(tmp_path: Path) -> AsyncIterator[DeribitProcess]:
    directory = tmp_path / "simulator"
    directory.mkdir()
    running = DeribitProcess("deribit", directory)
    await running.start()
    yield running
    await running.kill()


async def connect(trader: Trader, simulator: DeribitProcess) -> None:
    """`spot` is the account of futures: the one in which orders go when nothing else is said."""
    key = simulator.key()
    asked = {
        "venue": "DERIBIT",
        "nickname": "first",
        "credentialType": "HMAC",
        "apiKey": key["key"],
        "apiSecret": key["secret"],
    }
    trader.credential = (await ok(trader.api.post("/api/v3/credential/create", asked))).data["credentialId"]
    reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [trader.credential]}))).data
    by_type = {each["accountType"]: each for each in reached}
    assert set(by_type) == {"MARGIN", "FUTURES", "OPTIONS"}
    trader.spot, trader.margin = [await trader._connect_one(by_type[type]) for type in ("FUTURES", "MARGIN")]


async def submit(trader: Trader, **asked: Any) -> dict[str, Any]:
    return await trader.submit(**{"instrumentId": PERPETUAL, "quantity": "0.01", **asked})


async def is_filled(trader: Trader) -> bool:
    """Whether a market order goes through."""
    answer = await trader.try_submit(instrumentId=PERPETUAL, quantity="0.01", awaitClosed=True)
    return answer.status == 200 and answer.data[0]["status"] == "FILLED"


async def says_what_to_do(trader: Trader) -> bool:
    """Whether the account and an order say that the venue does not accept the key."""
    accounts = (await ok(trader.api.get("/api/v3/tradingAccount/list", tradingAccountId=trader.spot))).data
    answer = await trader.try_submit(instrumentId=PERPETUAL, quantity="0.01")
    if accounts[0]["status"] != "SUSPENDED" or answer.code != "CREDENTIAL_REJECTED":
        return False
    return "DERIBIT does not accept the credential 'first'" in answer.body["error"]


async def are_equal(trader: Trader, simulator: DeribitProcess) -> bool:
    """Whether orders, balances and positions are the same here and in the simulator's ledger, and every order was
    accepted there once."""
    truth = await simulator.truth()
    assert all(each["times"] == 1 for each in truth["accepted"])
    recorded = await trader.orders(tradingAccountId=trader.spot)
    sent = [each for each in recorded if each["status"] != "REJECTED" and each["orderType"] != "TRAILING_STOP"]
    orders = {  # the platform holds a trailing stop until its trigger is reached; the venue canceled what expired here
        each["tradeOrderId"].replace("-", ""): (
            each["status"].replace("EXPIRED", "CANCELLED"),
            D(each["executedQuantity"]),
        )
        for each in sent
    }
    there = {
        each["label"].removeprefix("cz"): (STATUSES[each["state"]], D(each["filled"]))
        for each in truth["orders"]
        if each["instrument"] == "BTC_USDC-PERPETUAL"
    }
    money_there = {each["currency"]: D(each["balance"]) for each in truth["wallets"] if D(each["balance"])}
    money_here = {asset: sum(held) for asset, held in (await trader.balances(trader.spot)).items() if any(held)}
    positions = (await trader.portfolio(trader.spot))["positions"]
    held_here = {each["instrumentId"]: D(each["quantity"]) for each in positions if D(each["quantity"])}
    held_there = sum(D(each["size"]) for each in truth["positions"])
    return (orders, money_here, held_here) == (there, money_there, {PERPETUAL: held_there} if held_there else {})


async def test_a_newcomer_trades_at_the_simulator_of_deribit(simulator: DeribitProcess, tmp_path: Path) -> None:
    settings = {"VENUES": "PAPER,DERIBIT", "DERIBIT_URL": simulator.url}
    server = await Serving.start(tmp_path / "data", settings)
    try:
        async with Trader(server.url, venue="DERIBIT") as trader:
            await trader.enter()
            await connect(trader, simulator)
            listener = Listener()
            async with listener.listening(server, str(trader.api.token), trader.spot):
                made = [await submit(trader, **kind) for kind in KINDS]
                assert {order["status"] for order in made} <= {"ACCEPTED", "FILLED", "CANCELLED"}
                market = made[0]["tradeOrderId"]

                async def was_seen() -> bool:
                    return market in listener.filled

                await eventually(was_seen)
            await eventually(partial(are_equal, trader, simulator))
            pair = {"tradingAccountId": trader.margin, "instrumentId": PAIR}
            assert (await trader.submit(**pair, quantity="0.01"))["status"] in ("ACCEPTED", "FILLED")
            await simulator.kill()
            assert not await is_filled(trader), "the venue is away"
            await simulator.start()
            await eventually(partial(is_filled, trader), within_s=60)
            await eventually(partial(are_equal, trader, simulator))
            email = trader.email
            arrived, lost = await leave_under_way(trader, simulator, server)
        server = await Serving.start(tmp_path / "data", settings)
        async with Trader(server.url, email=email, venue="DERIBIT") as again:
            again.spot = trader.spot
            await again.log_in()
            await eventually(partial(have, again, arrived, "ACCEPTED"), within_s=60)
            await eventually(partial(have, again, lost, "REJECTED"), within_s=60)
            await eventually(partial(is_filled, again), within_s=60)
            await eventually(partial(are_equal, again, simulator))
            resting = [each for each in await again.orders(tradingAccountId=again.spot) if each["status"] == "ACCEPTED"]
            assert len(resting) >= 5 + UNDER_WAY
            for order in resting:
                assert (await again.cancel(order))["status"] in ("PENDING_CANCEL", "CANCELLED")
            await eventually(partial(have, again, [each["tradeOrderId"] for each in resting], "CANCELLED"), within_s=60)
            await eventually(partial(are_equal, again, simulator))
            await simulator.revoke(simulator.key()["key"])
            await eventually(partial(says_what_to_do, again), within_s=60)
            await eventually(partial(have_sounded, server, "key_refused", 2))  # once for each of the two accounts
    finally:
        await server.kill()


async def leave_under_way(trader: Trader, simulator: DeribitProcess, server: Serving) -> tuple[set[str], set[str]]:
    """Kill the server with orders under way. Return those that are at the venue without an answer, and those that
    never got there."""
    calls: list[asyncio.Task[Any]] = []
    found: list[set[str]] = []
    known = {each["tradeOrderId"] for each in await trader.orders(tradingAccountId=trader.spot)}
    for kind in ("silence_after", "silence_before"):
        await simulator.arm(kind, UNDER_WAY)
        asked = [trader.try_submit(instrumentId=PERPETUAL, quantity="0.02", **RESTING) for _ in range(UNDER_WAY)]
        calls += [asyncio.create_task(each) for each in asked]
        await eventually(partial(_are_recorded, trader, len(known) + UNDER_WAY))
        recorded = {each["tradeOrderId"] for each in await trader.orders(tradingAccountId=trader.spot)}
        found.append(recorded - known)
        known |= recorded
        await eventually(partial(_are_there, simulator, found[0]))
    await server.kill()
    await asyncio.gather(*calls, return_exceptions=True)
    return found[0], found[1]


async def _are_recorded(trader: Trader, number: int) -> bool:
    return len(await trader.orders(tradingAccountId=trader.spot)) == number


async def _are_there(simulator: DeribitProcess, ids: set[str]) -> bool:
    there = {each["label"].removeprefix("cz") for each in (await simulator.truth())["orders"]}
    return {id.replace("-", "") for id in ids} <= there


async def have(trader: Trader, ids: Collection[str], status: str) -> bool:
    return {(await trader.order(id))["status"] for id in ids} == {status}


async def have_sounded(server: Serving, alarm: str, times: int) -> bool:
    lines = (json.loads(line) for line in server.log_file.read_text().splitlines() if line.startswith("{"))
    return sum(line.get("event") == alarm for line in lines) == times
