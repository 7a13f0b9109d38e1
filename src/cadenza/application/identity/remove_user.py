"""Remove a user, from the command line."""

from cadenza.application.identity.administrators import AdministratorsAudit, locked_user
from cadenza.domain.identity.audit import AuditKind
from cadenza.domain.identity.user import User
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage


class RemoveUser:
    """For the administrator of the machine. The user's sessions and API keys end, in a running server within a second.
    What belongs to the tenant stays: accounts, credentials, open orders, and the audit log, which still names the user.
    The e-mail address may sign up again, as another user. A subject of an external issuer stays removed."""

    def __init__(self, *, storage: Storage, clock: Clock, audit: AdministratorsAudit) -> None:
        self._storage = storage
        self._clock = clock
        self._audit = audit

    async def __call__(self, *, user: str) -> User:
        """Remove the user with that address or id. Raises `InvalidRequest` when there is none."""
        now_ms = self._clock.now_ms()
        async with self._storage.begin() as uow:
            found = await locked_user(uow, user)
            await uow.identity.remove_user(found.id, now_ms)
            await uow.identity.revoke_sessions(found.id, now_ms)
            for key in await uow.api_keys.live_of(found.id, now_ms):
                await uow.api_keys.revoke(key.revoked(now_ms))
            await uow.audit.add(self._audit.entry(found, AuditKind.USER_REMOVED, email=found.email or ""))
            await uow.commit()
        return found
