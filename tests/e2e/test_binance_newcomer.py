"""A newcomer's first hour with BINANCE: the simulator and the server as processes, a key that the simulator printed,
every type of order, fills on the socket, both processes killed in turn, and the same orders, balances and books on both
sides at the end."""

import asyncio
import json
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.trader import Trader, ok
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
INSTRUMENT = "BINANCE:BTC/USDT"
STATUSES = {
    "NEW": "ACCEPTED",
    "PARTIALLY_FILLED": "PARTIALLY_FILLED",
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
}
KINDS: list[dict[str, str]] = [
    {"orderType": "MARKET", "quantity": "0.01"},
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


class Simulator:
    """`cadenza simulate binance` on one port and one directory, over as many runs as it takes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = ["-m", "cadenza.cli", "simulate", "binance", "--still", "--port", str(self.port)]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--data-dir", str(self.directory), stdin=DEVNULL, stdout=PIPE
        )
        assert self.process.stdout is not None
        while b"truth" not in (line := await self.process.stdout.readline()):
            assert line, "the simulator ended"

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def key(self, kind: str = "HMAC") -> dict[str, Any]:
        keys = json.loads((self.directory / "keys.json").read_text())
        return next(key for key in keys if key["kind"] == kind)

    async def revoke(self) -> None:
        """Revoke the key, as its owner does at the venue."""
        order = {"revoke": self.key()["key"]}
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/simulator/keys", json=order) as reply:
            assert reply.status == 200

    async def truth(self) -> dict[str, Any]:
        return (await self._get("/simulator/truth"))["spot"]

    async def depth(self) -> dict[str, Any]:
        return await self._get("/api/v3/depth?symbol=BTCUSDT&limit=5")

    async def _get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}{path}") as reply:
            return await reply.json()


class Listener:
    """The account's channel on the server's socket."""

    def __init__(self) -> None:
        self.filled: set[str] = set()

    @asynccontextmanager
    async def listening(self, server: Serving, token: str, account: str) -> AsyncIterator[None]:
        url = f"ws://{server.address}/connection/websocket"
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
            await socket.send_str(json.dumps({"id": 1, "connect": {"token": token}}))
            await socket.send_str(json.dumps({"id": 2, "subscribe": {"channel": f"tradingAccount:{account}"}}))
            subscribed = asyncio.Event()
            reading = asyncio.create_task(self._read(socket, subscribed))
            await subscribed.wait()
            try:
                yield
            finally:
                reading.cancel()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, subscribed: asyncio.Event) -> None:
        async for message in socket:
            for line in message.data.splitlines():
                frame = json.loads(line)
                if frame == {}:
                    await socket.send_str("{}")
                elif frame.get("id") == 2:
                    assert "error" not in frame, frame
                    subscribed.set()
                elif (data := frame.get("push", {}).get("pub", {}).get("data")) is not None:
                    self._note(data)

    def _note(self, data: dict[str, Any]) -> None:
        if data["type"] == "event.trade_order.updated" and data["data"]["status"] == "FILLED":
            self.filled.add(data["data"]["tradeOrderId"])


@pytest_asyncio.fixture(loop_scope="session")
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    directory = tmp_path / "simulator"
    directory.mkdir()
    running = Simulator(directory)
    await running.start()
    yield running
    await running.kill()


async def connect(trader: Trader, simulator: Simulator) -> None:
    key = simulator.key()
    asked = {
        "venue": "BINANCE",
        "nickname": "first",
        "credentialType": "HMAC",
        "apiKey": key["key"],
        "apiSecret": key["secret"],
    }
    trader.credential = (await ok(trader.api.post("/api/v3/credential/create", asked))).data["credentialId"]
    reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [trader.credential]}))).data
    assert {each["accountType"] for each in reached} == {"SPOT", "MARGIN", "FUTURES"}
    trader.spot, trader.margin = [
        await trader._connect_one(next(each for each in reached if each["accountType"] == type))
        for type in ("SPOT", "FUTURES")
    ]


async def shows_its_margin(trader: Trader) -> bool:
    """Whether the portfolio of the USD-M account shows the venue's leverage and margins."""
    portfolio = await trader.portfolio(trader.margin)
    summary, (free, locked) = portfolio["summary"], (await trader.balances(trader.margin))["USDT"]
    exposure, margin = D(summary["riskExposure"]), D(summary["margin"])
    is_known = exposure > 0 and D(summary["marginRequirement"]) > 0
    return is_known and (summary["leverage"], margin) == (20, exposure / 20) and locked > 0 < free


async def says_what_to_do(trader: Trader) -> bool:
    """Whether the account and an order say that the venue does not accept the key."""
    accounts = (await ok(trader.api.get("/api/v3/tradingAccount/list", tradingAccountId=trader.spot))).data
    answer = await trader.try_submit(quantity="0.01")
    if accounts[0]["status"] != "SUSPENDED" or answer.code != "CREDENTIAL_REJECTED":
        return False
    return "BINANCE does not accept the credential 'first'" in answer.body["error"]


def shown(orders: list[dict[str, Any]]) -> dict[str, tuple[str, D]]:
    """How each order stands, by its id at the venue, in the words of the venue: it canceled what expired here."""
    return {
        f"cz{each['tradeOrderId'].replace('-', '')}": (
            each["status"].replace("EXPIRED", "CANCELLED"),
            D(each["executedQuantity"]),
        )
        for each in orders
    }


async def is_filled(trader: Trader) -> bool:
    """Whether a market order goes through."""
    answer = await trader.try_submit(quantity="0.01", awaitClosed=True)
    return answer.status == 200 and answer.data[0]["status"] == "FILLED"


async def are_equal(trader: Trader, simulator: Simulator) -> bool:
    """Whether orders and balances are the same here and in the simulator's ledger."""
    truth = await simulator.truth()
    recorded = await trader.orders(tradingAccountId=trader.spot)
    sent = [each for each in recorded if each["status"] != "REJECTED" and each["orderType"] != "TRAILING_STOP"]
    orders = shown(sent)  # the platform holds a trailing stop until its trigger is reached
    there = {
        each["client_order_id"]: (STATUSES[each["status"]], D(each["executed"]))
        for each in truth["orders"]
        if each["client_order_id"] in orders
    }
    balances = {
        asset: (D(held["free"]), D(held["locked"]))
        for asset, held in truth["balances"].items()
        if D(held["free"]) or D(held["locked"])
    }
    held_here = {asset: held for asset, held in (await trader.balances(trader.spot)).items() if any(held)}
    return orders == there and held_here == balances


async def test_a_newcomer_trades_at_the_simulator(simulator: Simulator, tmp_path: Path) -> None:
    settings = {"VENUES": "PAPER,BINANCE", "BINANCE_URL": simulator.url}
    server = await Serving.start(tmp_path / "data", settings)
    try:
        async with Trader(server.url, venue="BINANCE") as trader:
            await trader.enter()
            await connect(trader, simulator)
            listener = Listener()
            async with listener.listening(server, str(trader.api.token), trader.spot):
                made = [await trader.submit(**{"quantity": "0.01", **kind}) for kind in KINDS]
                assert {order["status"] for order in made} <= {"ACCEPTED", "FILLED", "CANCELLED"}
                market = made[0]["tradeOrderId"]

                async def was_seen() -> bool:
                    return market in listener.filled

                await eventually(was_seen)

                soon_ms = int(time.time() * 1_000) + 2_000
                ending = await trader.submit(
                    quantity="0.01", orderType="LIMIT", limitPrice="50000", timeInForce="GTD", expireAt=soon_ms
                )
                assert (ending["status"], ending["timeInForce"]) == ("ACCEPTED", "GTD")

                async def has_expired() -> bool:
                    return (await trader.order(ending["tradeOrderId"]))["status"] == "EXPIRED"

                await eventually(has_expired)

            await eventually(partial(are_equal, trader, simulator))
            contract = {"tradingAccountId": trader.margin, "instrumentId": "BINANCE:BTC/USDT-PERP"}
            assert (await trader.submit(**contract, quantity="0.01"))["status"] in ("ACCEPTED", "FILLED")
            await eventually(partial(shows_its_margin, trader))
            await simulator.kill()
            assert not await is_filled(trader), "the venue is away"
            await simulator.start()
            await eventually(partial(is_filled, trader), within_s=60)
            await eventually(partial(are_equal, trader, simulator))
            email = trader.email
        await server.kill()
        server = await Serving.start(tmp_path / "data", settings)
        async with Trader(server.url, email=email, venue="BINANCE") as again:
            again.spot = trader.spot
            await again.log_in()

            await eventually(partial(is_filled, again), within_s=60)
            resting = [each for each in await again.orders(tradingAccountId=again.spot) if each["status"] == "ACCEPTED"]
            assert len(resting) >= 5
            for order in resting:
                assert (await again.cancel(order))["status"] == "CANCELLED"

            await eventually(partial(are_equal, again, simulator))
            book, depth = await again.book(INSTRUMENT), await simulator.depth()
            for side in ("bids", "asks"):
                ours = [(D(price), D(quantity)) for price, quantity in book[side][:5]]
                theirs = [(D(price), D(quantity)) for price, quantity in depth[side]]
                assert ours == theirs
            await simulator.revoke()
            await eventually(partial(says_what_to_do, again), within_s=60)
    finally:
        await server.kill()
