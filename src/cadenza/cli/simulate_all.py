"""`cadenza simulate all`: every simulator in one process, and the lines that trade on all of them."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cadenza.cli.common import fail, in_words
from cadenza.cli.simulate import Faults, Host, Seed, Still, serve_until_stopped
from cadenza.runtime.simulating.settings import PORTS, CommonSettings, common_settings, default_parent_dir

FreePorts = Annotated[bool, typer.Option("--free-ports", help="A free port for each simulator in place of its own.")]
ParentDir = Annotated[
    Path | None,
    typer.Option(help="Its folder of each simulator holds keys and the ledger; by default in the user's data."),
]


def all_venues(
    host: Host = "127.0.0.1",
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: ParentDir = None,
    still: Still = False,
    free_ports: FreePorts = False,
) -> None:
    """Run the simulators of all venues and their test environments until SIGINT or SIGTERM. When one cannot start, none
    runs."""
    # Imported here, so that the other commands start without a web server.
    from cadenza.runtime.simulating.first_orders import all_with_first_orders
    from cadenza.runtime.simulating.start import SimulatorNotStarted

    parent = data_dir or default_parent_dir()

    def settings(name: str) -> CommonSettings:
        return common_settings(parent / name, seed=seed, fault_rate=faults, is_still=still)

    ports = dict.fromkeys(PORTS, 0) if free_ports else PORTS
    try:
        asyncio.run(serve_until_stopped(all_with_first_orders(settings, host, ports, parent)))
    except SimulatorNotStarted as error:
        raise fail(f"the simulator of {error.name.upper()} did not start: {in_words(error.cause)}") from None
