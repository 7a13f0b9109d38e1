"""Set the environments that a tenant may use, from the command line."""

from dataclasses import replace

from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.user import User
from cadenza.domain.ids import Access
from cadenza.ports.storage import Storage


class SetEnvironments:
    """For the administrator of the machine. Takes effect in a running server within a second, for every user of the
    tenant."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, *, email: str, access: frozenset[Access]) -> User:
        """Set them for the tenant of the user with that address. Raises `InvalidRequest` when there is no such user."""
        async with self._storage.begin() as uow:
            found = await uow.identity.find_login(normalise_email(email))
            if found is None:
                raise InvalidRequest("email: there is no user with this address")
            await uow.identity.set_access(found[0].tenant_id, access)
            await uow.commit()
        return replace(found[0], access=access)
