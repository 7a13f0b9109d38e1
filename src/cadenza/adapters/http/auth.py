"""Who is asking: the bearer token of a request."""

from collections.abc import Mapping

from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import InvalidToken
from cadenza.domain.identity.actor import Actor


async def authenticated(headers: Mapping[bytes, bytes], use_cases: UseCases, client: str) -> Actor:
    """Return the caller; raise `InvalidToken`, `TokenExpired` or `RateLimited`. `client` is the caller's address."""
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    token = token.strip()
    if not token or scheme.lower() != "bearer":
        raise InvalidToken("an access token is needed: Authorization: Bearer <token>")
    return await use_cases.authenticate(token, client)
