"""Renew a session with its refresh token."""

from cadenza.application.identity.issuing import SessionIssuer
from cadenza.application.identity.policy import IdentityPolicy
from cadenza.application.identity.session_states import SessionStates
from cadenza.application.identity.views import IssuedSession
from cadenza.domain.errors import InvalidRefreshToken, RefreshTokenReused
from cadenza.domain.identity.session import RefreshVerdict, Session
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.vault import Tokens


class RefreshSession:
    """Each refresh token yields the next one, which becomes the active one. Within `refresh_reuse_interval_ms` (10 s) a
    second use of the predecessor of the active token succeeds and answers the active token: the first reply may have
    been lost, or two tabs may have asked at once. Any other use of a used token ends the session, and that is committed
    although the request fails.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        tokens: Tokens,
        issuer: SessionIssuer,
        sessions: SessionStates,
        clock: Clock,
        policy: IdentityPolicy,
    ) -> None:
        self._storage = storage
        self._tokens = tokens
        self._issuer = issuer
        self._sessions = sessions
        self._clock = clock
        self._policy = policy

    async def __call__(self, refresh_token: str) -> IssuedSession:
        """Raises `InvalidRefreshToken`, `RefreshTokenReused`."""
        session_id, counter = self._tokens.read_refresh(refresh_token)
        now_ms = self._clock.now_ms()
        async with self._storage.begin() as uow:
            session = await uow.identity.get_session(session_id, lock=True)
            if session is None:
                raise _invalid()
            session = await self._step(uow, session, counter, now_ms)
            user = await uow.identity.get_user(session.user_id)
            if user is None:
                raise _invalid()
            await uow.commit()
        return self._issuer.issue(session, user, now_ms)

    async def _step(self, uow: UnitOfWork, session: Session, counter: int, now_ms: int) -> Session:
        verdict = session.judge_refresh(
            counter, now_ms=now_ms, reuse_interval_ms=self._policy.refresh_reuse_interval_ms
        )
        match verdict:
            case RefreshVerdict.ROTATE:
                rotated = session.rotated(now_ms=now_ms, expires_at_ms=now_ms + self._policy.refresh_token_ttl_ms)
                await uow.identity.update_session(rotated)
                return rotated
            case RefreshVerdict.REPEAT:
                return session
            case RefreshVerdict.REUSED:
                await uow.identity.update_session(session.revoked(now_ms))
                await uow.commit()
                self._sessions.mark_revoked([session.id])
                raise RefreshTokenReused("the refresh token was used before, so the session was ended: log in again")
            case RefreshVerdict.REFUSE:
                raise _invalid()


def _invalid() -> InvalidRefreshToken:
    return InvalidRefreshToken("the refresh token is unknown, or its session has ended")
