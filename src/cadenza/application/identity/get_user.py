"""Show the caller."""

from cadenza.domain.errors import InvalidToken
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.user import User
from cadenza.ports.storage import Storage


class GetUser:
    """Needs no scope: every user may see itself."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def __call__(self, actor: Actor) -> User:
        async with self._storage.read() as uow:
            user = await uow.identity.get_user(actor.user_id)
        if user is None:
            raise InvalidToken("the user does not exist any more")
        return user
