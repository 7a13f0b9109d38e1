"""Keys over restarts, the same at every simulator: one that was made stays, one that was revoked stays away."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.bitfinex.server import run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.bitfinex.wire.keys import BitfinexKeys
from cadenza.simulators.deribit.server import run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.okx.server import run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings

from .binance.trader import Trader
from .bitfinex.trader import BitfinexTrader
from .deribit.trader import HttpTrader
from .okx.trader import OkxTrader


@dataclass(frozen=True)
class KeyedVenue:
    """A simulator. `accepts` asks with a key, and says whether that is answered."""

    start: Callable[[Path], AbstractAsyncContextManager[Any]]
    accepts: Callable[[Any, Any], Awaitable[bool]]


async def binance_accepts(running: Any, key: Any) -> bool:
    async with Trader(running) as trader:
        trader.key = key
        return (await trader.signed("GET", "/api/v3/account")).status == 200


async def okx_accepts(running: Any, key: Any) -> bool:
    async with OkxTrader(running, key) as trader:
        return bool((await trader.get("account/config")).body["code"] == "0")


async def deribit_accepts(running: Any, key: Any) -> bool:
    async with HttpTrader(running.url, key.key, key.secret, running.venue.now_ms) as trader:
        return "result" in (await trader.asked("GET", "private/get_account_summaries", {}))[1]


async def bitfinex_accepts(running: Any, key: Any) -> bool:
    async with BitfinexTrader(running, key) as trader:
        return (await trader.post("auth/r/wallets")).status == 200


VENUES = {
    "binance": KeyedVenue(
        lambda directory: run_simulator(SimulatorSettings(data_dir=directory), SystemClock(), SystemIds()),
        binance_accepts,
    ),
    "okx": KeyedVenue(
        lambda directory: run_okx_simulator(OkxSimulatorSettings(data_dir=directory), SystemClock(), SystemIds()),
        okx_accepts,
    ),
    "deribit": KeyedVenue(
        lambda directory: run_deribit(DeribitSettings(data_dir=directory), SystemClock(), SystemIds()),
        deribit_accepts,
    ),
    "bitfinex": KeyedVenue(
        lambda directory: run_bitfinex(BitfinexSettings(data_dir=directory), SystemClock(), SystemIds()),
        bitfinex_accepts,
    ),
}


@pytest.fixture(params=VENUES)
def venue(request: pytest.FixtureRequest) -> KeyedVenue:
    return VENUES[request.param]


async def ordered(running: Any, **order: Any) -> Any:
    """Return what the simulator answers to an order about keys."""
    url = f"{running.url}/simulator/keys"
    async with aiohttp.ClientSession() as http, http.post(url, json=order) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.json()


async def test_what_becomes_of_a_key_outlives_the_simulator(venue: KeyedVenue, tmp_path: Path) -> None:
    async with venue.start(tmp_path) as running:
        first = running.venue.keys.all()
        made = [running.venue.keys.find((await ordered(running))["key"]) for _ in range(2)]
        assert await venue.accepts(running, made[0])
        await ordered(running, revoke=made[1].key)
    async with venue.start(tmp_path) as running:
        assert running.venue.keys.all() == [*first, made[0]]
        assert await venue.accepts(running, made[0])
        assert not await venue.accepts(running, made[1])


def test_the_file_of_keys_is_its_owners_alone(tmp_path: Path) -> None:
    keys = BitfinexKeys.of_accounts(tmp_path, ["main"], SystemIds())
    keys.add(keys.of("main"))
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_simulator_without_a_key_of_a_kind_makes_one(venue: KeyedVenue, tmp_path: Path) -> None:
    async with venue.start(tmp_path) as running:
        first = running.venue.keys.all()
        await ordered(running, revoke=first[0].key)
    async with venue.start(tmp_path) as running:
        *others, new = running.venue.keys.all()
        assert others == first[1:]
        assert new.key != first[0].key
        assert await venue.accepts(running, new)
        assert not await venue.accepts(running, first[0])
