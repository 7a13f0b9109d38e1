"""Third-party clients of BINANCE, unmodified but for the URL, trade end to end against the simulator."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import BinanceSimulator, run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from tests import needs

HERE = Path(__file__).parent
D = Decimal


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[BinanceSimulator]:
    needs.judges()
    async with run_simulator(SimulatorSettings(data_dir=tmp_path), SystemClock(), SystemIds()) as running:
        yield running


async def verdict(script: str, simulator: BinanceSimulator, kind: str, directory: Path) -> Any:
    """Run a judge with a key of that kind and return what it saw."""
    key = simulator.venue.keys.of(kind)
    secret = key.secret
    if script == "python_binance.py" and kind != "HMAC":
        (directory / "private.pem").write_text(key.secret)
        secret = str(directory / "private.pem")
    process = await asyncio.create_subprocess_exec(
        needs.judges(),
        HERE / script,
        simulator.url,
        key.key,
        secret,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return json.loads(said)


async def truth(simulator: BinanceSimulator) -> Any:
    async with aiohttp.ClientSession() as http, http.get(f"{simulator.url}/simulator/truth") as reply:
        return (await reply.json())["spot"]


@pytest.mark.parametrize("kind", ["HMAC", "ED25519"])
async def test_ccxt_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("ccxt_binance.py", simulator, kind, tmp_path)
    rest, streams = seen["rest"], seen["streams"]
    assert rest["markets"] == ["BNB/USDT", "BTC/USDT", "ETH/BTC", "ETH/USDT", "币安人生/USDT"]
    assert rest["limits"] == {"amount": "0.12345", "price": "60000.12", "cost": 5.0, "taker": 0.001}
    assert rest["book"] == [[59994.0, 0.16666], [60006.0, 0.16666]]
    assert [row[2] for row in rest["statuses"]] == ["open", *["closed"] * 3, *["expired"] * 2, *["open"] * 6]
    assert rest["partial"] == ["open", 0.2, 0.3]
    assert (rest["open"], rest["canceled"], rest["orders"]) == (7, 8, 13)
    assert rest["trades"] == [
        ["buy", 0.01, "BTC"],
        ["sell", 0.01, "USDT"],
        ["buy", 0.00166, "BTC"],
        ["buy", 0.2, "BTC"],
    ]
    assert rest["public_trades"]
    assert rest["used"] == 0
    assert rest["refusals"] == ["InsufficientFunds", "OrderImmediatelyFillable", "OrderNotFound", "OrderNotFound"]
    assert streams["order"] == ["BTC/USDT", "closed"]
    assert streams["own"] == [0.001, "taker"]
    assert streams["bid"] == [60002.0, 0.3]
    assert streams["by_socket"] == ["open", "canceled"]
    kept = await truth(simulator)
    first = [D(trade["quantity"]) for trade in kept["trades"]][:4]
    assert first == [D("0.01"), D("0.01"), D("0.00166"), D("0.2")]
    assert {row["times"] for row in kept["accepted"]} == {1}


@pytest.mark.parametrize("kind", ["HMAC", "RSA"])
async def test_python_binance_trades(simulator: BinanceSimulator, tmp_path: Path, kind: str) -> None:
    seen = await verdict("python_binance.py", simulator, kind, tmp_path)
    assert seen == {
        "symbols": 5,
        "answers": ["NEW", "FILLED", 2, "CANCELED"],
        "events": ["NEW", "NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED"],
        "trade": "0.16666000",
        "open": [],
        "my_trades": ["0.16666000", "0.03334000"],
        "depth": 5,
        "can_trade": True,
        "permissions": True,
        "by_socket": "NEW",
        "refusal": [-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"],
    }
