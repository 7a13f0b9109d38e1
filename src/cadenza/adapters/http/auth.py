"""Who is asking: the bearer token of a request."""

from typing import Any

from litestar import Request

from cadenza.adapters.http.errors import ACTOR_KEY
from cadenza.application.use_cases import UseCases
from cadenza.domain.errors import InvalidToken
from cadenza.domain.identity.actor import Actor


async def authenticated(request: Request[Any, Any, Any], use_cases: UseCases) -> Actor:
    """Return the caller; raise `InvalidToken` or `TokenExpired`. Errors told later name the caller's tenant."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken("an access token is needed: Authorization: Bearer <token>")
    actor = await use_cases.authenticate(token.strip())
    request.scope[ACTOR_KEY] = actor  # type: ignore[literal-required]
    return actor
