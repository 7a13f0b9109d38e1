"""What whoever holds the machine may do, besides a running server or without one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.vault.keyring import KeyRing
from cadenza.adapters.vault.passwords import Argon2Hasher
from cadenza.adapters.vault.tokens import JwtTokens
from cadenza.application.identity.administrators import AdministratorsAudit
from cadenza.application.identity.create_api_key import CreateApiKey
from cadenza.application.identity.create_user import CreateUser
from cadenza.application.identity.invite_member import InviteMember
from cadenza.application.identity.invite_tenant import InviteTenant
from cadenza.application.identity.letters import Letters
from cadenza.application.identity.remove_user import RemoveUser
from cadenza.application.identity.reset_password import ResetPassword
from cadenza.application.identity.revoke_api_key import RevokeApiKey
from cadenza.application.identity.session_states import SessionStates
from cadenza.application.identity.set_environments import SetEnvironments
from cadenza.application.identity.set_password import SetPassword
from cadenza.application.identity.set_scopes import SetScopes
from cadenza.application.identity.throttle import Throttle
from cadenza.application.orders.cancel_closed import RequestCancelClosed
from cadenza.application.orders.list_doubtful import ListDoubtful
from cadenza.application.orders.resolve import RequestResolution
from cadenza.network.rate_limiter import TokenBuckets
from cadenza.runtime.config import Settings
from cadenza.runtime.local import AsyncioConcurrency, SystemClock, SystemIds
from cadenza.runtime.wiring.identity import ISSUER, policy_of
from cadenza.runtime.wiring.venues import spec_of

CONNECTIONS_MAX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """The use cases of the command line, over a migrated database. An API key is signed, so the use case that creates
    one needs the master keys."""

    storage: SqlStorage
    clock: SystemClock
    create_user: CreateUser
    create_api_key: Callable[[KeyRing], CreateApiKey]
    revoke_api_key: RevokeApiKey
    invite_tenant: InviteTenant
    invite_member: InviteMember
    set_environments: SetEnvironments
    set_scopes: SetScopes
    remove_user: RemoveUser
    set_password: SetPassword
    reset_password: ResetPassword
    list_doubtful: ListDoubtful
    request_resolution: RequestResolution
    request_cancel_closed: RequestCancelClosed


@asynccontextmanager
async def open_administration(settings: Settings, dsn: str) -> AsyncIterator[Administration]:
    """Connect and wire; the connections are closed on leaving. Mail goes to the outbox, a server sends it."""
    pool = await open_pool(dsn, connections_max=CONNECTIONS_MAX)
    try:
        yield _wire(settings, SqlStorage(pool))
    finally:
        await pool.close()


def _wire(settings: Settings, storage: SqlStorage) -> Administration:
    clock, ids, policy = SystemClock(), SystemIds(), policy_of(settings)
    hasher = Argon2Hasher(workers=1)
    letters = Letters(clock=clock, ids=ids)
    audit = AdministratorsAudit(clock, ids)
    # One process makes one try: there is nothing to throttle.
    unlimited = TokenBuckets(burst=1, interval_ms=1, keys_max=1, monotonic_ms=clock.monotonic_ms)
    sessions = SessionStates(storage=storage, clock=clock, concurrency=AsyncioConcurrency())
    return Administration(
        storage=storage,
        clock=clock,
        create_user=CreateUser(storage=storage, hasher=hasher, clock=clock, ids=ids, policy=policy),
        invite_tenant=InviteTenant(storage=storage, letters=letters, clock=clock, ids=ids, policy=policy),
        invite_member=InviteMember(storage=storage, letters=letters, clock=clock, ids=ids, policy=policy),
        create_api_key=lambda keys: CreateApiKey(
            storage=storage, tokens=JwtTokens(keys, issuer=ISSUER), clock=clock, ids=ids
        ),
        revoke_api_key=RevokeApiKey(storage=storage, sessions=sessions, clock=clock, ids=ids),
        set_environments=SetEnvironments(storage=storage, audit=audit),
        set_scopes=SetScopes(storage=storage, clock=clock, audit=audit),
        remove_user=RemoveUser(storage=storage, clock=clock, audit=audit),
        set_password=SetPassword(storage=storage, hasher=hasher, letters=letters, clock=clock, audit=audit),
        reset_password=ResetPassword(
            storage=storage,
            hasher=hasher,
            sessions=sessions,
            letters=letters,
            throttle=Throttle(per_client=unlimited, per_email=unlimited),
            clock=clock,
            ids=ids,
        ),
        list_doubtful=ListDoubtful(storage=storage, clock=clock),
        request_resolution=RequestResolution(storage=storage, spec=partial(spec_of, settings), clock=clock),
        request_cancel_closed=RequestCancelClosed(storage=storage),
    )
