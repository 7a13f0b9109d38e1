"""List API keys."""

from dataclasses import dataclass

from cadenza.application.paging import CursorCodec, Page, page_of
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.api_key import ApiKey
from cadenza.domain.ids import ApiKeyId, UserId
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage
from cadenza.ports.storage.api_keys import ApiKeyFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyQuery:
    """Selects keys. `user_id` None means the caller's own, and for an admin those of the whole tenant. A cursor wins
    over the offset."""

    user_id: UserId | None = None
    limit: int = 50
    offset: int = 0
    cursor: str | None = None


class ListApiKeys:
    """The use case; newest first. Keys that were revoked or have expired are listed until they are purged."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec, clock: Clock) -> None:
        self._storage = storage
        self._cursors = cursors
        self._clock = clock

    async def __call__(self, actor: Actor, query: ApiKeyQuery) -> tuple[Page[ApiKey], int]:
        """Return the page, and the instant (ms) at which a key counts as expired or not."""
        actor.require_log_in()
        actor.require(Scope.READ)
        user_id = query.user_id
        if user_id is None and Scope.ADMIN not in actor.scopes:
            user_id = actor.user_id
        elif user_id is not None and user_id != actor.user_id:
            actor.require(Scope.ADMIN)
        filters = f"{actor.tenant_id}|api keys|{user_id}"
        after = None if query.cursor is None else self._cursors.decode(query.cursor, filters)
        wanted = ApiKeyFilter(tenant_id=actor.tenant_id, user_id=user_id)
        async with self._storage.read() as uow:
            total = await uow.api_keys.count(wanted)
            keys = await uow.api_keys.page(
                wanted,
                after=None if after is None else (after[0], ApiKeyId(after[1])),
                offset=query.offset,
                limit=query.limit + 1,
            )
        page = page_of(
            keys,
            total=total,
            offset=query.offset,
            limit=query.limit,
            cursor_of=lambda last: self._cursors.encode(last.created_at_ms, last.id, filters),
        )
        return page, self._clock.now_ms()
