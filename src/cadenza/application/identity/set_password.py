"""Set a user's password from the command line."""

from cadenza.application.identity.administrators import AdministratorsAudit
from cadenza.application.identity.letters import Letters
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.audit import AuditKind
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.password import check_new_password
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.vault import PasswordHasher


class SetPassword:
    """For the administrator of the machine. Ends all sessions of the user, in a running server within a second;
    API keys go on."""

    def __init__(
        self, *, storage: Storage, hasher: PasswordHasher, letters: Letters, clock: Clock, audit: AdministratorsAudit
    ) -> None:
        self._storage = storage
        self._hasher = hasher
        self._letters = letters
        self._clock = clock
        self._audit = audit

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
            await uow.identity.revoke_sessions(found[0].id, self._clock.now_ms())
            await uow.audit.add(self._audit.entry(found[0], AuditKind.PASSWORD_CHANGED))
            await self._letters.password_changed(uow, email)
            await uow.commit()
