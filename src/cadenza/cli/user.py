"""`cadenza user`: users, invitations, passwords and the outbox. For the administrator of the machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, TypeVar

import typer

from cadenza.adapters.storage.migrate import migrate
from cadenza.application.identity.administrators import COMMAND_LINE
from cadenza.cli.common import fail, loaded_settings, open_current_database, open_database, parts_of, plain_failures
from cadenza.domain.errors import CadenzaError
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.mail import Mail
from cadenza.domain.identity.user import User
from cadenza.domain.ids import Access, SessionId
from cadenza.runtime.config import Settings
from cadenza.runtime.wiring.administration import Administration, open_administration

T = TypeVar("T")
LISTED_MAX = 1000

Email = Annotated[str, typer.Argument(help="The user's e-mail address.")]
Named = Annotated[str, typer.Argument(metavar="USER", help="The user's e-mail address, or id as `list` prints it.")]
NewPassword = Annotated[
    str,
    typer.Option(
        prompt=True, confirmation_prompt=True, hide_input=True, help="The command asks for it when it is left out."
    ),
]
Environments = Annotated[str | None, typer.Option(help="Any of live, uat, paper; joined by commas.")]

app = typer.Typer(help="Users, invitations, passwords and the outbox.", no_args_is_help=True)


@app.command("create")
def create(
    email: Email,
    password: NewPassword,
    operator: Annotated[bool, typer.Option("--operator", help="Sees all tenants.")] = False,
    environments: Environments = None,
) -> None:
    """Create a user with a new tenant, whatever the setting of sign-up. Makes and migrates the database as `serve`
    does."""
    access = None if environments is None else environments_of("--environments", environments)

    async def work(office: Administration) -> User:
        return await office.create_user(email=email, password=password, is_operator=operator, access=access)

    user = run(work, _made_database)
    typer.echo(f"{user.email} is user {user.id} of tenant {user.tenant_id}.")


@app.command("list")
def list_users() -> None:
    """Print the users of all tenants, newest first."""

    async def work(office: Administration) -> list[User]:
        async with office.storage.read() as uow:
            return list(await uow.identity.list_users(offset=0, limit=LISTED_MAX))

    for user in run(work):
        scopes = ",".join(sorted(scope.value for scope in user.scopes))
        access = ",".join(sorted(environment.value for environment in user.access))
        operator = "  operator" if user.is_operator else ""
        typer.echo(f"{user.id}  {user.email or '-'}  tenant {user.tenant_id}  {scopes}  {access}{operator}")


@app.command("invite")
def invite(
    email: Email,
    into: Annotated[
        str,
        typer.Option(help="Address of an admin whose tenant the user joins. Without it the user gets a new tenant."),
    ] = "",
    scopes: Annotated[str, typer.Option(help="Of a member: any of read, write, admin; joined by commas.")] = "read",
) -> None:
    """Mail an invitation, valid once: to sign up with a new tenant, or into the tenant of an admin."""
    wanted = scopes_of("--scopes", scopes)

    async def work(office: Administration) -> str:
        if not into:
            _, token = await office.invite_tenant(email=email)
            return f"The invitation of {email} is in the outbox. Its token: {token}"
        await office.invite_member(await actor_of(office, into), email=email, scopes=wanted)
        return f"The invitation of {email} is in the outbox: `cadenza user outbox` shows it until it is sent."

    typer.echo(run(work))


@app.command("set-password")
def set_password(email: Email, password: NewPassword) -> None:
    """Set a user's password and end the user's sessions."""

    async def work(office: Administration) -> None:
        await office.set_password(email=email, password=password)

    run(work)
    typer.echo(f"{email} has a new password; all sessions have ended.")


@app.command("reset-password")
def reset_password(
    token: Annotated[str, typer.Option(help="The one-time token that was mailed.")], password: NewPassword
) -> None:
    """Set the password with a token that `recover` mailed, and end the user's sessions."""

    async def work(office: Administration) -> None:
        await office.reset_password(token=token, password=password, client=COMMAND_LINE)

    run(work)
    typer.echo("The new password is set; all sessions have ended.")


