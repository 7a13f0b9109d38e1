"""Access tokens (JWT, HS256) and refresh tokens, under keys derived from the master keys."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from uuid import UUID

import jwt

from cadenza.adapters.vault.external_issuer import ExternalIssuer
from cadenza.adapters.vault.jwt_claims import require_instants, require_text
from cadenza.adapters.vault.keyring import KeyRing, MasterKey, derive
from cadenza.domain.errors import InvalidRefreshToken, InvalidToken
from cadenza.domain.identity.user import ROLE, User
from cadenza.domain.ids import ApiKeyId, SessionId, UserId
from cadenza.ports.vault import Claims, LocalClaims, SignedKey

_ALGORITHM = "HS256"
_ACCESS_USE = "sign access tokens"
_REFRESH_USE = "make refresh tokens"
_COUNTER_BYTES = 8
_BODY_BYTES = 16 + _COUNTER_BYTES
_REFRESH_BYTES = _BODY_BYTES + 32
_USE = "use"
_KEY_USE = "api key"
"""The claim that only the token of an API key has; a log-in's token lacks it."""


def signing_key(master: MasterKey) -> str:
    """Return the key of access tokens. It is text, because other programs that check tokens read it from a file."""
    return derive(master.secret, _ACCESS_USE).hex()


class JwtTokens:
    """`ports.vault.Tokens`.

    The issuer that a token names decides which keys check it: ours or the external issuer's. Each has its own fixed
    algorithms and keys, so a token cannot choose them. Tokens that were signed under a master key are good as long as
    the key is on the ring. Centrifugo stores the claim `meta` with a connection and sends it with every request about
    that connection.
    """

    def __init__(
        self, keys: KeyRing, *, issuer: str, audience: str = ROLE, external: ExternalIssuer | None = None
    ) -> None:
        if external is not None and external.issuer == issuer:
            raise ValueError("the external issuer must not have our own issuer's name")
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._external = external

    def issue_access(self, user: User, session_id: SessionId, *, issued_at_ms: int, expires_at_ms: int) -> str:
        master = self._keys.active()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user.id),
            "sid": str(session_id),
            "iat": issued_at_ms // 1000,
            "exp": expires_at_ms // 1000,
            "role": ROLE,
            "tenant": str(user.tenant_id),
            "scopes": sorted(user.scopes),
            "environments": sorted(user.access),
            "operator": user.is_operator,
            "meta": {"sid": str(session_id)},
        }
        return jwt.encode(claims, signing_key(master), algorithm=_ALGORITHM, headers={"kid": master.id})

    def issue_key(
        self, user_id: UserId, key_id: ApiKeyId, salt: bytes, *, issued_at_ms: int, expires_at_ms: int
    ) -> SignedKey:
        master = self._keys.active()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(key_id),
            "jti": urlsafe_b64encode(salt).rstrip(b"=").decode(),
            "iat": issued_at_ms // 1000,
            "exp": expires_at_ms // 1000,
            "role": ROLE,
            _USE: _KEY_USE,
            "meta": {"sid": str(key_id)},
        }
        token = jwt.encode(claims, signing_key(master), algorithm=_ALGORITHM, headers={"kid": master.id})
        return SignedKey(token=token, signed_by=master.id)

    def claims_to_be_key(self, token: str) -> bool:
        try:
            use = jwt.decode(token, options={"verify_signature": False}).get(_USE)
        except (jwt.PyJWTError, ValueError):
            return False
        return bool(use == _KEY_USE)

    async def verify_access(self, token: str, *, now_ms: int) -> Claims:
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken("the access token is malformed") from None
        if issuer == self._issuer:
            return self._verify_local(token, header, now_ms)
        if self._external is not None and issuer == self._external.issuer:
            return await self._external.verify(token, header, now_ms)
        raise InvalidToken("the access token is of an issuer that is not trusted")

    def _verify_local(self, token: str, header: dict[str, Any], now_ms: int) -> LocalClaims:
        key_id = header.get("kid")
        master = self._keys.find(key_id) if isinstance(key_id, str) else None
        if master is None:
            raise InvalidToken("the access token is signed with a key that is not ours")
        try:
            claims = jwt.decode(
                token,
                signing_key(master),
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                # Instants are checked below, against the platform's own clock.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            expires_at_ms = require_instants(claims, now_ms, expiry_leeway_ms=0)
            return LocalClaims(
                user_id=UserId(UUID(require_text(claims, "sub"))),
                session_id=SessionId(UUID(require_text(claims, "sid"))),
                expires_at_ms=expires_at_ms,
            )
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken("the access token is not valid") from None

    def refresh_token(self, session_id: SessionId, counter: int) -> str:
        body = session_id.bytes + counter.to_bytes(_COUNTER_BYTES, "big")
        digest = hmac.digest(derive(self._keys.active().secret, _REFRESH_USE), body, "sha256")
        return urlsafe_b64encode(body + digest).rstrip(b"=").decode()

    def read_refresh(self, token: str) -> tuple[SessionId, int]:
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)) if len(token) < 128 else b""
        except ValueError:
            raw = b""
        body, digest = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
        if len(raw) != _REFRESH_BYTES or not self._is_ours(body, digest):
            raise InvalidRefreshToken("the refresh token is unknown, or its session has ended")
        return SessionId(UUID(bytes=body[:16])), int.from_bytes(body[16:], "big")

    def _is_ours(self, body: bytes, digest: bytes) -> bool:
        keys = (derive(master.secret, _REFRESH_USE) for master in self._keys.all())
        return any(hmac.compare_digest(digest, hmac.digest(key, body, "sha256")) for key in keys)
