"""`cadenza reports`: reports of venues that could not be booked. For the administrator of the machine."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer

from cadenza.adapters.storage.bodies import report_text
from cadenza.adapters.storage.kept import name_of
from cadenza.cli.common import fail, loaded_settings, open_current_database, plain_failures
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.kept import KeptReport
from cadenza.ports.storage.trading import KeptSummary, NewsGap
from cadenza.runtime.wiring.administration import Administration, open_administration
from cadenza.wire.values import rfc3339

T = TypeVar("T")
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Print at most this many of each.")]

app = typer.Typer(help="Reports of venues that could not be booked.", invoke_without_command=True)


@app.callback()
def reports(context: typer.Context, limit: Limit = 100) -> None:
    """Print the reports that could not be booked or not be read, the oldest first, and the periods that a venue could
    not report. A report that fits no order waits for its order.
    """
    if context.invoked_subcommand is not None:
        return

    async def work(office: Administration) -> tuple[KeptSummary, Sequence[KeptReport], Sequence[NewsGap]]:
        async with office.storage.read() as uow:
            return await uow.kept.summary(), await uow.kept.oldest(limit), await uow.gaps.newest(limit)

    summary, oldest, gaps = _run(work)
    for kept in oldest:
        kind, body = report_text(kept.report)
        reason = kept.reason.value if not kept.detail else f"{kept.reason.value} ({kept.detail})"
        typer.echo(
            f"{rfc3339(kept.kept_at_ms)}  account {kept.report.account_id}  {reason}  {kind}  {body}"
            f"  name {name_of(kept.report)}"
        )
    for gap in gaps:
        typer.echo(f"account {gap.account_id}  nothing is known from {rfc3339(gap.from_ms)} to {rfc3339(gap.until_ms)}")
    left = summary.curable_count + summary.refused_count - len(oldest)
    more = f", {left} more than are printed" if left > 0 else ""
    typer.echo(f"{summary.curable_count} reports fit no order yet, {summary.refused_count} could not be booked{more}.")


@app.command("dismiss")
def dismiss(name: Annotated[str, typer.Argument(help="The report's name, as `cadenza reports` prints it.")]) -> None:
    """Dismiss a report that you have dealt with. It is never booked, and it holds up no comparison of the account's
    ledger with its venue any more."""

    async def work(office: Administration) -> bool:
        async with office.storage.begin() as uow:
            found = await uow.kept.dismiss(name)
            await uow.commit()
        return found

    if not _run(work):
        raise fail(f"no report that is kept has the name {name}")
    typer.echo("The report is dismissed.")


def _run(work: Callable[[Administration], Awaitable[T]]) -> T:
    settings = loaded_settings().settings

    async def whole() -> T:
        async with open_current_database(settings) as dsn, open_administration(settings, dsn) as office:
            return await work(office)

    with plain_failures():
        try:
            return asyncio.run(whole())
        except CadenzaError as error:
            raise fail(str(error)) from None
