"""`cadenza simulate`: venues' wire protocols on this machine, for trying a client without an account."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cadenza.cli.common import fail, in_words
from cadenza.runtime.local import SystemClock, SystemIds

if TYPE_CHECKING:
    from cadenza.simulators.binance.server import BinanceSimulator
    from cadenza.simulators.binance.settings import SimulatorSettings

app = typer.Typer(help="Simulated venues that speak the real ones' protocols.", no_args_is_help=True)
MARKET_STEP_MS = 100


@app.callback()
def simulators() -> None:
    """Simulated venues that speak the real ones' protocols."""


@app.command("binance")
def binance(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 9700,
    seed: Annotated[int, typer.Option(help="The seed of the market and of random faults.")] = 1,
    faults: Annotated[
        float, typer.Option(help="The share of order requests that meet a random fault.", min=0.0, max=1.0)
    ] = 0.0,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where keys and the ledger of truth are kept; by default in the user's data.")
    ] = None,
    still: Annotated[bool, typer.Option("--still", help="A market that moves only when it is asked to.")] = False,
) -> None:
    """Run a simulator of BINANCE (spot, cross margin, USD-M) until SIGINT or SIGTERM."""
    # Imported here and below, so that the other commands start without a web server.
    from cadenza.simulators.binance.ledger.truth import TruthError
    from cadenza.simulators.binance.settings import SimulatorSettings

    settings = SimulatorSettings(
        data_dir=data_dir or default_data_dir(),
        seed=seed,
        market_step_ms=0 if still else MARKET_STEP_MS,
        fault_rate=faults,
    )
    try:
        asyncio.run(_serve(settings, host, port))
    except TruthError as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(in_words(error)) from None


def default_data_dir() -> Path:
    """Return where a simulator keeps its data unless the user says otherwise."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "cadenza-simulators/binance"


async def _serve(settings: "SimulatorSettings", host: str, port: int) -> None:
    from cadenza.simulators.binance.server import run_simulator

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with run_simulator(settings, SystemClock(), SystemIds(), host, port) as simulator:
        typer.echo(banner(simulator))
        await stop.wait()


def banner(simulator: "BinanceSimulator") -> str:
    """Return what a user needs to know: addresses, and a key of each kind with its secret."""
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
        lines += [f"  {key.kind} key", f"    {key.key}", *(f"    {line}" for line in key.secret.splitlines())]
    return "\n".join(lines)
