"""The server with connectors that do not start: it answers, other venues trade, and they work once they are up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.application.market_data.market_world import OKX, ScriptedConnector
from tests.e2e.trader import Trader, ok
from tests.serving import eventually

from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.ports.venue import Connectors
from cadenza.runtime import bootstrap
from cadenza.runtime.config import Settings
from cadenza.runtime.server import serve

BINANCE = VenueId(Venue.BINANCE, Environment.LIVE)


class Server:
    """A server in this process; OKX hangs when it starts, BINANCE fails."""

    def __init__(self, dsn: str, data_dir: Path) -> None:
        self.okx, self.binance = ScriptedConnector(OKX), ScriptedConnector(BINANCE)
        self.okx.hangs.add("start")
        self.binance.fails["start"] = ConnectionRefusedError("nobody listens there")
        self._settings = Settings(data_dir=data_dir, database_url=dsn, port=0)
        self._announced: asyncio.Future[Settings] = asyncio.get_running_loop().create_future()

    async def start(self) -> str:
        self._task = asyncio.create_task(
            serve(self._settings, lambda settings, database: self._announced.set_result(settings))
        )
        await asyncio.wait([self._task, self._announced], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            await self._task  # it could not start: raise the cause
        return f"http://127.0.0.1:{self._announced.result().port}"

    async def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await self._task


@pytest.fixture
async def server(database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    made = Server(database_dsn, tmp_path)
    wire = bootstrap.wire_connectors

    def wired(*arguments: Any, **more: Any) -> Connectors:
        return {**wire(*arguments, **more), OKX: made.okx, BINANCE: made.binance}  # type: ignore[dict-item]

    monkeypatch.setattr(bootstrap, "wire_connectors", wired)
    monkeypatch.setattr("cadenza.application.market_data.run_venues.FIRST_TRY_MS_MAX", 500)
    monkeypatch.setattr("cadenza.application.market_data.run_venues.CONNECTOR_START_MS_MAX", 2000)
    yield made
    await made.stop()


async def statuses(trader: Trader) -> dict[str, str]:
    listed = (await ok(trader.api.get("/api/v3/market/venue/list"))).data
    return {each["venue"]: each["status"] for each in listed}


async def text_of(url: str) -> str:
    async with aiohttp.request("GET", url) as answer:
        return await answer.text()


async def test_venues_that_do_not_start_hold_up_nobody(server: Server) -> None:
    url = await server.start()
    async with Trader(url) as trader:
        await trader.enter()

        async def are_as_they_should() -> bool:
            return await statuses(trader) == {
                "BINANCE": "OFFLINE", "MOCK": "ONLINE", "OKX": "OFFLINE", "PAPER": "ONLINE",
            }  # fmt: skip

        await eventually(are_as_they_should)
        await trader.connect()
        assert (await trader.submit(awaitClosed=True))["status"] == "FILLED"
        metrics = await text_of(f"{url}/metrics")
        assert (
            'cadenza_venue_offline_seconds{cause="ConnectionRefusedError",status="OFFLINE",venue="BINANCE"}' in metrics
        )
        assert 'cadenza_venue_offline_seconds{cause="",status="ONLINE",venue="PAPER"} 0.0' in metrics

        async def is_ready() -> bool:
            return await text_of(f"{url}/readyz") == "ok"

        await eventually(is_ready)
        assert (await trader.api.get("/api/v3/market/orderBook/get", instrumentId="OKX:BTC/USDT")).status == 404
        server.okx.hangs.clear()
        server.binance.fails.clear()

        async def is_served() -> bool:
            book = await trader.api.get("/api/v3/market/orderBook/get", instrumentId="OKX:BTC/USDT")
            return book.status == 200 and set((await statuses(trader)).values()) == {"ONLINE"}

        await eventually(is_served)
