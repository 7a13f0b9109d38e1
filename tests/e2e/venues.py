"""The venues outside that tests across venues trade at, a row each: their simulators as processes, and how their words
are read."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.newcomer import SimulatorProcess
from tests.e2e.trader import Trader, ok

Payload = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideVenue:
    """A venue, the account that the tests trade with, and what its simulator calls things."""

    name: str
    account_type: str
    instrument: str
    symbol: str
    """The instrument's symbol under `/simulator/market`."""
    key: Callable[[list[Payload]], Mapping[str, str]]
    """Reads the fields of a credential from the simulator's `keys.json`."""
    orders: Callable[[Payload], list[tuple[str, str]]]
    """Reads our id and the state of each order from the simulator's truth."""
    filled: str
    sent_id: Callable[[str], str] | None
    """Our id at the venue of an order of ours; None where a counter gives it."""
    best: Callable[[Payload], tuple[D, D]]
    """Reads the best bid and ask from what the venue answers to `depth`."""
    depth: str


def _digits(order_id: str) -> str:
    return order_id.replace("-", "")


def _with_prefix(order_id: str) -> str:
    return f"cz{_digits(order_id)}"


OUTSIDE = (
    OutsideVenue(
        name="BINANCE",
        account_type="SPOT",
        instrument="BINANCE:BTC/USDT",
        symbol="BTCUSDT",
        key=lambda keys: next(
            {"apiKey": key["key"], "apiSecret": key["secret"]} for key in keys if key["kind"] == "HMAC"
        ),
        orders=lambda truth: [(each["client_order_id"], each["status"]) for each in truth["spot"]["orders"]],
        filled="FILLED",
        sent_id=_with_prefix,
        best=lambda found: (D(found["bids"][0][0]), D(found["asks"][0][0])),
        depth="/api/v3/depth?symbol=BTCUSDT&limit=5",
    ),
    OutsideVenue(
        name="OKX",
        account_type="SPOT",
        instrument="OKX:BTC/USDT",
        symbol="BTC-USDT",
        key=lambda keys: next(
            {"apiKey": key["key"], "apiSecret": key["secret"], "apiPassphrase": key["passphrase"]}
            for key in keys
            if not key["is_demo"]
        ),
        orders=lambda truth: [(each["client_order_id"], each["state"]) for each in truth["orders"]],
        filled="filled",
        sent_id=_digits,
        best=lambda found: (D(found["data"][0]["bids"][0][0]), D(found["data"][0]["asks"][0][0])),
        depth="/api/v5/market/books?instId=BTC-USDT&sz=5",
    ),
    OutsideVenue(
        name="DERIBIT",
        account_type="MARGIN",
        instrument="DERIBIT:BTC/USDC",
        symbol="BTC_USDC",
        key=lambda keys: {"apiKey": keys[0]["key"], "apiSecret": keys[0]["secret"]},
        orders=lambda truth: [(each["label"], each["state"]) for each in truth["orders"]],
        filled="filled",
        sent_id=_with_prefix,
        best=lambda found: (D(str(found["result"]["bids"][0][0])), D(str(found["result"]["asks"][0][0]))),
        depth="/api/v2/public/get_order_book?instrument_name=BTC_USDC&depth=5",
    ),
    OutsideVenue(
        name="BITFINEX",
        account_type="SPOT",
        instrument="BITFINEX:BTC/USDT",
        symbol="tBTCUST",
        key=lambda keys: {"apiKey": keys[0]["key"], "apiSecret": keys[0]["secret"]},
        orders=lambda truth: [(str(each["cid"]), each["ending"]) for each in truth["orders"]],
        filled="EXECUTED",
        sent_id=None,
        best=lambda rows: (
            max(D(str(price)) for price, _, amount in rows if amount > 0),
            min(D(str(price)) for price, _, amount in rows if amount < 0),
        ),
        depth="/v2/book/tBTCUST/P0?len=25",
    ),
)


class OutsideProcess(SimulatorProcess):
    """A venue's simulator in a process of its own, and its test paths."""

    def __init__(self, venue: OutsideVenue, directory: Path) -> None:
        directory.mkdir()
        super().__init__(venue.name.lower(), directory)
        self.row = venue

    async def post(self, path: str, order: Mapping[str, Any]) -> None:
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/simulator/{path}", json=order) as reply:
            assert reply.status == 200, await reply.text()

    async def disarm(self) -> None:
        async with aiohttp.ClientSession() as http, http.delete(f"{self.url}/simulator/faults") as reply:
            assert reply.status == 200

    async def stands(self) -> list[tuple[str, str]]:
        return self.row.orders(await self.get("/simulator/truth"))

    async def are_filled(self, ours: Collection[str]) -> bool:
        """Whether these orders of ours are filled at the venue, and no others. None may have been placed twice."""
        there = await self.stands()
        ids = [id for id, _ in there]
        assert len(ids) == len(set(ids)), "an order was placed twice"
        filled = {id for id, state in there if state == self.row.filled}
        if self.row.sent_id is None:
            return len(filled) == len(ours)
        return filled == set(map(self.row.sent_id, ours))

    async def best(self) -> tuple[D, D]:
        return self.row.best(await self.get(self.row.depth))

    async def connect(self, trader: Trader) -> str:
        """Connect the account of the simulator's first key; return its id."""
        return await connect(trader, self.row.name, self.row.account_type, self.row.key(self.keys()))


async def connect(trader: Trader, venue: str, account_type: str, key: Mapping[str, str]) -> str:
    """Store a key, and connect the account of the type that it reaches; return the account's id."""
    asked = {"venue": venue, "nickname": venue, "credentialType": "HMAC", **key}
    trader.credential = (await ok(trader.api.post("/api/v3/credential/create", asked))).data["credentialId"]
    reached = (await ok(trader.api.post("/api/v3/credential/verify", {"credentialIds": [trader.credential]}))).data
    return await trader._connect_one(next(each for each in reached if each["accountType"] == account_type))


def settings_for(simulators: list[OutsideProcess]) -> dict[str, str]:
    """The settings, without their prefix, with which a server connects PAPER and the simulators."""
    names = ",".join(["PAPER", *(each.row.name for each in simulators)])
    return {"VENUES": names} | {f"{each.row.name}_URL": each.url for each in simulators}
