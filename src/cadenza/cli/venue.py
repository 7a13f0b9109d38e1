"""`cadenza venue`: the venues that the server connects to. For the administrator of the machine."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from cadenza.adapters.venues.kit.probe import ProbeVerdict
from cadenza.application.accounts.given_secrets import read_secrets
from cadenza.application.market_data.note_conditions import NOTED_EVERY_MS
from cadenza.cli.capabilities import facts_of, in_brief, orders_of
from cadenza.cli.common import fail, loaded_settings, open_current_database, plain_failures
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import CadenzaError, InvalidCredential, InvalidRequest
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.ports.storage.market import NotedCondition
from cadenza.runtime.local import SystemClock
from cadenza.runtime.wiring.administration import open_administration
from cadenza.runtime.wiring.probes import PROBED, open_probe
from cadenza.runtime.wiring.venues import spec_of
from cadenza.wire.values import rfc3339
from cadenza.wire.venues import parse_venue

app = typer.Typer(help="The venues that the server connects to.")


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """List the venues, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        venues()


@app.command("list")
def venues() -> None:
    """Print each venue of the settings, and each that a server has connected: its state, since when, the cause when
    something failed, and in brief what it can do."""
    settings = loaded_settings().settings
    noted = {each.venue_id: each for each in _noted()}
    for venue_id in sorted({*noted, *(parse_venue(name, "venues") for name in settings.venues)}, key=str):
        typer.echo(f"{venue_id}  {_state_of(noted.get(venue_id))}")
        spec = spec_of(settings, venue_id)
        if spec is not None:
            typer.echo(f"  {in_brief(spec)}")


def _state_of(noted: NotedCondition | None) -> str:
    if noted is None:
        return "no server has connected it yet"
    condition = noted.condition
    detail = "" if condition.detail is None else f": {condition.detail}"
    cause = "" if condition.cause is None else f"  {condition.cause}{detail}"
    is_old = SystemClock().now_ms() - noted.noted_at_ms > 2 * NOTED_EVERY_MS
    age = f"  (noted at {rfc3339(noted.noted_at_ms)}: no server has noted it since)" if is_old else ""
    return f"{condition.status.value}  since {rfc3339(condition.since_ms)}{cause}{age}"


@app.command("show")
def show(venue: Annotated[str, typer.Argument(help="The venue, as in PAPER or BINANCE_UAT.")]) -> None:
    """Print how a venue is, and what it can do."""
    try:
        venue_id = parse_venue(venue.upper(), "venue")
        spec = spec_of(loaded_settings().settings, venue_id)
    except InvalidRequest as error:
        raise fail(str(error)) from None
    if spec is None:
        raise fail(f"{venue.upper()} has no connector yet")
    try:
        state = _state_of(next((each for each in _noted() if each.venue_id == venue_id), None))
    except typer.Exit:  # what a venue can do is shown without a database, too
        state = "not known"
    lines = [("state", state), *((name, url) for name, url in spec.urls.items()), *orders_of(spec), *facts_of(spec)]
    width = max(len(subject) for subject, _ in lines)
    for subject, text in lines:
        typer.echo(f"{subject:<{width}}  {text}")


@app.command("probe")
def probe(
    venue: Annotated[str, typer.Argument(help="The venue, as in BINANCE_UAT.")],
    key: Annotated[str, typer.Option(help="The API key; asked for when it is left out.", envvar="PROBE_KEY")] = "",
    secret: Annotated[
        str,
        typer.Option(
            help="The secret, or the private key as PEM; asked for when it is left out.", envvar="PROBE_SECRET"
        ),
    ] = "",
    passphrase: Annotated[
        str,
        typer.Option(
            help="The passphrase of the key where the venue has one, or the venue's further fields as JSON; asked for "
            "when it is left out.",
            envvar="PROBE_PASSPHRASE",
        ),
    ] = "",
    type: Annotated[str, typer.Option(help="HMAC, RSA or ED25519.")] = "HMAC",
    with_orders: Annotated[
        bool,
        typer.Option("--with-orders", help="Place small orders too. Most rest and are canceled; three are executed."),
    ] = False,
) -> None:
    """Ask a venue, with your own key, about the facts that its connector relies on. The exit code is 1 when one of
    them is refuted, when the venue does not accept the key, and when it is not reached. The key is neither stored nor
    printed."""
    settings = loaded_settings().settings
    try:
        venue_id = parse_venue(venue.upper(), "venue")
        credential_type = CredentialType(type.upper())
    except InvalidRequest as error:
        raise fail(str(error)) from None
    except ValueError:
        raise fail(f"--type must be HMAC, RSA or ED25519, not {type!r}") from None
    spec = spec_of(settings, venue_id)
    if spec is not None and spec.is_in_process:
        raise fail(f"{venue.upper()} runs in the server itself: there is nothing to probe")
    if spec is None or venue_id.venue not in PROBED:
        raise fail(f"{venue.upper()} has no probe yet")
    secrets = _secrets(spec, credential_type, key, secret, passphrase)

    async def ask() -> tuple[Counter[ProbeVerdict], str]:
        verdicts: Counter[ProbeVerdict] = Counter()
        unseen = ""
        async with open_probe(settings, spec, credential_type, secrets) as found:
            async for finding in found.findings(with_orders=with_orders):
                verdicts[finding.verdict] += 1
                typer.echo(f"{finding.verdict.value:<9}  {finding.fact}: {finding.shown}")
                if finding.verdict is ProbeVerdict.UNSEEN:
                    unseen = unseen or finding.shown
        return verdicts, unseen

    try:
        verdicts, unseen = asyncio.run(ask())
    except CadenzaError as error:
        raise fail(str(error)) from None
    if not verdicts[ProbeVerdict.CONFIRMED] and not verdicts[ProbeVerdict.REFUTED]:
        raise fail(f"{venue.upper()} was not reached: {unseen}")
    if not with_orders:
        typer.echo("No order was placed: --with-orders asks about orders as well.")
    if verdicts[ProbeVerdict.REFUTED]:
        raise typer.Exit(1)


def _secrets(spec: VenueSpec, type: CredentialType, key: str, secret: str, passphrase: str) -> Secrets:
    key = key or typer.prompt("API key")
    secret = secret or typer.prompt("Secret", hide_input=True)
    if not passphrase and any(field.is_required for field in spec.credential_fields):
        names = ", ".join(field.name for field in spec.credential_fields)
        passphrase = typer.prompt(f"Passphrase, or JSON with {names}", hide_input=True)
    try:
        return read_secrets(spec, type, key, secret, passphrase)
    except InvalidCredential as error:
        raise fail(str(error)) from None


def _noted() -> Sequence[NotedCondition]:
    settings = loaded_settings().settings

    async def read() -> Sequence[NotedCondition]:
        async with (
            open_current_database(settings) as dsn,
            open_administration(settings, dsn) as office,
            office.storage.read() as uow,
        ):
            return await uow.venues.all()

    with plain_failures():
        try:
            return asyncio.run(read())
        except CadenzaError as error:
            raise fail(str(error)) from None
