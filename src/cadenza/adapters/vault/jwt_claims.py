"""Reads the claims of a token with a valid signature."""

from collections.abc import Mapping
from typing import Any

from cadenza.domain.errors import InvalidToken, TokenExpired

LEEWAY_MS = 30_000
"""How far another machine's clock may differ from ours."""


def require_instants(claims: Mapping[str, Any], now_ms: int, *, expiry_leeway_ms: int) -> int:
    """Check `exp`, `nbf` and `iat` (seconds, with or without a fraction) and return when the token expires. Raises
    `TokenExpired`, or `InvalidToken` for a token without `exp` or from the future.
    """
    expires_at_ms = _instant_ms(claims, "exp")
    if expires_at_ms is None:
        raise InvalidToken("the access token has no expiry")
    expires_at_ms += expiry_leeway_ms
    if now_ms >= expires_at_ms:
        raise TokenExpired("the access token has expired")
    for claim in ("nbf", "iat"):
        instant_ms = _instant_ms(claims, claim)
        if instant_ms is not None and instant_ms > now_ms + LEEWAY_MS:
            raise InvalidToken("the access token is not valid yet")
    return expires_at_ms


def require_text(claims: Mapping[str, Any], claim: str) -> str:
    """Return a claim that must be a text; raises `InvalidToken`."""
    value = claims.get(claim)
    if not isinstance(value, str) or not value:
        raise InvalidToken(f"the access token has no {claim}")
    return value


def _instant_ms(claims: Mapping[str, Any], claim: str) -> int | None:
    value = claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise InvalidToken(f"the access token's {claim} is not an instant")
    return int(value * 1000)
