"""`cadenza simulate`: venues' wire protocols on this machine, for trying a client without an account."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict, TypeVar

import typer

from cadenza.cli.common import fail, in_words
from cadenza.runtime.local import SystemClock, SystemIds

if TYPE_CHECKING:
    from cadenza.simulators.binance.server import BinanceSimulator
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
PORTS: Mapping[str, int] = {"binance": 9700, "okx": 9710, "deribit": 9720, "bitfinex": 9730}
"""Where each simulator listens unless the user says otherwise."""


class CommonSettings(TypedDict):
    """The settings that every simulator has."""

    data_dir: Path
    seed: int
    market_step_ms: int
    fault_rate: float


@app.callback()
def simulators() -> None:
    """Simulated venues that speak the real ones' protocols."""


@app.command("binance")
def binance(
    host: Host = "127.0.0.1",
    port: Port = PORTS["binance"],
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of BINANCE (spot, cross margin, USD-M) until SIGINT or SIGTERM."""
    _run(start_binance(common_settings("binance", seed, faults, data_dir, still), host, port), banner)


@app.command("okx")
def okx(
    host: Host = "127.0.0.1",
    port: Port = PORTS["okx"],
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of OKX (spot, margin, swaps, futures, options) until SIGINT or SIGTERM."""
    _run(start_okx(common_settings("okx", seed, faults, data_dir, still), host, port), okx_banner)


@app.command("deribit")
def deribit(
    host: Host = "127.0.0.1",
    port: Port = PORTS["deribit"],
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of DERIBIT (futures, options, spot) until SIGINT or SIGTERM."""
    _run(start_deribit(common_settings("deribit", seed, faults, data_dir, still), host, port), deribit_banner)


@app.command("bitfinex")
def bitfinex(
    host: Host = "127.0.0.1",
    port: Port = PORTS["bitfinex"],
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: DataDir = None,
    still: Still = False,
) -> None:
    """Run a simulator of BITFINEX (spot, margin, derivatives, paper symbols) until SIGINT or SIGTERM."""
    _run(start_bitfinex(common_settings("bitfinex", seed, faults, data_dir, still), host, port), bitfinex_banner)


def start_binance(common: CommonSettings, host: str, port: int) -> AbstractAsyncContextManager["BinanceSimulator"]:
    # Imported here, so that the other commands start without a web server.
    from cadenza.simulators.binance.server import run_simulator
    from cadenza.simulators.binance.settings import SimulatorSettings

    return run_simulator(SimulatorSettings(**common), SystemClock(), SystemIds(), host, port)


def start_okx(common: CommonSettings, host: str, port: int) -> AbstractAsyncContextManager["OkxSimulator"]:
    from cadenza.simulators.okx.server import run_okx_simulator
    from cadenza.simulators.okx.settings import OkxSimulatorSettings

    return run_okx_simulator(OkxSimulatorSettings(**common), SystemClock(), SystemIds(), host, port)


def start_deribit(
    common: CommonSettings, host: str, port: int, *, is_testnet: bool = False
) -> AbstractAsyncContextManager["DeribitSimulator"]:
    from cadenza.simulators.deribit.server import run_deribit
    from cadenza.simulators.deribit.settings import DeribitSettings

    return run_deribit(DeribitSettings(**common, is_testnet=is_testnet), SystemClock(), SystemIds(), host, port)


def start_bitfinex(common: CommonSettings, host: str, port: int) -> AbstractAsyncContextManager["BitfinexSimulator"]:
    from cadenza.simulators.bitfinex.server import run_bitfinex
    from cadenza.simulators.bitfinex.settings import BitfinexSettings

    return run_bitfinex(BitfinexSettings(**common), SystemClock(), SystemIds(), host, port)


def common_settings(venue: str, seed: int, faults: float, data_dir: Path | None, still: bool) -> CommonSettings:
    """Return the settings that every simulator has, as the options state them."""
    return CommonSettings(
        data_dir=data_dir or default_data_dir(venue),
        seed=seed,
        market_step_ms=0 if still else MARKET_STEP_MS,
        fault_rate=faults,
    )


def default_data_dir(venue: str) -> Path:
    """Return where a venue's simulator keeps its data unless the user says otherwise."""
    return default_parent_dir() / venue


def default_parent_dir() -> Path:
    """Return where each simulator has a directory unless the user says otherwise."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "cadenza-simulators"


def _run(simulator: AbstractAsyncContextManager[T], banner: Callable[[T], str]) -> None:
    """Run a simulator, print its banner, and stop it at SIGINT or SIGTERM."""
    from cadenza.simulators.kit.truth import TruthError

    try:
        asyncio.run(serve_until_stopped(simulator, banner))
    except TruthError as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(in_words(error)) from None


async def serve_until_stopped(simulator: AbstractAsyncContextManager[T], banner: Callable[[T], str]) -> None:
    """Serve, print the banner, and return after SIGINT or SIGTERM."""
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
    for key in simulator.venue.keys.all():
        lines += [f"  {key.kind} key", f"    key     {key.key}", *_secret_lines(key.secret)]
    return "\n".join([*lines, *_lines_to_paste(simulator)])


def binance_credential(simulator: "BinanceSimulator", venue: str = "BINANCE") -> dict[str, str]:
    """Return the body that stores the HMAC key as a credential of the venue."""
    key = simulator.venue.keys.of("HMAC")
    return {"venue": venue, "credentialType": "HMAC", "apiKey": key.key, "apiSecret": key.secret}


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
    return "\n".join([*lines, *_lines_to_connect("OKX", simulator.url, okx_credential(simulator))])


def okx_credential(simulator: "OkxSimulator", *, is_demo: bool = False) -> dict[str, str]:
    """Return the body that stores the key of the live environment, or of the demo one, as a credential."""
    key, venue = simulator.venue.keys.of(is_demo=is_demo), "OKX_UAT" if is_demo else "OKX"
    asked = {"venue": venue, "credentialType": "HMAC", "apiKey": key.key, "apiSecret": key.secret}
    return asked | {"apiPassphrase": key.passphrase}


def deribit_banner(simulator: "DeribitSimulator") -> str:
    """Return what a user needs to know: addresses, the keys with their secrets, and the lines that connect the
    platform."""
    lines = [
        "DERIBIT futures, options and spot, simulated. Nothing here is real.",
        f"  REST       {simulator.rest_url}",
        f"  WebSocket  {simulator.socket_url}",
        f"  truth      {simulator.url}/simulator/truth, kept in {simulator.venue.truth.path}",
    ]
    for key in simulator.venue.keys.all():
        lines += ["  HMAC key", f"    key     {key.key}", f"    secret  {key.secret}"]
    return "\n".join([*lines, *_lines_to_connect("DERIBIT", simulator.url, deribit_credential(simulator))])


def deribit_credential(simulator: "DeribitSimulator", venue: str = "DERIBIT") -> dict[str, str]:
    """Return the body that stores the first key as a credential of the venue."""
    key = simulator.venue.keys.all()[0]
    return {"venue": venue, "credentialType": "HMAC", "apiKey": key.key, "apiSecret": key.secret}


def bitfinex_banner(simulator: "BitfinexSimulator") -> str:
    """Return what a user needs to know: addresses, the keys with their secrets, and the lines that connect the
    platform."""
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


def bitfinex_credential(simulator: "BitfinexSimulator", *, is_paper: bool = False) -> dict[str, str]:
    """Return the body that stores the key of the account, or of the paper account, as a credential."""
    settings = simulator.venue.settings
    key = simulator.venue.keys.of(settings.paper_account if is_paper else settings.account)
    venue = "BITFINEX_UAT" if is_paper else "BITFINEX"
    return {"venue": venue, "credentialType": "HMAC", "apiKey": key.key, "apiSecret": key.secret}


def _secret_lines(secret: str) -> list[str]:
    """A private key is a PEM of several lines."""
    first, *more = secret.splitlines()
    if not more:
        return [f"    secret  {first}"]
    return ["    secret, with its first and last line:", *(f"    {line}" for line in (first, *more))]


def _lines_to_paste(simulator: "BinanceSimulator") -> list[str]:
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
