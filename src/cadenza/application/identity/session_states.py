"""The states of the sessions in use, so that authenticating a request needs no query."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable

from cadenza.domain.errors import DatabaseUnavailable, InternalError
from cadenza.domain.identity.session import SessionState
from cadenza.domain.ids import SessionId
from cadenza.ports.clock import Clock
from cadenza.ports.concurrency import Concurrency, Promise
from cadenza.ports.storage import Storage

STALE_AFTER_MS = 1000
SESSIONS_MAX = 20_000


class SessionStates:
    """A bounded cache of `SessionState`.

    Guarantee: an answer was true at most `stale_after_ms`, plus the duration of one query, ago, whichever process
    changed the state. A session that this process revokes is refused from that moment on, even if a query for it is
    under way. Callers share a query, and a state is read again before it is stale, so that a caller seldom waits for
    one.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        clock: Clock,
        concurrency: Concurrency,
        sessions_max: int = SESSIONS_MAX,
        stale_after_ms: int = STALE_AFTER_MS,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._concurrency = concurrency
        self._sessions_max = sessions_max
        self._stale_after_ms = stale_after_ms
        # None is a revoked session: it never lives again, so it needs no date.
        self._known: OrderedDict[SessionId, tuple[SessionState, int] | None] = OrderedDict()
        self._loading: dict[SessionId, Promise[SessionState | None]] = {}
        self.on_revoked: Callable[[Collection[SessionId]], None] = lambda session_ids: None
        """Called with sessions when this process revokes them."""

    async def get(self, session_id: SessionId) -> SessionState | None:
        """Return the state of a live session, else None."""
        if session_id not in self._known:
            return await self._begin_to_load(session_id).wait()
        self._known.move_to_end(session_id)
        entry = self._known[session_id]
        if entry is None:
            return None
        state, asked_at_ms = entry
        age_ms = self._clock.monotonic_ms() - asked_at_ms
        if age_ms >= self._stale_after_ms:
            return await self._begin_to_load(session_id).wait()
        if age_ms >= self._stale_after_ms // 2:
            self._begin_to_load(session_id)
        return state if state.is_live else None

    def mark_revoked(self, session_ids: Iterable[SessionId]) -> None:
        """Refuse these sessions from now on; to be called after the commit."""
        revoked = frozenset(session_ids)
        for session_id in revoked:
            self._put(session_id, None)
        if revoked:
            self.on_revoked(revoked)

    def _begin_to_load(self, session_id: SessionId) -> Promise[SessionState | None]:
        """Return the promise of the query, which may be under way already."""
        loading = self._loading.get(session_id)
        if loading is None:
            loading = self._loading[session_id] = self._concurrency.promise()
            self._concurrency.spawn(f"load session {session_id}", self._load_into(loading, session_id))
        return loading

    async def _load_into(self, loading: Promise[SessionState | None], session_id: SessionId) -> None:
        try:
            loading.resolve(await self._load(session_id))
        except DatabaseUnavailable as error:
            loading.fail(error)
        finally:
            del self._loading[session_id]
            loading.fail(InternalError("the session could not be read"))

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
