"""`cadenza reports`: reports of venues that could not be booked. For the administrator of the machine."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from cadenza.adapters.storage.bodies import report_text
from cadenza.cli.common import fail, loaded_settings, open_current_database, plain_failures
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.kept import KeptReport
from cadenza.ports.storage.trading import KeptSummary, NewsGap
from cadenza.runtime.wiring.administration import open_administration
from cadenza.wire.values import rfc3339

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Print at most this many of each.")]


def reports(limit: Limit = 100) -> None:
    """Print the reports that could not be booked or not be read, the oldest first, and the periods that a venue could
    not report. A report that fits no order waits for its order.
    """
    summary, oldest, gaps = _read(limit)
    for kept in oldest:
        kind, body = report_text(kept.report)
        reason = kept.reason.value if not kept.detail else f"{kept.reason.value} ({kept.detail})"
        typer.echo(f"{rfc3339(kept.kept_at_ms)}  account {kept.report.account_id}  {reason}  {kind}  {body}")
    for gap in gaps:
        typer.echo(f"account {gap.account_id}  nothing is known from {rfc3339(gap.from_ms)} to {rfc3339(gap.until_ms)}")
    left = summary.curable_count + summary.refused_count - len(oldest)
    more = f", {left} more than are printed" if left > 0 else ""
    typer.echo(f"{summary.curable_count} reports fit no order yet, {summary.refused_count} could not be booked{more}.")


def _read(limit: int) -> tuple[KeptSummary, Sequence[KeptReport], Sequence[NewsGap]]:
    settings = loaded_settings().settings

    async def whole() -> tuple[KeptSummary, Sequence[KeptReport], Sequence[NewsGap]]:
        async with (
            open_current_database(settings) as dsn,
            open_administration(settings, dsn) as office,
            office.storage.read() as uow,
        ):
            return await uow.kept.summary(), await uow.kept.oldest(limit), await uow.gaps.newest(limit)

    with plain_failures():
        try:
            return asyncio.run(whole())
        except CadenzaError as error:
            raise fail(str(error)) from None
