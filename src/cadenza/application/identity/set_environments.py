"""Set the environments that a tenant may use, from the command line."""

from dataclasses import replace

from cadenza.application.identity.administrators import AdministratorsAudit, locked_user
from cadenza.domain.identity.audit import AuditKind
from cadenza.domain.identity.user import User
from cadenza.domain.ids import Access
from cadenza.ports.storage import Storage


class SetEnvironments:
    """For the administrator of the machine. Takes effect in a running server within a second, for every user of the
    tenant and every API key."""

    def __init__(self, *, storage: Storage, audit: AdministratorsAudit) -> None:
        self._storage = storage
        self._audit = audit

    async def __call__(self, *, user: str, access: frozenset[Access]) -> User:
        """Set them for the tenant of the user with that address or id. Raises `InvalidRequest` when there is none."""
        async with self._storage.begin() as uow:
            found = await locked_user(uow, user)
            await uow.identity.set_access(found.tenant_id, access)
            environments = ",".join(sorted(access))
            await uow.audit.add(self._audit.entry(found, AuditKind.ENVIRONMENTS_SET, environments=environments))
            await uow.commit()
        return replace(found, access=access)
