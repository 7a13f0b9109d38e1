"""Set a user's password from the command line."""

from cadenza.application.identity.letters import Letters
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.origin import Origin
from cadenza.domain.identity.password import check_new_password
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.ports.vault import PasswordHasher


class SetPassword:
    """For the administrator of the machine. Ends all sessions of the user, in a running server within a second;
    API keys go on."""

    def __init__(self, *, storage: Storage, hasher: PasswordHasher, letters: Letters, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._hasher = hasher
        self._letters = letters
        self._clock = clock
        self._ids = ids

    async def __call__(self, *, email: str, password: str) -> None:
        """Raises `InvalidRequest` (no such user), `WeakPassword`."""
        email = normalise_email(email)
        check_new_password(password)
        password_hash = await self._hasher.hash(password)
        async with self._storage.begin() as uow:
            found = await uow.identity.find_login(email, lock=True)
            if found is None:
                raise InvalidRequest("email: there is no user with this address")
            await uow.identity.set_password_hash(found[0].id, password_hash)
            now_ms = self._clock.now_ms()
            await uow.identity.revoke_sessions(found[0].id, now_ms)
            entry = AuditEntry(
                id=AuditId(self._ids.new()),
                tenant_id=found[0].tenant_id,
                kind=AuditKind.PASSWORD_CHANGED,
                at_ms=now_ms,
                origin=Origin(user_id=found[0].id, key_id=None, request_id="", client="command line"),
                subject=str(found[0].id),
            )
            await uow.audit.add(entry)
            await self._letters.password_changed(uow, email)
            await uow.commit()
