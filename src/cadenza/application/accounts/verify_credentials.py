"""Verify credentials: ask the venue which accounts they reach."""

from collections.abc import Sequence

from cadenza.application.accounts.keys import Keys
from cadenza.application.accounts.reached_accounts import reached_accounts
from cadenza.application.accounts.views import AccountView
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential
from cadenza.domain.accounts.trading_account import AccountStatus, ExternalAccount, TradingAccount
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import CredentialId, TradingAccountId, VenueId
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage

NOT_CONNECTED = AccountStatus.SETUP


class VerifyCredentials:
    """The use case. Connected accounts are returned with their own id and status; others with the status SETUP and an
    id that is used in this answer only."""

    def __init__(
        self,
        *,
        storage: Storage,
        sessions: Sessions,
        keys: Keys,
        key_rights: WatchKeyRights,
        clock: Clock,
        ids: Ids,
        concurrency: Concurrency,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._keys = keys
        self._key_rights = key_rights
        self._clock = clock
        self._concurrency = concurrency
        self._ids = ids

    async def __call__(self, actor: Actor, credential_ids: tuple[CredentialId, ...]) -> Sequence[AccountView]:
        actor.require(Scope.WRITE)
        actor.require_all_accounts()
        async with self._storage.read() as uow:
            opened = [await self._keys.open(uow, actor.tenant_id, i) for i in dict.fromkeys(credential_ids)]
        reached: dict[tuple[VenueId, str], tuple[ExternalAccount, list[Credential]]] = {}
        for credential, secrets in opened:
            connector = self._sessions.connector(credential.venue_id)
            for external in await reached_accounts(connector, credential, secrets, self._key_rights, self._concurrency):
                key = (credential.venue_id, external.external_id)
                reached.setdefault(key, (external, []))[1].append(credential)
        return [
            AccountView(await self._known_or_not(actor, venue_id, external, credentials), tuple(credentials))
            for (venue_id, _), (external, credentials) in reached.items()
        ]

    async def _known_or_not(
        self, actor: Actor, venue_id: VenueId, external: ExternalAccount, credentials: list[Credential]
    ) -> TradingAccount:
        async with self._storage.read() as uow:
            connected = await uow.accounts.find_connected(actor.tenant_id, venue_id, external.external_id)
        if connected is not None:
            return connected
        now_ms = self._clock.now_ms()
        return TradingAccount(
            id=TradingAccountId(self._ids.new()),
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            venue_id=venue_id,
            nickname="",
            external=external,
            credential_ids=tuple(credential.id for credential in credentials),
            status=NOT_CONNECTED,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
