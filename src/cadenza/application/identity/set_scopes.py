"""Set the scopes of a user, from the command line."""

from dataclasses import replace

from cadenza.application.identity.administrators import AdministratorsAudit, locked_user
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.audit import AuditKind
from cadenza.domain.identity.user import User
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage


class SetScopes:
    """For the administrator of the machine. Takes effect in a running server within a second, for every session of the
    user and every API key that the user made: a key keeps its own scopes, and may use those that the user has."""

    def __init__(self, *, storage: Storage, clock: Clock, audit: AdministratorsAudit) -> None:
        self._storage = storage
        self._clock = clock
        self._audit = audit

    async def __call__(self, *, user: str, scopes: frozenset[Scope]) -> User:
        """Set them for the user with that address or id. Raises `InvalidRequest` (no such user, no scope)."""
        if not scopes:
            raise InvalidRequest("scopes: at least one")
        async with self._storage.begin() as uow:
            found = await locked_user(uow, user)
            await uow.identity.set_scopes(found.id, scopes, self._clock.now_ms())
            await uow.audit.add(self._audit.entry(found, AuditKind.SCOPES_SET, scopes=",".join(sorted(scopes))))
            await uow.commit()
        return replace(found, scopes=scopes)
