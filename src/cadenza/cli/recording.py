"""`cadenza recording`: make recordings of markets, and verify them."""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from cadenza.adapters.venues.paper.market.binance_session import import_session
from cadenza.adapters.venues.paper.market.recording import (
    PACKAGED_RECORDING,
    RecordingError,
    read_recording,
    write_recording,
)
from cadenza.adapters.venues.paper.market.verification import RULES, Mismatch, verify
from cadenza.cli.common import fail
from cadenza.domain.money import NotADecimal, parse_decimal

app = typer.Typer(help="Recorded markets for the PAPER venue.", no_args_is_help=True)


@app.command("verify")
def verify_recording(
    file: Annotated[Path | None, typer.Argument(help="A recording; the packaged one when left out.")] = None,
) -> None:
    """Play a recording and check it against itself: the books at every message, and the fills of sample orders."""
    path = file or PACKAGED_RECORDING
    try:
        recording = read_recording(path)
        header = recording.header
        typer.echo(f"{path.name}: {header.symbol}, {header.source}, {header.licence}")
        for number, rule in enumerate(RULES, start=1):
            typer.echo(f"  {number}. {rule}")
        verdict = verify(recording)
    except RecordingError as error:
        raise fail(f"{path} cannot be played: {error}") from None
    except Mismatch as error:
        raise fail(f"MISMATCH: {error}") from None
    for field in fields(verdict):
        typer.echo(f"{getattr(verdict, field.name):>10,}  {field.name.replace('_', ' ')}")
    typer.echo("Every rule held at every trial.")


@app.command("import-binance")
def import_binance(
    capture: Annotated[Path, typer.Argument(help="A gzip file: receive time in ns, blank, message; one per line.")],
    out: Annotated[Path, typer.Option(help="The recording to write.")],
    source: Annotated[str, typer.Option(help="The source of the capture.")],
    licence: Annotated[str, typer.Option(help="The licence of the capture.")],
    symbol: Annotated[str, typer.Option(help="The instrument, as BASE/QUOTE.")] = "BTC/USDT",
    tick_size: Annotated[str, typer.Option(help="The step of all prices in the capture.")] = "0.01",
    lot_size: Annotated[str, typer.Option(help="The step of all quantities in the capture.")] = "0.000001",
) -> None:
    """Turn a captured Binance spot session (depth, trade, bookTicker and a depth snapshot) into a recording."""
    try:
        recording = import_session(
            capture,
            symbol=symbol,
            tick_size=_step("--tick-size", tick_size),
            lot_size=_step("--lot-size", lot_size),
            source=source,
            licence=licence,
        )
        write_recording(recording, out)
    except RecordingError as error:
        raise fail(str(error)) from None
    typer.echo(f"{out}: {len(recording.messages)} messages, {out.stat().st_size} bytes")


def _step(name: str, text: str) -> Decimal:
    try:
        step = parse_decimal(text)
    except NotADecimal as error:
        raise typer.BadParameter(str(error), param_hint=name) from None
    if step <= 0:
        raise typer.BadParameter("must be positive", param_hint=name)
    return step
