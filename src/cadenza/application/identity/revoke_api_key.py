"""Revoke an API key."""

from cadenza.application.identity.session_states import SessionStates
from cadenza.domain.errors import ApiKeyNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.api_key import ApiKey
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.ids import ApiKeyId, SessionId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage


class RevokeApiKey:
    """The use case. Idempotent: a revoked key is returned as it is. Once this has returned, this process refuses the
    key and closes its sockets; other processes do so within a second. A request that the key began before goes on."""

    def __init__(self, *, storage: Storage, sessions: SessionStates, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._sessions = sessions
        self._clock = clock
        self._ids = ids

    async def __call__(self, actor: Actor, key_id: ApiKeyId) -> tuple[ApiKey, int]:
        """Return the key, and the instant (ms) of the answer. Raises `ApiKeyNotFound`, `KeyNotAllowed`."""
        actor.require_log_in()
        actor.require(Scope.READ)
        now_ms = self._clock.now_ms()
        async with self._storage.begin() as uow:
            key = await uow.api_keys.get(key_id, lock=True)
            if key is None or not _may_revoke(actor, key):
                raise ApiKeyNotFound("there is no such API key")
            if key.revoked_at_ms is None:
                key = key.revoked(now_ms)
                await uow.api_keys.revoke(key)
                await uow.audit.add(self._entry(actor, key, now_ms))
            await uow.commit()
        self._sessions.mark_revoked([SessionId(key_id)])
        return key, now_ms

    def _entry(self, actor: Actor, key: ApiKey, now_ms: int) -> AuditEntry:
        return AuditEntry(
            id=AuditId(self._ids.new()),
            tenant_id=key.tenant_id,
            kind=AuditKind.API_KEY_REVOKED,
            at_ms=now_ms,
            origin=actor.origin,
            subject=str(key.id),
            facts={"name": key.name, "user": str(key.user_id)},
        )


def _may_revoke(actor: Actor, key: ApiKey) -> bool:
    """Return whether the key exists for the caller: its own keys do, and for an admin those of the whole tenant."""
    return key.tenant_id == actor.tenant_id and (key.user_id == actor.user_id or Scope.ADMIN in actor.scopes)
