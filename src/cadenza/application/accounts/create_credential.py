"""Create a credential: checked against its type and venue, sealed, stored."""

from cadenza.application.accounts.given_secrets import read_secrets
from cadenza.application.accounts.keys import Keys
from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.ids import CredentialId, VenueId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage


class CreateCredential:
    """The use case. Asks nobody: whether the venue accepts the credential is what verify finds out."""

    def __init__(self, *, storage: Storage, sessions: Sessions, keys: Keys, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._sessions = sessions
        self._keys = keys
        self._clock = clock
        self._ids = ids

    async def __call__(
        self,
        actor: Actor,
        venue_id: VenueId,
        nickname: str | None,
        type: CredentialType,
        api_key: str | None,
        api_secret: str | None,
        passphrase: str | None,
    ) -> Credential:
        actor.require(Scope.WRITE)
        actor.require_all_accounts()
        actor.require_access(venue_id)
        connector = self._sessions.connector(venue_id)
        secrets = read_secrets(connector.spec, type, api_key, api_secret, passphrase)
        connector.check_credential(type, secrets)
        now_ms = self._clock.now_ms()
        credential = Credential(
            id=CredentialId(self._ids.new()),
            tenant_id=actor.tenant_id,
            user_id=actor.user_id,
            venue_id=venue_id,
            type=type,
            nickname=nickname or "",
            status=CredentialStatus.CREATED,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        async with self._storage.begin() as uow:
            await uow.credentials.add(credential, self._keys.seal(credential, secrets))
            entry = AuditEntry(
                id=AuditId(self._ids.new()),
                tenant_id=actor.tenant_id,
                kind=AuditKind.CREDENTIAL_CREATED,
                at_ms=now_ms,
                origin=actor.origin,
                subject=str(credential.id),
                facts={"venue": str(credential.venue_id)},
            )
            await uow.audit.add(entry)
            await uow.commit()
        return credential
