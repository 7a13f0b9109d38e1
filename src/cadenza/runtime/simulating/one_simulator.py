"""One simulator: where it is, which keys it has, and the lines that connect the platform with it."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from cadenza.runtime.simulating.credentials import (
    binance_credential,
    bitfinex_credential,
    deribit_credential,
    okx_credential,
)
from cadenza.runtime.simulating.settings import CommonSettings
from cadenza.runtime.simulating.start import start_binance, start_bitfinex, start_deribit, start_okx, started
from cadenza.simulators.binance.server import BinanceSimulator
from cadenza.simulators.bitfinex.server import BitfinexSimulator
from cadenza.simulators.deribit.server import DeribitSimulator
from cadenza.simulators.okx.server import OkxSimulator

T = TypeVar("T")
AnySimulator = BinanceSimulator | OkxSimulator | DeribitSimulator | BitfinexSimulator


@asynccontextmanager
async def one_running(name: str, common: CommonSettings, host: str, port: int) -> AsyncIterator[str]:
    """Run the simulator of that name until the context ends, and give what a user needs to know: addresses, keys with
    their secrets, and the lines that connect the platform. Raises `SimulatorNotStarted`."""
    async with started(name, _ALL[name](common, host, port)) as said:
        yield said


@asynccontextmanager
async def _said(simulator: AbstractAsyncContextManager[T], banner: Callable[[T], str]) -> AsyncIterator[str]:
    async with simulator as running:
        yield banner(running)


def binance_banner(simulator: BinanceSimulator) -> str:
    places = {
        "REST": simulator.url,
        "market streams": simulator.stream_url,
        "WebSocket API": simulator.ws_api_url,
        "USD-M REST": simulator.usdm_url,
        "USD-M streams": f"{simulator.usdm_stream_url} (/public, /market, /private)",
        "USD-M WebSocket API": simulator.usdm_ws_api_url,
    }
    keys = [(f"{key.kind} key", {"key": key.key, "secret": key.secret}) for key in simulator.venue.keys.all()]
    asked = binance_credential(simulator)
    probe = f"PROBE_KEY={asked['apiKey']} PROBE_SECRET={asked['apiSecret']} cadenza venue probe BINANCE"
    more = (
        "Ask it about the facts that the connector relies on:",
        f"  CADENZA_BINANCE_URL={simulator.url} {probe}",
    )
    return _banner("BINANCE spot, cross margin and USD-M", places, keys, simulator, asked, *more)


def okx_banner(simulator: OkxSimulator) -> str:
    """The platform is connected with the live environment."""
    places = {
        "REST": f"{simulator.url}/api/v5",
        "sockets": f"{simulator.stream_url} (/public, /private, /business)",
    }
    keys = []
    for key in simulator.venue.keys.all():
        fields = {"key": key.key, "secret": key.secret, "passphrase": key.passphrase}
        keys.append((f"{'demo' if key.is_demo else 'live'} key", fields))
    return _banner("OKX", places, keys, simulator, okx_credential(simulator))


def deribit_banner(simulator: DeribitSimulator) -> str:
    places = {"REST": simulator.rest_url, "WebSocket": simulator.socket_url}
    keys = [("HMAC key", {"key": key.key, "secret": key.secret}) for key in simulator.venue.keys.all()]
    return _banner("DERIBIT futures, options and spot", places, keys, simulator, deribit_credential(simulator))


def bitfinex_banner(simulator: BitfinexSimulator) -> str:
    places = {"REST": simulator.rest_url, "socket": simulator.socket_url}
    keys = []
    for key in simulator.venue.keys.all():
        owner = "paper account" if key.account == simulator.venue.settings.paper_account else "account"
        keys.append((f"key of the {owner}", {"key": key.key, "secret": key.secret}))
    return _banner("BITFINEX", places, keys, simulator, bitfinex_credential(simulator))


def _banner(
    what: str,
    places: Mapping[str, str],
    keys: Iterable[tuple[str, Mapping[str, str]]],
    simulator: AnySimulator,
    asked: Mapping[str, str],
    *more: str,
) -> str:
    """Return what runs and where, its keys, how the platform is started with it, and `asked`, the body that stores its
    key as a credential. `more` are lines of one venue."""
    truth = f"{simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}"
    lines = [f"{what}, simulated. Nothing here is real.", *_table({**places, "truth": truth}, "  ")]
    for name, fields in keys:
        lines += [f"  {name}", *_table(fields, "    ")]
    venue = asked["venue"]
    return "\n".join(
        [
            *lines,
            "Start the platform with it:",
            f"  CADENZA_VENUES=PAPER,MOCK,{venue} CADENZA_{venue}_URL={simulator.url} make run",
            "The credential for POST /api/v3/credential/create, as in the first trade of the README:",
            f"  KEY='{json.dumps(asked)}'",
            *more,
        ]
    )


def _table(rows: Mapping[str, str], indent: str) -> Iterator[str]:
    """A private key is a PEM of several lines."""
    width = max(map(len, rows))
    for name, text in rows.items():
        first, *more = text.splitlines()
        if more:
            yield f"{indent}{name}, with its first and last line:"
            yield from (f"{indent}{line}" for line in (first, *more))
        else:
            yield f"{indent}{name:<{width}}  {text}"


_ALL: Mapping[str, Callable[[CommonSettings, str, int], AbstractAsyncContextManager[str]]] = {
    "binance": lambda *where: _said(start_binance(*where), binance_banner),
    "okx": lambda *where: _said(start_okx(*where), okx_banner),
    "deribit": lambda *where: _said(start_deribit(*where), deribit_banner),
    "bitfinex": lambda *where: _said(start_bitfinex(*where), bitfinex_banner),
}
