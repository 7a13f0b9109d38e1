"""`cadenza key`: the API keys of users' programs. For the administrator of the machine."""

from typing import Annotated
from uuid import UUID

import typer

from cadenza.application.identity.administrators import COMMAND_LINE
from cadenza.application.identity.create_api_key import ApiKeyRequest, IssuedApiKey
from cadenza.cli.common import fail, loaded_settings, parts_of
from cadenza.cli.keys import existing_ring
from cadenza.cli.user import LISTED_MAX, actor_of, environments_of, one_of, run
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.api_key import ApiKey
from cadenza.domain.ids import ApiKeyId, SessionId, TradingAccountId
from cadenza.ports.storage.api_keys import ApiKeyFilter
from cadenza.runtime.wiring.administration import Administration

DAY_MS = 86_400_000

Email = Annotated[str, typer.Argument(help="The e-mail address of the user for whom the key acts.")]
KeyId = Annotated[str, typer.Argument(help="The id of the key, as `cadenza key list` prints it.")]

app = typer.Typer(
    help="API keys, with which users' programs log in. (The master keys are `cadenza master-key`.)",
    no_args_is_help=True,
)


@app.command("create")
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="Unique among the user's live keys.")],
    scopes: Annotated[str, typer.Option(help="Any of read, write, admin; joined by commas.")] = "read",
    accounts: Annotated[str | None, typer.Option(help="Ids of the only trading accounts; joined by commas.")] = None,
    environments: Annotated[str | None, typer.Option(help="Any of live, uat, paper; joined by commas.")] = None,
    addresses: Annotated[str | None, typer.Option(help="IP addresses and CIDR blocks; joined by commas.")] = None,
    days: Annotated[int, typer.Option(min=0, max=36_500, help="Days until the key expires. 0: never.")] = 0,
) -> None:
    """Create a key of a user, with at most the user's rights. Its secret is printed once. A limit that is left out does
    not limit the key; one that is given and empty is refused."""
    wanted = frozenset(one_of(Scope, "--scopes", scope) for scope in parts_of("--scopes", scopes))
    only = None if accounts is None else _account_ids(accounts)
    access = None if environments is None else environments_of("--environments", environments)
    networks = None if addresses is None else tuple(parts_of("--addresses", addresses))

    async def work(office: Administration) -> IssuedApiKey:
        request = ApiKeyRequest(
            name=name,
            scopes=wanted,
            accounts=only,
            environments=access,
            addresses=networks,
            expires_at_ms=office.clock.now_ms() + days * DAY_MS if days else None,
        )
        create_api_key = office.create_api_key(existing_ring(loaded_settings().settings))
        return await create_api_key(await actor_of(office, email), request)

    issued = run(work)
    typer.echo(f"{issued.key.name} is API key {issued.key.id} of {email}. Its secret is shown only now:")
    typer.echo(issued.secret)


@app.command("list")
def list_keys() -> None:
    """Print the keys of all tenants, newest first. Secrets are not stored, so none is printed."""

    async def work(office: Administration) -> list[str]:
        async with office.storage.read() as uow:
            keys = await uow.api_keys.page(ApiKeyFilter(tenant_id=None), after=None, offset=0, limit=LISTED_MAX)
        return [_line(key, office.clock.now_ms()) for key in keys]

    for line in run(work):
        typer.echo(line)


@app.command("revoke")
def revoke(key: KeyId) -> None:
    """End a key. A running server refuses it within a second."""
    key_id = ApiKeyId(_uuid("the key", key))

    async def work(office: Administration) -> ApiKey:
        async with office.storage.read() as uow:
            found = await uow.api_keys.get(key_id)
        if found is None:
            raise fail(f"there is no API key {key_id}")
        admin = Actor(
            user_id=found.user_id,
            tenant_id=found.tenant_id,
            session_id=SessionId(found.user_id),
            scopes=frozenset({Scope.ADMIN}),
            access=frozenset(),
            client=COMMAND_LINE,
        )
        revoked, _ = await office.revoke_api_key(admin, key_id)
        return revoked

    typer.echo(f"{run(work).name} is revoked.")


def _line(key: ApiKey, now_ms: int) -> str:
    limits = [
        "all accounts" if key.accounts is None else f"accounts {','.join(sorted(map(str, key.accounts)))}",
        "all environments" if key.environments is None else ",".join(sorted(key.environments)),
        "any address" if not key.addresses else ",".join(map(str, key.addresses)),
    ]
    used = "never used" if key.last_used_at_ms is None else f"used {(now_ms - key.last_used_at_ms) // 60_000} min ago"
    scopes = ",".join(sorted(key.scopes))
    return f"{key.id}  {key.status(now_ms)}  {key.name}  user {key.user_id}  {scopes}  {'  '.join(limits)}  {used}"


def _account_ids(text: str) -> frozenset[TradingAccountId]:
    return frozenset(TradingAccountId(_uuid("--accounts", part)) for part in parts_of("--accounts", text))


def _uuid(what: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise fail(f"{what}: {text!r} is no id") from None