@app.command("set-environments")
def set_environments(user: Named, environments: Annotated[str, typer.Argument(help="Such as live,paper.")]) -> None:
    """Set the environments that the tenant of a user may use. Takes effect within a second."""
    access = environments_of("ENVIRONMENTS", environments)

    async def work(office: Administration) -> User:
        return await office.set_environments(user=user, access=access)

    found = run(work)
    typer.echo(f"The tenant of {user} may use {', '.join(sorted(part.value for part in found.access)) or 'nothing'}.")


@app.command("set-scopes")
def set_scopes(user: Named, scopes: Annotated[str, typer.Argument(help="Such as read,write.")]) -> None:
    """Set what a user may do. Takes effect within a second, for sessions and for the API keys that the user made."""
    wanted = scopes_of("SCOPES", scopes)

    async def work(office: Administration) -> User:
        return await office.set_scopes(user=user, scopes=wanted)

    typer.echo(f"{user} has the scopes {', '.join(sorted(run(work).scopes))}.")


@app.command("remove")
def remove(user: Named) -> None:
    """End a user's sessions and API keys for good. Accounts, credentials and open orders of the tenant stay."""

    async def work(office: Administration) -> User:
        return await office.remove_user(user=user)

    found = run(work)
    typer.echo(f"User {found.id} was removed. Accounts and open orders of tenant {found.tenant_id} stay.")


@app.command("outbox")
def outbox() -> None:
    """Print the mails, newest first. The text of a sent mail is deleted, unless the mail was only printed."""

    async def work(office: Administration) -> list[Mail]:
        async with office.storage.read() as uow:
            return list(await uow.identity.list_mails(offset=0, limit=LISTED_MAX))

    for mail in run(work):
        typer.echo(f"{mail.status.value}  to {mail.to}: {mail.subject}\n{mail.text}")


async def actor_of(office: Administration, email: str) -> Actor:
    """Return an actor for the user with that address, in a session that exists only for this command."""
    async with office.storage.read() as uow:
        found = await uow.identity.find_login(normalise_email(email))
    if found is None:
        raise fail(f"there is no user {email}")
    user = found[0]
    return Actor(
        user_id=user.id,
        tenant_id=user.tenant_id,
        session_id=SessionId(user.id),
        scopes=user.scopes,
        access=user.access,
        client=COMMAND_LINE,
    )


def scopes_of(name: str, text: str) -> frozenset[Scope]:
    return frozenset(one_of(Scope, name, part) for part in parts_of(name, text))


def environments_of(name: str, text: str) -> frozenset[Access]:
    return frozenset(one_of(Access, name, part) for part in parts_of(name, text))


E_ = TypeVar("E_", Access, Scope)


def one_of(kind: type[E_], what: str, name: str) -> E_:
    try:
        return kind(name.strip())
    except ValueError:
        raise fail(f"{what}: {name.strip()!r} is not one of {', '.join(member.value for member in kind)}") from None


@asynccontextmanager
async def _made_database(settings: Settings) -> AsyncIterator[str]:
    async with open_database(settings, may_create=True) as dsn:
        await migrate(dsn)
        yield dsn


OpenDatabase = Callable[[Settings], AbstractAsyncContextManager[str]]


def run(work: Callable[[Administration], Awaitable[T]], opened: OpenDatabase = open_current_database) -> T:
    """Do the work over the configured database. A refusal ends with one sentence and exit code 1."""
    settings = loaded_settings().settings

    async def whole() -> T:
        async with opened(settings) as dsn, open_administration(settings, dsn) as office:
            return await work(office)

    with plain_failures():
        try:
            return asyncio.run(whole())
        except CadenzaError as error:
            raise fail(error.message) from None
