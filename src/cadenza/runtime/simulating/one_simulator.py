"""One simulator: where it is, which keys it has, and the lines that connect the platform with it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
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
    lines = [
        "BINANCE spot, cross margin and USD-M, simulated. Nothing here is real.",
        f"  REST                 {simulator.url}",
        f"  market streams       {simulator.stream_url}",
        f"  WebSocket API        {simulator.ws_api_url}",
        f"  USD-M REST           {simulator.usdm_url}",
        f"  USD-M streams        {simulator.usdm_stream_url} (/public, /market, /private)",
        f"  USD-M WebSocket API  {simulator.usdm_ws_api_url}",
        f"  truth                {simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}",
    ]
    for key in simulator.venue.keys.all():
        lines += [f"  {key.kind} key", f"    key     {key.key}", *_secret_lines(key.secret)]
    return "\n".join([*lines, *_lines_to_paste(simulator)])


def okx_banner(simulator: OkxSimulator) -> str:
    """The platform is connected with the live environment."""
    lines = [
        "OKX, simulated. Nothing here is real.",
        f"  REST     {simulator.url}/api/v5",
        f"  sockets  {simulator.stream_url} (/public, /private, /business)",
        f"  truth    {simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}",
    ]
    for key in simulator.venue.keys.all():
        lines += [
            f"  {'demo' if key.is_demo else 'live'} key",
            f"    key         {key.key}",
            f"    secret      {key.secret}",
            f"    passphrase  {key.passphrase}",
        ]
    return "\n".join([*lines, *_lines_to_connect("OKX", simulator.url, okx_credential(simulator))])


def deribit_banner(simulator: DeribitSimulator) -> str:
    lines = [
        "DERIBIT futures, options and spot, simulated. Nothing here is real.",
        f"  REST       {simulator.rest_url}",
        f"  WebSocket  {simulator.socket_url}",
        f"  truth      {simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}",
    ]
    for key in simulator.venue.keys.all():
        lines += ["  HMAC key", f"    key     {key.key}", f"    secret  {key.secret}"]
    return "\n".join([*lines, *_lines_to_connect("DERIBIT", simulator.url, deribit_credential(simulator))])


def bitfinex_banner(simulator: BitfinexSimulator) -> str:
    lines = [
        "BITFINEX, simulated. Nothing here is real.",
        f"  REST    {simulator.rest_url}",
        f"  socket  {simulator.socket_url}",
        f"  truth   {simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}",
    ]
    for key in simulator.venue.keys.all():
        owner = "paper account" if key.account == simulator.venue.settings.paper_account else "account"
        lines += [f"  key of the {owner}", f"    key     {key.key}", f"    secret  {key.secret}"]
    return "\n".join([*lines, *_lines_to_connect("BITFINEX", simulator.url, bitfinex_credential(simulator))])


def _secret_lines(secret: str) -> list[str]:
    """A private key is a PEM of several lines."""
    first, *more = secret.splitlines()
    if not more:
        return [f"    secret  {first}"]
    return ["    secret, with its first and last line:", *(f"    {line}" for line in (first, *more))]


def _lines_to_paste(simulator: BinanceSimulator) -> list[str]:
    asked = binance_credential(simulator)
    keys = f"PROBE_KEY={asked['apiKey']} PROBE_SECRET={asked['apiSecret']}"
    return [
        *_lines_to_connect("BINANCE", simulator.url, asked),
        "Ask it about the facts that the connector relies on:",
        f"  CADENZA_BINANCE_URL={simulator.url} {keys} cadenza venue probe BINANCE",
    ]


def _lines_to_connect(venue: str, url: str, asked: Mapping[str, str]) -> list[str]:
    """Return how the platform is started with a simulator, and the body that stores its key as a credential."""
    return [
        "Start the platform with it:",
        f"  CADENZA_VENUES=PAPER,MOCK,{venue} CADENZA_{venue}_URL={url} make run",
        "The credential for POST /api/v3/credential/create, as in the first trade of the README:",
        f"  KEY='{json.dumps(asked)}'",
    ]


_ALL: Mapping[str, Callable[[CommonSettings, str, int], AbstractAsyncContextManager[str]]] = {
    "binance": lambda *where: _said(start_binance(*where), binance_banner),
    "okx": lambda *where: _said(start_okx(*where), okx_banner),
    "deribit": lambda *where: _said(start_deribit(*where), deribit_banner),
    "bitfinex": lambda *where: _said(start_bitfinex(*where), bitfinex_banner),
}
