"""Access tokens of an external issuer (Supabase, or any OpenID provider), checked by shared secret or JWKS.

`application/identity/external_users.py` says which user a token belongs to. A log-in is identified by the claim
`session_id` (Supabase), else `sid` (OpenID), else the token itself.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import jwt

from cadenza.adapters.vault.jwks import Jwks
from cadenza.adapters.vault.jwt_claims import LEEWAY_MS, require_instants, require_text
from cadenza.domain.errors import InvalidToken
from cadenza.ports.vault import ExternalClaims

SECRET_ALGORITHMS = ("HS256",)
JWKS_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
TEXT_CHARS_MAX = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIssuerSettings:
    """Either `shared_secret` or `jwks_url`. `audience` empty means that `aud` is not checked."""

    issuer: str
    jwks_url: str = ""
    shared_secret: str = field(default="", repr=False)
    audience: str = ""


class ExternalIssuer:
    """Verifies tokens that name `issuer` as their issuer."""

    def __init__(self, settings: ExternalIssuerSettings, jwks: Jwks | None = None) -> None:
        if bool(settings.shared_secret) == (jwks is not None):
            raise ValueError("an external issuer needs either a shared secret or a JWKS")
        self.issuer = settings.issuer
        self._secret = settings.shared_secret
        self._audience = settings.audience or None
        self._jwks = jwks

    async def verify(self, token: str, header: dict[str, Any], now_ms: int) -> ExternalClaims:
        """Raises `InvalidToken`, `TokenExpired`, `IssuerUnavailable`."""
        algorithms = SECRET_ALGORITHMS if self._jwks is None else JWKS_ALGORITHMS
        if header.get("alg") not in algorithms:
            raise InvalidToken("the access token's algorithm is not allowed")
        key = self._secret.encode() if self._jwks is None else await self._jwks.find(header.get("kid"), header["alg"])
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                audience=self._audience,
                issuer=self.issuer,
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": self._audience is not None,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise InvalidToken("the access token is not valid") from None
        return self._read(token, claims, now_ms)

    def _read(self, token: str, claims: dict[str, Any], now_ms: int) -> ExternalClaims:
        session = claims.get("session_id") or claims.get("sid")
        if not isinstance(session, str):
            session = hashlib.sha256(token.encode()).hexdigest()
        subject, email = require_text(claims, "sub"), claims.get("email")
        if max(len(subject), len(session)) > TEXT_CHARS_MAX or "\0" in subject + session:
            raise InvalidToken("the access token's subject or session is too long")
        is_email = isinstance(email, str) and 0 < len(email) <= TEXT_CHARS_MAX and email.isprintable()
        return ExternalClaims(
            issuer=self.issuer,
            subject=subject,
            session_key=session,
            email=email if is_email else None,
            expires_at_ms=require_instants(claims, now_ms, expiry_leeway_ms=LEEWAY_MS),
        )
