"""`cadenza simulate`: venues' wire protocols on this machine, for trying a client without an account."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import typer

from cadenza.cli.common import fail, in_words
from cadenza.runtime.simulating.settings import PORTS, common_settings, default_parent_dir

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)]
Seed = Annotated[int, typer.Option(help="The seed of the market and of random faults.")]
Faults = Annotated[float, typer.Option(help="The share of order requests that meet a random fault.", min=0.0, max=1.0)]
DataDir = Annotated[
    Path | None, typer.Option(help="Where keys and the ledger of truth are kept; by default in the user's data.")
]
Still = Annotated[bool, typer.Option("--still", help="A market that moves only when it is asked to.")]

app = typer.Typer(help="Simulated venues that speak the real ones' protocols.", no_args_is_help=True)


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
    _run("binance", host, port, seed, faults, data_dir, still)


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
    _run("okx", host, port, seed, faults, data_dir, still)


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
    _run("deribit", host, port, seed, faults, data_dir, still)


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
    _run("bitfinex", host, port, seed, faults, data_dir, still)


def _run(name: str, host: str, port: int, seed: int, fault_rate: float, data_dir: Path | None, is_still: bool) -> None:
    # Imported here, so that the other commands start without a web server.
    from cadenza.runtime.simulating.one_simulator import one_running
    from cadenza.runtime.simulating.start import SimulatorNotStarted

    directory = data_dir or default_parent_dir() / name
    common = common_settings(directory, seed=seed, fault_rate=fault_rate, is_still=is_still)
    try:
        asyncio.run(serve_until_stopped(one_running(name, common, host, port)))
    except SimulatorNotStarted as error:
        raise fail(in_words(error.cause)) from None
    except OSError as error:
        raise fail(in_words(error)) from None


async def serve_until_stopped(simulator: AbstractAsyncContextManager[str]) -> None:
    """Serve, print what a user needs to know, and return after SIGINT or SIGTERM."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with simulator as text:
        typer.echo(text)
        await stop.wait()
