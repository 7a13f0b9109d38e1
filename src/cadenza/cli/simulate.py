"""`cadenza simulate`: venues' wire protocols on this machine, for trying a client without an account."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict, TypeVar

import typer

from cadenza.cli.common import fail, in_words
from cadenza.runtime.local import SystemClock, SystemIds

if TYPE_CHECKING:
    from cadenza.simulators.binance.server import BinanceSimulator
    from cadenza.simulators.binance.wire.keys import SimulatedKey
    from cadenza.simulators.bitfinex.server import BitfinexSimulator
    from cadenza.simulators.deribit.server import DeribitSimulator
    from cadenza.simulators.okx.server import OkxSimulator

T = TypeVar("T")
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)]
Seed = Annotated[int, typer.Option(help="The seed of the market and of random faults.")]
Faults = Annotated[float, typer.Option(help="The share of order requests that meet a random fault.", min=0.0, max=1.0)]
DataDir = Annotated[
    Path | None, typer.Option(help="Where keys and the ledger of truth are kept; by default in the user's data.")
]
Still = Annotated[bool, typer.Option("--still", help="A market that moves only when it is asked to.")]

app = typer.Typer(help="Simulated venues that speak the real ones' protocols.", no_args_is_help=True)
MARKET_STEP_MS = 100


@app.callback()
def simulators() -> None:
    """Simulated venues that speak the real ones' protocols."""


