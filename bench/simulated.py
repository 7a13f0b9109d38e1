"""Venues outside as benchmarks know them: a simulator in a process of its own, and a user with an account there."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
from load import Connection
from served import Served

Key = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideVenue:
    """A venue, the account that trades there, and how fast it may."""

    name: str
    account_type: str
    symbol: str
    """Of the instrument that is traded, as we and ccxt write it."""
    quantity: str
    resting_price: str
    """A price at which an order to buy rests."""
    burst: int
    """Orders that we send at once after the pause."""
    pause_s: float
    limit: int
    """Requests that the venue takes at once of a key that has been silent, and how fast it takes more after that."""
    requests_per_s: float
    requests_an_order: int = 1
    """How many of these an order with its cancel is."""
    accounts_max: int = 1_000
    """How many accounts may be connected from one address: a venue may limit its sockets."""
    is_main: Callable[[Key], bool] = lambda key: True
    """Whether a key is one that the benchmark may use."""

    @property
    def instrument(self) -> str:
        return f"{self.name}:{self.symbol}"


VENUES = {
    venue.name: venue
    for venue in (
        OutsideVenue(
            name="BINANCE", account_type="SPOT", symbol="BTC/USDT", quantity="0.001", resting_price="30000",
            burst=100, pause_s=10.5, limit=100, requests_per_s=10,
             is_main=lambda key: key["kind"] == "HMAC",
        ),
        OutsideVenue(
            name="OKX", account_type="SPOT", symbol="BTC/USDT", quantity="0.001", resting_price="55000",
            burst=60, pause_s=2.5, limit=60, requests_per_s=30,
             is_main=lambda key: not key["is_demo"],
        ),
        OutsideVenue(
            name="DERIBIT", account_type="MARGIN", symbol="BTC/USDC", quantity="0.001", resting_price="55000",
            burst=15, pause_s=4.5, limit=20, requests_per_s=5,
            requests_an_order=2,
            accounts_max=30,
        ),
        OutsideVenue(
            name="BITFINEX", account_type="SPOT", symbol="BTC/USDT", quantity="0.001", resting_price="55000",
            burst=50, pause_s=1, limit=1_000, requests_per_s=1_000 / 300,
        ),
    )
}  # fmt: skip


class SimulatedVenue:
    """`cadenza simulate VENUE` in a process of its own."""

    def __init__(self, row: OutsideVenue, process: Process, url: str, directory: Path) -> None:
        self.row, self.process, self.url, self._directory = row, process, url, directory
        keys = json.loads((directory / "keys.json").read_text())
        self.keys: list[Key] = [key for key in keys if row.is_main(key)]

    @classmethod
    async def start(cls, row: OutsideVenue, directory: Path, port: int = 0) -> Self:
        command = ["-m", "cadenza.cli", "simulate", row.name.lower(), "--still", "--port", str(port)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--data-dir", str(directory), stdout=PIPE
        )
        assert process.stdout is not None
        said = ""
        while "truth" not in said:
            line = (await process.stdout.readline()).decode()
            if not line:
                raise SystemExit(f"the simulator did not start: {said}")
            said += line
        url = re.search(r"REST +(http://[^/\s]+)", said)
        assert url is not None
        return cls(row, process, url[1], directory)

    def credential(self) -> dict[str, str]:
        """The body that stores the first key."""
        return credential_of(self.row, self.keys[0])

    async def new_key(self) -> Key:
        """Return another key of the account: a venue may count nonces by key."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/simulator/keys", json={}) as reply:
            reply.raise_for_status()
            return dict(await reply.json())

    async def arm(self, **faults: Any) -> None:
        """Arm faults, as the tests' own paths take them."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/simulator/faults", json=faults) as reply:
            reply.raise_for_status()

    async def disarm(self) -> None:
        async with aiohttp.ClientSession() as http, http.delete(f"{self.url}/simulator/faults") as reply:
            reply.raise_for_status()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.communicate()

    async def start_again(self) -> None:
        """Start it at the address that it had."""
        again = await self.start(self.row, self._directory, int(self.url.rpartition(":")[2]))
        self.process = again.process

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.communicate()


def credential_of(row: OutsideVenue, key: Key) -> dict[str, str]:
    asked = {"venue": row.name, "credentialType": "HMAC", "apiKey": key["key"], "apiSecret": key["secret"]}
    return asked | ({"apiPassphrase": key["passphrase"]} if "passphrase" in key else {})


def settings_for(venues: Iterable[SimulatedVenue]) -> dict[str, str]:
    """The settings with which a server connects PAPER, MOCK and these."""
    names = ",".join(["PAPER", "MOCK", *(venue.row.name for venue in venues)])
    return {"CADENZA_VENUES": names} | {f"CADENZA_{venue.row.name}_URL": venue.url for venue in venues}


async def signed_up(connection: Connection) -> str:
    """Return the access token of a new user."""
    who = {"email": "bench@example.com", "password": "correct horse battery"}
    await connection.call("/auth/signup", who)
    return str((await connection.call("/auth/login", who))["accessToken"])


async def connected(connection: Connection, token: str, credential: Mapping[str, str], account_type: str) -> str:
    """Store a key and connect its account of a type; return the account's id."""
    stored = (await connection.call("/credential/create", dict(credential), token))["credentialId"]
    reached = await connection.call("/credential/verify", {"credentialIds": [stored]}, token)
    external = next(each["externalTradingAccountId"] for each in reached if each["accountType"] == account_type)
    names = {"credentialIds": [stored], "externalTradingAccountId": external}
    return str((await connection.call("/tradingAccount/connect", names, token))["tradingAccountId"])


async def user_at(served: Served, venue: SimulatedVenue) -> tuple[str, str]:
    """Return the token of a new user, and the id of the account at the venue."""
    connection = await Connection.open(served.host, served.port)
    token = await signed_up(connection)
    account = await connected(connection, token, venue.credential(), venue.row.account_type)
    connection.close()
    return token, account
