"""All simulators in one process, which accounts trade there, and what they buy.

A test environment (`_UAT`) is what it is at its venue: at BINANCE and DERIBIT a world of its own, so it has a simulator
of its own; at OKX and BITFINEX another key at the same hosts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from cadenza.runtime.simulating.credentials import (
    binance_credential,
    bitfinex_credential,
    deribit_credential,
    okx_credential,
)
from cadenza.runtime.simulating.settings import CommonSettings
from cadenza.runtime.simulating.start import start_binance, start_bitfinex, start_deribit, start_okx, started


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """What is bought with an account: a MARKET order, or a LIMIT order at `limit_price` where the venue takes none."""

    instrument: str
    limit_price: str | None = None


@dataclass(frozen=True, slots=True)
class ShownVenue:
    """A venue as the platform names it, and where its simulator is; PAPER has none. `credential` is the body that
    stores its key. `buys` has the type of each account that the key reaches and that can trade, with what is bought
    there."""

    name: str
    url: str
    credential: Mapping[str, str]
    buys: Mapping[str, FirstOrder]


def _market_orders(**instruments: str) -> dict[str, FirstOrder]:
    """Return a MARKET order for each type of account."""
    return {type: FirstOrder(instrument) for type, instrument in instruments.items()}


PAPER = ShownVenue(
    "PAPER",
    "",
    {"venue": "PAPER", "credentialType": "HMAC", "apiKey": "any-key", "apiSecret": "anything"},
    _market_orders(SPOT="BTC/USDT", MARGIN="BTC/USDT-PERP"),
)
"""It runs within the platform, and takes any key."""

Shown = AbstractAsyncContextManager[Sequence[ShownVenue]]


@asynccontextmanager
async def all_running(
    settings: Callable[[str], CommonSettings], host: str, ports: Mapping[str, int]
) -> AsyncIterator[Sequence[ShownVenue]]:
    """Run all simulators until the context ends. When one cannot start, none runs: raises `SimulatorNotStarted`."""
    shown: list[ShownVenue] = []
    running: list[AsyncExitStack] = []
    try:
        for name, start in STARTS.items():
            running.append(AsyncExitStack())
            simulator = start(settings(name), host, ports[name])
            shown += await running[-1].enter_async_context(started(name, simulator))
        yield shown
    finally:
        await _stop_all(running)


async def _stop_all(running: Sequence[AsyncExitStack]) -> None:
    """Stop all at the same time, so that none trades on while another one waits for its clients."""
    ends = await asyncio.gather(*(each.aclose() for each in running), return_exceptions=True)
    if failures := [end for end in ends if isinstance(end, BaseException)]:
        raise BaseExceptionGroup("a simulator did not stop as it should", failures)


@asynccontextmanager
async def _binance(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_binance(common, host, port) as running:
        buys = _market_orders(SPOT="BTC/USDT", MARGIN="BTC/USDT", FUTURES="BTC/USDT-PERP")
        yield [ShownVenue("BINANCE", running.url, binance_credential(running), buys)]


@asynccontextmanager
async def _binance_uat(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_binance(common, host, port) as running:
        buys = _market_orders(SPOT="BTC/USDT", FUTURES="BTC/USDT-PERP")
        yield [ShownVenue("BINANCE_UAT", running.url, binance_credential(running, "BINANCE_UAT"), buys)]


@asynccontextmanager
async def _okx(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_okx(common, host, port) as running:
        option = FirstOrder("BTC/USD-301227-60000-C", _HALF_OF_OPENING_PRICE)
        buys = _market_orders(SPOT="BTC/USDT", FUTURES="BTC/USDT-PERP") | {"OPTIONS": option}
        yield [
            ShownVenue(name, running.url, okx_credential(running, is_demo=is_demo), buys)
            for name, is_demo in (("OKX", False), ("OKX_UAT", True))
        ]


@asynccontextmanager
async def _deribit(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_deribit(common, host, port) as running:
        yield [ShownVenue("DERIBIT", running.url, deribit_credential(running), _DERIBIT_BUYS)]


@asynccontextmanager
async def _deribit_uat(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_deribit(common, host, port, is_testnet=True) as running:
        yield [ShownVenue("DERIBIT_UAT", running.url, deribit_credential(running, "DERIBIT_UAT"), _DERIBIT_BUYS)]


_DERIBIT_BUYS = _market_orders(MARGIN="BTC/USDC", FUTURES="BTC/USDC-PERP", OPTIONS="BTC/USDC-27DEC30-60000-C")


@asynccontextmanager
async def _bitfinex(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_bitfinex(common, host, port) as running:
        buys = _market_orders(SPOT="BTC/USDT", MARGIN="BTC/USD", FUTURES="BTC/USDT-PERP")
        paper = _market_orders(SPOT="TESTBTC/TESTUSD", FUTURES="TESTBTC/TESTUSDT-PERP")
        yield [
            ShownVenue("BITFINEX", running.url, bitfinex_credential(running), buys),
            ShownVenue("BITFINEX_UAT", running.url, bitfinex_credential(running, is_paper=True), paper),
        ]


_HALF_OF_OPENING_PRICE = "0.05"
"""OKX takes no MARKET orders of options. A buy at this price rests."""

STARTS: Mapping[str, Callable[[CommonSettings, str, int], Shown]] = {
    "binance": _binance,
    "binance_uat": _binance_uat,
    "okx": _okx,
    "deribit": _deribit,
    "deribit_uat": _deribit_uat,
    "bitfinex": _bitfinex,
}
