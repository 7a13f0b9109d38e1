"""The ledger of truth: everything goes on after a restart, and nothing is answered before it is on disk."""

import asyncio
import json
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.kit.truth import TruthFile
from cadenza.simulators.okx.server import run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings
from cadenza.simulators.okx.venue import OkxVenue
from cadenza.simulators.okx.wire.keys import OkxKeys

from .trader import OkxTrader, order


async def test_a_restart_continues(tmp_path: Path) -> None:
    settings = OkxSimulatorSettings(data_dir=tmp_path, is_limited=False)
    async with run_okx_simulator(settings, SystemClock(), SystemIds()) as running, OkxTrader(running) as trader:
        await trader.place(clOrdId="rests", px="59995", sz="0.02")
        await trader.trade_at("59995", "0.005")
        await trader.place(ordType="market", px=None, sz="600")
        await trader.swap("buy")
        await trader.post("account/set-leverage", {"instId": "BTC-USDT-SWAP", "lever": "3", "mgnMode": "cross"})
        fields = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "sell", "ordType": "conditional", "sz": "1"}
        await trader.post("trade/order-algo", fields | {"slTriggerPx": "58000", "slOrdPx": "-1"})
        body = {"instId": "BTC-USDT", "clOrdId": "rests", "newPx": "59990"}
        assert (await trader.post("trade/amend-order", body)).row["sCode"] == "0"
        before, key = await trader.truth(), trader.key
        shown = await trader.positions()
    async with run_okx_simulator(settings, SystemClock(), SystemIds()) as again, OkxTrader(again) as trader:
        assert trader.key == key
        assert await trader.truth() == before
        assert [row["avgPx"] for row in await trader.positions()] == [row["avgPx"] for row in shown]
        assert (await trader.positions())[0]["lever"] == "3"
        await trader.trade_at("59990", "0.015")
        assert (await trader.order(clOrdId="rests")).row["state"] == "filled"
        await trader.trade_at("58000", "1", symbol="BTC-USDT-SWAP")
        algo = (await trader.get("trade/orders-algo-history", ordType="conditional", state="effective")).row
        numbers = [int(row["order_id"]) for row in (await trader.truth())["orders"]]
        assert int(algo["ordId"]) == max(numbers)
        assert len(numbers) == len(set(numbers))
        used = {row["bill_id"] for row in (await trader.truth())["bills"]}
        assert len(used) == len((await trader.truth())["bills"])


def cash_of(truth: Any) -> dict[tuple[str, str], Decimal]:
    return {(row["account"], row["asset"]): Decimal(row["cash"]) for row in truth["balances"]}


async def test_it_begins_again(tmp_path: Path) -> None:
    settings = OkxSimulatorSettings(data_dir=tmp_path, is_limited=False)
    async with run_okx_simulator(settings, SystemClock(), SystemIds()) as running, OkxTrader(running) as trader:
        opening = cash_of(await trader.truth())
        first = (await trader.place(clOrdId="before")).row["ordId"]
        await trader.swap("buy")
        await trader.admin("market", symbol="BTC-USDT", clear=True)
        await trader.admin("instruments", symbol="BTC-USD-301227-60000-C", state="expired")
        await trader.admin("account", level="3", position_mode="net_mode")
        await trader.admin("faults", requests=[{"on": "*", "kind": "reset_before", "times": 100}])
        await trader.admin("reset")
        kept = await trader.truth()
        assert cash_of(kept) == opening
        assert await trader.positions() == []
        assert (await trader.order(ordId=first)).row["cancelSource"] == "0"
        assert {row["level"] for row in kept["modes"]} == {"2"}
        assert int((await trader.place(px="60006", sz="0.01")).row["ordId"]) > int(first)
        assert (await trader.get("trade/orders-pending")).data == []
        option = {"instId": "BTC-USD-301227-60000-C", "tdMode": "cross", "px": "0.05", "sz": "1"}
        assert (await trader.place(**option)).row["sCode"] == "0"


async def test_nothing_is_pushed_before_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = OkxVenue(OkxSimulatorSettings(data_dir=tmp_path), SystemClock(), SystemIds())
    venue.deposit("main", "BTC", venue.settings.deposits["BTC"], 0)
    seen: list[str] = []
    monkeypatch.setattr(TruthFile, "_write", lambda _file, _lines: seen.append("disk"))
    monkeypatch.setattr(venue.private, "_publish", lambda _pushes: seen.append("push"))
    await venue.commit()
    venue.close()
    assert seen == ["disk", "push"]


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Orders are placed until the process is killed; the next run has every order that was answered, once."""
    command = [sys.executable, "-m", "cadenza.cli", "simulate", "okx", "--port", "0", "--still"]
    keys = OkxKeys.of_accounts(tmp_path, "main", "demo", SystemIds())
    answered: list[str] = []
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            *command, "--data-dir", str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        url = ""
        while not url:
            line = (await process.stdout.readline()).decode()
            url = line.split()[1].removesuffix("/api/v5") if "REST" in line else ""
        pending = [asyncio.create_task(_place_until_killed(url, keys, answered, worker)) for worker in range(3)]
        while len(answered) < 10 or (len(answered) < 40 and not all(task.done() for task in pending)):
            await asyncio.wait(pending, timeout=0.05)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await asyncio.gather(*pending)
    settings = OkxSimulatorSettings(data_dir=tmp_path)
    async with run_okx_simulator(settings, SystemClock(), SystemIds()) as again, OkxTrader(again) as trader:
        kept = await trader.truth()
    times = {row["client_order_id"]: row["times"] for row in kept["accepted"]}
    assert set(answered) <= set(times)
    assert set(times.values()) == {1}


async def _place_until_killed(url: str, keys: OkxKeys, answered: list[str], worker: int) -> None:
    class Running:
        venue: Any = type("Venue", (), {"keys": keys, "now_ms": staticmethod(SystemClock().now_ms)})

    running: Any = Running()
    running.url = url
    start = len(answered)
    async with OkxTrader(running) as trader:
        for number in range(10):
            name = f"w{worker}n{start}x{number}"
            try:
                reply = await trader.post("trade/order", order(clOrdId=name))
            except (aiohttp.ClientError, json.JSONDecodeError):
                return
            if reply.row["sCode"] == "0":
                answered.append(name)
