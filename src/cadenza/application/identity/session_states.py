"""The states of the sessions in use, so that authenticating a request needs no query."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable

from cadenza.domain.identity.session import SessionState
from cadenza.domain.ids import SessionId
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage

STALE_AFTER_MS = 1000
SESSIONS_MAX = 20_000


class SessionStates:
    """A bounded cache of `SessionState`.

    Guarantee: an answer was true at most `stale_after_ms` ago, whichever process changed the state. A session that this
    process revokes is refused from that moment on, even if a query for it is under way.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        clock: Clock,
        sessions_max: int = SESSIONS_MAX,
        stale_after_ms: int = STALE_AFTER_MS,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._sessions_max = sessions_max
        self._stale_after_ms = stale_after_ms
        # None is a revoked session: it never lives again, so it needs no date.
        self._known: OrderedDict[SessionId, tuple[SessionState, int] | None] = OrderedDict()
        self.on_revoked: Callable[[Collection[SessionId]], None] = lambda session_ids: None
        """Called with sessions when this process revokes them."""

    async def get(self, session_id: SessionId) -> SessionState | None:
        """Return the state of a live session, else None."""
        if session_id not in self._known:
            return await self._load(session_id)
        self._known.move_to_end(session_id)
        entry = self._known[session_id]
        if entry is None:
            return None
        state, asked_at_ms = entry
        if self._clock.monotonic_ms() - asked_at_ms >= self._stale_after_ms:
            return await self._load(session_id)
        return state if state.is_live else None

    def mark_revoked(self, session_ids: Iterable[SessionId]) -> None:
        """Refuse these sessions from now on; to be called after the commit."""
        revoked = frozenset(session_ids)
        for session_id in revoked:
            self._put(session_id, None)
        if revoked:
            self.on_revoked(revoked)

    async def _load(self, session_id: SessionId) -> SessionState | None:
        asked_at_ms = self._clock.monotonic_ms()
        async with self._storage.read() as uow:
            state = await uow.identity.get_session_state(session_id, self._clock.now_ms())
        if session_id in self._known and self._known[session_id] is None:
            return None  # revoked while the query was under way
        if state is None:
            self._known.pop(session_id, None)
            return None
        self._put(session_id, (state, asked_at_ms))
        return state if state.is_live else None

    def _put(self, session_id: SessionId, entry: tuple[SessionState, int] | None) -> None:
        self._known[session_id] = entry
        self._known.move_to_end(session_id)
        if len(self._known) > self._sessions_max:
            self._known.popitem(last=False)
