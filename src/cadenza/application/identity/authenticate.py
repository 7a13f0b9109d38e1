"""Authentication: the first step of every request."""

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass

from cadenza.application.identity.external_users import ExternalUsers
from cadenza.application.identity.session_states import SessionStates
from cadenza.application.identity.throttle import FailedKeys
from cadenza.application.identity.used_keys import UsedKeys
from cadenza.domain.errors import InvalidToken, TokenExpired
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.session import SessionState
from cadenza.domain.ids import ApiKeyId, SessionId
from cadenza.ports.clock import Clock
from cadenza.ports.vault import LocalClaims, Tokens

TOKEN_CHARS_MAX = 8192
TOKENS_MAX = 20_000


@dataclass(slots=True)
class _Verified:
    """A verified token. The actor is remembered with the session state and the client's address for which it was
    made."""

    session_id: SessionId
    expires_at_ms: int
    client: str = ""
    state: SessionState | None = None
    actor: Actor | None = None


class Authenticate:
    """Turns an access token into an `Actor`.

    A token's signature is checked once; the cache is keyed by the token's SHA-256, so it holds no token. Rights come
    from the session and not from the token, so a right that an operator grants or withdraws takes effect within a
    second.

    The token of an API key is good when its signature is ours, its digest is the stored one, the key is live, and the
    client's address is one of the key's. Whatever it lacks, the answer is the same: whoever found or guesses a key does
    not learn from it how close the key is to a good one.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        sessions: SessionStates,
        external_users: ExternalUsers,
        used_keys: UsedKeys,
        failed_keys: FailedKeys,
        clock: Clock,
        tokens_max: int = TOKENS_MAX,
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._external_users = external_users
        self._used_keys = used_keys
        self._failed_keys = failed_keys
        self._clock = clock
        self._tokens_max = tokens_max
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def __call__(self, access_token: str, client: str) -> Actor:
        """Return the caller; `client` is its network address. Raises `InvalidToken`, `TokenExpired`,
        `IssuerUnavailable`, and `RateLimited` when too many API keys from the address were refused."""
        try:
            return await self._authenticate(access_token, client)
        except InvalidToken:
            if self._tokens.claims_to_be_key(access_token):
                self._failed_keys.count(client)
            raise

    async def of_session(self, session_id: SessionId, *, expires_at_ms: int = 0, client: str = "") -> Actor:
        """Return the actor of a live session, for callers that have verified its token already. A key with a list of
        addresses is refused when the client's address is not known. Raises `InvalidToken`."""
        state = await self._live(session_id)
        self._admit(state, client)
        return _actor(state, expires_at_ms)

    async def _authenticate(self, access_token: str, client: str) -> Actor:
        if not access_token.isascii() or not 0 < len(access_token) <= TOKEN_CHARS_MAX:
            raise InvalidToken("the access token is malformed")
        digest = hashlib.sha256(access_token.encode()).digest()
        verified = self._verified.get(digest) or await self._verify(access_token, digest)
        if self._clock.now_ms() >= verified.expires_at_ms:
            self._verified.pop(digest, None)
            raise TokenExpired("the access token has expired")
        state = await self._live(verified.session_id)
        is_elsewhere = state.key is not None and verified.client != client
        if verified.actor is None or verified.state is not state or is_elsewhere:
            if state.key is not None and not hmac.compare_digest(state.key.digest, digest):
                raise _ended()
            self._admit(state, client)
            verified.state, verified.client = state, client
            verified.actor = _actor(state, verified.expires_at_ms)
        return verified.actor

    def _admit(self, state: SessionState, client: str) -> None:
        """Raise unless the session may be used from the address; take note of the use of a key. A key in use comes here
        whenever its state was read again, which is often enough for a note."""
        if state.key is None:
            return
        if not state.key.admits(client):
            raise _ended()
        self._used_keys.note(ApiKeyId(state.session_id), client)

    async def _live(self, session_id: SessionId) -> SessionState:
        state = await self._sessions.get(session_id)
        if state is None:
            raise _ended()
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


def _ended() -> InvalidToken:
    return InvalidToken("the session has ended, or the API key is not valid")


def _actor(state: SessionState, expires_at_ms: int) -> Actor:
    return Actor(
        user_id=state.user_id,
        tenant_id=state.tenant_id,
        session_id=state.session_id,
        scopes=state.scopes,
        access=state.access,
        is_operator=state.is_operator,
        expires_at_ms=expires_at_ms,
        key_id=None if state.key is None else ApiKeyId(state.session_id),
        never_expires=state.key is not None and state.key.never_expires,
        accounts=None if state.key is None else state.key.accounts,
    )
