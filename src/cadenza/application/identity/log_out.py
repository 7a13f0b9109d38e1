"""Log out."""

from cadenza.application.identity.session_states import SessionStates
from cadenza.domain.identity.actor import Actor
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage


class LogOut:
    """Ends the caller's session: once this has returned, its access and refresh tokens are refused."""

    def __init__(self, *, storage: Storage, sessions: SessionStates, clock: Clock) -> None:
        self._storage = storage
        self._sessions = sessions
        self._clock = clock

    async def __call__(self, actor: Actor) -> None:
        """Raises `KeyNotAllowed` for a caller with an API key: a key is ended by revoking it."""
        actor.require_log_in()
        async with self._storage.begin() as uow:
            session = await uow.identity.get_session(actor.session_id, lock=True)
            if session is not None:
                await uow.identity.update_session(session.revoked(self._clock.now_ms()))
            await uow.commit()
        self._sessions.mark_revoked([actor.session_id])
