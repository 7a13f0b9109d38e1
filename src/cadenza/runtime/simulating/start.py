"""Starting a simulator: its settings, the real clock and ids, and what is said when it cannot start."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.runtime.simulating.settings import CommonSettings
from cadenza.simulators.binance.server import BinanceSimulator, run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.bitfinex.server import BitfinexSimulator, run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.deribit.server import DeribitSimulator, run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.kit.truth import TruthError
from cadenza.simulators.okx.server import OkxSimulator, run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings

T = TypeVar("T")


class SimulatorNotStarted(Exception):
    """A simulator could not start: its port is taken, or its data cannot be read. `cause` says why."""

    def __init__(self, name: str, cause: TruthError | OSError) -> None:
        super().__init__(f"the simulator of {name.upper()} did not start: {cause}")
        self.name = name
        self.cause = cause


@asynccontextmanager
async def started(name: str, simulator: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Run a simulator until the context ends. Raises `SimulatorNotStarted`."""
    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(simulator)
        except (TruthError, OSError) as error:
            raise SimulatorNotStarted(name, error) from error
        yield running


def start_binance(common: CommonSettings, host: str, port: int) -> AbstractAsyncContextManager[BinanceSimulator]:
    return run_simulator(SimulatorSettings(**common), SystemClock(), SystemIds(), host, port)


def start_okx(common: CommonSettings, host: str, port: int) -> AbstractAsyncContextManager[OkxSimulator]:
    return run_okx_simulator(OkxSimulatorSettings(**common), SystemClock(), SystemIds(), host, port)


def start_deribit(
    common: CommonSettings, host: str, port: int, *, is_testnet: bool = False
) -> AbstractAsyncContextManager[DeribitSimulator]:
    return run_deribit(DeribitSettings(**common, is_testnet=is_testnet), SystemClock(), SystemIds(), host, port)


def start_bitfinex(common: CommonSettings, host: str, port: int) -> AbstractAsyncContextManager[BitfinexSimulator]:
    return run_bitfinex(BitfinexSettings(**common), SystemClock(), SystemIds(), host, port)
