"""`cadenza centrifugo`: the configuration of a Centrifugo in front of the server."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from cadenza.adapters.engines.centrifugo.configuration import configuration
from cadenza.cli.common import fail, loaded_settings, plain_failures
from cadenza.runtime.bootstrap import open_key_ring
from cadenza.runtime.wiring.realtime import centrifugo_facts

app = typer.Typer(help="Centrifugo, when CADENZA_REALTIME is centrifugo.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `config` a command of its own."""


@app.command("config")
def config(
    version: Annotated[int, typer.Option(help="Centrifugo's major version, 5 or 6.")] = 6,
    output: Annotated[
        Path | None,
        typer.Option(help="The file to write, readable by its owner only. Without it the configuration is printed."),
    ] = None,
    address: Annotated[str, typer.Option(help="The address Centrifugo listens on.")] = "",
    origin: Annotated[
        list[str] | None, typer.Option(help="The origin of a web page that may connect. May be repeated.")
    ] = None,
) -> None:
    """Write the whole configuration of Centrifugo. It is a secret, because it contains the key that signs access
    tokens. Write it again after `cadenza master-key rotate`: Centrifugo checks tokens with the active key only.
    """
    if version not in (5, 6):
        raise fail(f"there is no configuration for version {version}: write 5 or 6")
    settings = loaded_settings().settings
    with plain_failures():
        facts = centrifugo_facts(
            settings, open_key_ring(settings), address=address, allowed_origins=tuple(origin or ())
        )
        text = json.dumps(configuration(5 if version == 5 else 6, facts), indent=2) + "\n"
        if output is None:
            typer.echo(text, nl=False)
            return
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
    typer.echo(f"{output} is written.")
