"""`cadenza reports`: what venues told that fits no order of ours, for whoever holds the machine."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from cadenza.adapters.storage.bodies import report_text
from cadenza.cli.common import fail, loaded_settings, open_database, plain_failures
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.reports import Report
from cadenza.ports.storage.trading import UnmatchedSummary
from cadenza.runtime.wiring.administration import open_administration
from cadenza.wire.values import rfc3339

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Print at most this many.")]


def reports(limit: Limit = 100) -> None:
    """Print the reports that fit no order, the oldest first. They wait for their order; none is ever dropped."""
    summary, oldest = _read(limit)
    for report in oldest:
        kind, body = report_text(report)
        typer.echo(f"{rfc3339(report.at_ms)}  account {report.account_id}  {kind}  {body}")
    left = summary.count - len(oldest)
    more = f", {left} more than are printed" if left > 0 else ""
    typer.echo(f"{summary.count} reports fit no order{more}.")


def _read(limit: int) -> tuple[UnmatchedSummary, Sequence[Report]]:
    settings = loaded_settings().settings

    async def whole() -> tuple[UnmatchedSummary, Sequence[Report]]:
        async with (
            open_database(settings) as dsn,
            open_administration(settings, dsn) as office,
            office.storage.read() as uow,
        ):
            return await uow.unmatched.summary(), await uow.unmatched.oldest(limit)

    with plain_failures():
        try:
            return asyncio.run(whole())
        except CadenzaError as error:
            raise fail(str(error)) from None
