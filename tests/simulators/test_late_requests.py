"""A request that its venue holds back arrives after its client has left: in time it is executed, and else not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cadenza.runtime.local import SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.bitfinex.server import run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.deribit.server import run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.okx.server import run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings
from tests.inhouse_kit import until
from tests.simulated_kit import MovableClock

from .binance.trader import Trader
from .bitfinex.trader import BitfinexTrader
from .deribit.trader import HttpTrader
from .okx.trader import OkxTrader

LATE_MS = 8_000
LEAVES_MS = 3_000
Placing = Coroutine[Any, Any, Any]


@dataclass
class Scene:
    """A venue, its client, and the client's order with a deadline before the request arrives, or without one."""

    venue: Any
    trader: Any
    about: str
    place: Callable[[int | None], Placing]
    overtake: Callable[[], Placing] | None = None

    async def orders(self) -> int:
        return len((await self.trader.truth())["orders"])


async def of_binance(stack: AsyncExitStack, directory: Path, clock: MovableClock) -> Scene:
    running = await stack.enter_async_context(run_simulator(SimulatorSettings(data_dir=directory), clock, SystemIds()))
    trader = await stack.enter_async_context(Trader(running))
    return Scene(running.venue, trader, "order.place", lambda within_ms: trader.place(recvWindow=within_ms or 60_000))


async def of_okx(stack: AsyncExitStack, directory: Path, clock: MovableClock) -> Scene:
    settings = OkxSimulatorSettings(data_dir=directory)
    running = await stack.enter_async_context(run_okx_simulator(settings, clock, SystemIds()))
    trader = await stack.enter_async_context(OkxTrader(running))

    def place(within_ms: int | None) -> Placing:
        return trader.place(None if within_ms is None else {"expTime": str(clock.now_ms() + within_ms)})

    return Scene(running.venue, trader, "order.place", place)


async def of_deribit(stack: AsyncExitStack, directory: Path, clock: MovableClock) -> Scene:
    running = await stack.enter_async_context(run_deribit(DeribitSettings(data_dir=directory), clock, SystemIds()))
    key = running.venue.keys.all()[0]
    trader = await stack.enter_async_context(HttpTrader(running.url, key.key, key.secret, running.venue.now_ms))

    def place(within_ms: int | None) -> Placing:
        return trader.buy(**({} if within_ms is None else {"valid_until": clock.now_ms() + within_ms}))

    return Scene(running.venue, trader, "private/buy", place)


async def of_bitfinex(stack: AsyncExitStack, directory: Path, clock: MovableClock) -> Scene:
    running = await stack.enter_async_context(run_bitfinex(BitfinexSettings(data_dir=directory), clock, SystemIds()))
    trader = await stack.enter_async_context(BitfinexTrader(running))
    return Scene(running.venue, trader, "order.submit", lambda _: trader.submit(), trader.open_orders)


VENUES = {"binance": of_binance, "okx": of_okx, "deribit": of_deribit, "bitfinex": of_bitfinex}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(params=VENUES)
async def scene(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        yield await VENUES[request.param](stack, tmp_path, clock)


async def left(scene: Scene, clock: MovableClock, within_ms: int | None = None) -> None:
    """Place an order that is held back, and leave before it arrives."""
    await scene.trader.admin("faults", requests=[{"on": scene.about, "kind": "late", "delay_ms": LATE_MS}])
    placing = asyncio.create_task(scene.place(within_ms))
    await until(lambda: not scene.venue.faults.requests, "the request has come")
    clock.advance(LEAVES_MS)
    placing.cancel()
    await asyncio.gather(placing, return_exceptions=True)
    assert await scene.orders() == 0


async def test_an_order_arrives_after_its_client_has_left(scene: Scene, clock: MovableClock) -> None:
    await left(scene, clock)
    clock.advance(LATE_MS - LEAVES_MS)
    await until(lambda: bool(scene.venue.requests), "it has arrived")
    assert await scene.orders() == 1
    assert [row.outcome for row in scene.venue.requests] == ["OK"]


async def test_an_order_that_arrives_after_its_fence_is_not_executed(scene: Scene, clock: MovableClock) -> None:
    await left(scene, clock, within_ms=LATE_MS - 1_000)
    if scene.overtake is not None:
        await scene.overtake()
    clock.advance(LATE_MS - LEAVES_MS)
    await until(lambda: bool(scene.venue.requests), "it has arrived")
    assert await scene.orders() == 0
    assert "OK" not in [row.outcome for row in scene.venue.requests]


@asynccontextmanager
async def deribit_socket(scene: Scene) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket of nobody."""
    url = scene.trader.url.replace("http", "ws") + "/ws/api/v2"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        yield socket


async def test_the_stop_leaves_no_request_behind(tmp_path: Path, clock: MovableClock) -> None:
    """Neither one whose client has left, nor one of a socket."""
    async with AsyncExitStack() as stack:
        scene = await of_deribit(stack, tmp_path, clock)
        await left(scene, clock)
        await scene.trader.admin("faults", requests=[{"on": "public/test", "kind": "late", "delay_ms": LATE_MS}])
        async with deribit_socket(scene) as socket:
            await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "public/test"})
            await until(lambda: not scene.venue.faults.requests, "the request has come")
    assert asyncio.all_tasks() == {asyncio.current_task()}