@app.command("binance")
def binance(
    host: Host = "127.0.0.1",
    port: Port = 9700,
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of BINANCE (spot, cross margin, USD-M) until SIGINT or SIGTERM."""
    # Imported here, so that the other commands start without a web server.
    from cadenza.simulators.binance.server import run_simulator
    from cadenza.simulators.binance.settings import SimulatorSettings

    settings = SimulatorSettings(**_common("binance", seed, faults, data_dir, still))
    _serve_until_stopped(run_simulator(settings, SystemClock(), SystemIds(), host, port), banner)


@app.command("okx")
def okx(
    host: Host = "127.0.0.1",
    port: Port = 9710,
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of OKX (spot, margin, swaps, futures, options) until SIGINT or SIGTERM."""
    from cadenza.simulators.okx.server import run_okx_simulator
    from cadenza.simulators.okx.settings import OkxSimulatorSettings

    settings = OkxSimulatorSettings(**_common("okx", seed, faults, data_dir, still))
    _serve_until_stopped(run_okx_simulator(settings, SystemClock(), SystemIds(), host, port), okx_banner)


@app.command("deribit")
def deribit(
    host: Host = "127.0.0.1",
    port: Port = 9720,
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of DERIBIT (futures, options, spot) until SIGINT or SIGTERM."""
    from cadenza.simulators.deribit.server import run_deribit
    from cadenza.simulators.deribit.settings import DeribitSettings

    settings = DeribitSettings(**_common("deribit", seed, faults, data_dir, still))
    _serve_until_stopped(run_deribit(settings, SystemClock(), SystemIds(), host, port), deribit_banner)


@app.command("bitfinex")
def bitfinex(
    host: Host = "127.0.0.1",
    port: Port = 9730,
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of BITFINEX (spot, margin, derivatives, paper symbols) until SIGINT or SIGTERM."""
    from cadenza.simulators.bitfinex.server import run_bitfinex
    from cadenza.simulators.bitfinex.settings import BitfinexSettings

    settings = BitfinexSettings(**_common("bitfinex", seed, faults, data_dir, still))
    _serve_until_stopped(run_bitfinex(settings, SystemClock(), SystemIds(), host, port), bitfinex_banner)


class _Common(TypedDict):
    """The settings that every simulator has."""

    data_dir: Path
    seed: int
    market_step_ms: int
    fault_rate: float


def _common(venue: str, seed: int, faults: float, data_dir: Path | None, still: bool) -> _Common:
    return _Common(
        data_dir=data_dir or default_data_dir(venue),
        seed=seed,
        market_step_ms=0 if still else MARKET_STEP_MS,
        fault_rate=faults,
    )


def default_data_dir(venue: str) -> Path:
    """Return where a venue's simulator keeps its data unless the user says otherwise."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "cadenza-simulators" / venue


def _serve_until_stopped(simulator: AbstractAsyncContextManager[T], banner: Callable[[T], str]) -> None:
    """Run a simulator, print its banner, and stop it at SIGINT or SIGTERM."""
    from cadenza.simulators.kit.truth import TruthError

    try:
        asyncio.run(_serve(simulator, banner))
    except TruthError as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(in_words(error)) from None


async def _serve(simulator: AbstractAsyncContextManager[T], banner: Callable[[T], str]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with simulator as running:
        typer.echo(banner(running))
        await stop.wait()


def banner(simulator: "BinanceSimulator") -> str:
    """Return what a user needs to know: addresses, a key of each kind with its secret, and the lines that connect the
    platform."""
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
    keys = simulator.venue.keys.all()
    for key in keys:
        lines += [f"  {key.kind} key", f"    key     {key.key}", *_secret_lines(key.secret)]
    return "\n".join([*lines, *_lines_to_paste(simulator.url, keys)])


def okx_banner(simulator: "OkxSimulator") -> str:
    """Return what a user needs to know: addresses, a key of each environment, and the lines that connect the platform
    with the live one."""
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
    live = simulator.venue.keys.of(is_demo=False)
    asked = {"venue": "OKX", "credentialType": "HMAC", "apiKey": live.key, "apiSecret": live.secret}
    asked |= {"apiPassphrase": live.passphrase}
    return "\n".join([*lines, *_lines_to_connect("OKX", simulator.url, asked)])


def deribit_banner(simulator: "DeribitSimulator") -> str:
    """Return what a user needs to know: addresses, the keys with their secrets, and the lines that connect the
    platform."""
    lines = [
        "DERIBIT futures, options and spot, simulated. Nothing here is real.",
        f"  REST       {simulator.rest_url}",
        f"  WebSocket  {simulator.socket_url}",
        f"  truth      {simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}",
    ]
    keys = simulator.venue.keys.all()
    for key in keys:
        lines += ["  HMAC key", f"    key     {key.key}", f"    secret  {key.secret}"]
    asked = {"venue": "DERIBIT", "credentialType": "HMAC", "apiKey": keys[0].key, "apiSecret": keys[0].secret}
    return "\n".join([*lines, *_lines_to_connect("DERIBIT", simulator.url, asked)])


def bitfinex_banner(simulator: "BitfinexSimulator") -> str:
    """Return what a user needs to know: addresses, the keys with their secrets, and the lines that connect the
    platform."""
    lines = [
        "BITFINEX, simulated. Nothing here is real.",
        f"  REST    {simulator.rest_url}",
        f"  socket  {simulator.socket_url}",
        f"  truth   {simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}",
    ]
    keys = simulator.venue.keys.all()
    for key in keys:
        lines += ["  key of the account", f"    key     {key.key}", f"    secret  {key.secret}"]
    asked = {"venue": "BITFINEX", "credentialType": "HMAC", "apiKey": keys[0].key, "apiSecret": keys[0].secret}
    return "\n".join([*lines, *_lines_to_connect("BITFINEX", simulator.url, asked)])


def _secret_lines(secret: str) -> list[str]:
    """A private key is a PEM of several lines."""
    first, *more = secret.splitlines()
    if not more:
        return [f"    secret  {first}"]
    return ["    secret, with its first and last line:", *(f"    {line}" for line in (first, *more))]


def _lines_to_paste(url: str, keys: "Iterable[SimulatedKey]") -> list[str]:
    key = next((each for each in keys if each.kind == "HMAC"), None)
    if key is None:
        return []
    asked = {"venue": "BINANCE", "credentialType": "HMAC", "apiKey": key.key, "apiSecret": key.secret}
    probe = f"CADENZA_BINANCE_URL={url} PROBE_KEY={key.key} PROBE_SECRET={key.secret} cadenza venue probe BINANCE"
    return [
        *_lines_to_connect("BINANCE", url, asked),
        "Ask it about the facts that the connector relies on:",
        f"  {probe}",
    ]


def _lines_to_connect(venue: str, url: str, asked: Mapping[str, str]) -> list[str]:
    """Return how the platform is started with a simulator, and the body that stores its key as a credential."""
    return [
        "Start the platform with it:",
        f"  CADENZA_VENUES=PAPER,MOCK,{venue} CADENZA_{venue}_URL={url} make run",
        "The credential for POST /api/v3/credential/create, as in the first trade of the README:",
        f"  KEY='{json.dumps(asked)}'",
    ]
