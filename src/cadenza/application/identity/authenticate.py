"""Authentication: the first step of every request."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from cadenza.application.identity.external_users import ExternalUsers
from cadenza.application.identity.session_states import SessionStates
from cadenza.domain.errors import InvalidToken, TokenExpired
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.session import SessionState
from cadenza.domain.ids import SessionId
from cadenza.ports.clock import Clock
from cadenza.ports.vault import LocalClaims, Tokens

TOKEN_CHARS_MAX = 8192
TOKENS_MAX = 20_000


@dataclass(slots=True)
class _Verified:
    """A verified token. The actor is remembered with the session state from which it was made."""

    session_id: SessionId
    expires_at_ms: int
    state: SessionState | None = None
    actor: Actor | None = None


class Authenticate:
    """Turns an access token into an `Actor`.

    A token's signature is checked once; the cache is keyed by the token's SHA-256, so it holds no token. Rights come
    from the session and not from the token, so a right that an operator grants or withdraws takes effect within a
    second.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        sessions: SessionStates,
        external_users: ExternalUsers,
        clock: Clock,
        tokens_max: int = TOKENS_MAX,
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._external_users = external_users
        self._clock = clock
        self._tokens_max = tokens_max
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def __call__(self, access_token: str) -> Actor:
        """Return the caller. Raises `InvalidToken`, `TokenExpired`, `IssuerUnavailable`."""
        if not access_token.isascii() or not 0 < len(access_token) <= TOKEN_CHARS_MAX:
            raise InvalidToken("the access token is malformed")
        digest = hashlib.sha256(access_token.encode()).digest()
        verified = self._verified.get(digest) or await self._verify(access_token, digest)
        if self._clock.now_ms() >= verified.expires_at_ms:
            self._verified.pop(digest, None)
            raise TokenExpired("the access token has expired")
        state = await self._live(verified.session_id)
        if verified.actor is None or verified.state is not state:
            verified.state, verified.actor = state, _actor(state, verified.expires_at_ms)
        return verified.actor

    async def of_session(self, session_id: SessionId, *, expires_at_ms: int = 0) -> Actor:
        """Return the actor of a live session, for callers that have verified its token already. Raises
        `InvalidToken`."""
        return _actor(await self._live(session_id), expires_at_ms)

    async def _live(self, session_id: SessionId) -> SessionState:
        state = await self._sessions.get(session_id)
        if state is None:
            raise InvalidToken("the session has ended")
        return state

    async def _verify(self, access_token: str, digest: bytes) -> _Verified:
        claims = await self._tokens.verify_access(access_token, now_ms=self._clock.now_ms())
        if isinstance(claims, LocalClaims):
            session_id = claims.session_id
        else:
            session_id = await self._external_users.session_of(claims)
        verified = self._verified[digest] = _Verified(session_id, claims.expires_at_ms)
        if len(self._verified) > self._tokens_max:
            self._verified.popitem(last=False)
        return verified


def _actor(state: SessionState, expires_at_ms: int) -> Actor:
    return Actor(
        user_id=state.user_id,
        tenant_id=state.tenant_id,
        session_id=state.session_id,
        scopes=state.scopes,
        access=state.access,
        is_operator=state.is_operator,
        expires_at_ms=expires_at_ms,
    )
