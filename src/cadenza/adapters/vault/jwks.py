"""The keys that an external issuer publishes (JSON Web Key Set, RFC 7517)."""

import asyncio
import json
import logging
from typing import Any

import aiohttp
from jwt import PyJWK, PyJWTError

from cadenza.domain.errors import InvalidToken, IssuerUnavailable
from cadenza.ports.clock import Clock

REFRESH_INTERVAL_MS = 600_000
"""After this time the keys are fetched again."""
RETRY_INTERVAL_MS = 30_000
"""The shortest time between two fetches, however many unknown key ids come."""
BODY_BYTES_MAX = 256 * 1024
KEYS_MAX = 64
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_ASYMMETRIC = ("RSA", "EC", "OKP")

_log = logging.getLogger(__name__)


class Jwks:
    """A cached key set. While the issuer does not answer, the last keys stay in use."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at_ms: int | None = None
        self._tried_at_ms: int | None = None
        self._fetching = asyncio.Lock()

    async def find(self, key_id: object, algorithm: str) -> PyJWK:
        """Return the key for a token's header. Raises `InvalidToken`, and `IssuerUnavailable` when no keys were ever
        fetched."""
        if not isinstance(key_id, str | None):
            raise InvalidToken("the access token's key id is not text")
        if key_id not in self._keys or self._is_older_than(self._fetched_at_ms, REFRESH_INTERVAL_MS):
            async with self._fetching:  # a caller that waited finds the keys that the first one fetched
                if self._is_older_than(self._tried_at_ms, RETRY_INTERVAL_MS):
                    await self._fetch()
        if self._fetched_at_ms is None:
            raise IssuerUnavailable("the keys of the external issuer could not be fetched")
        key = self._keys.get(key_id)
        if key is None or key.algorithm_name != algorithm:
            raise InvalidToken("the access token is signed with a key that the issuer does not publish")
        return key

    def _is_older_than(self, at_ms: int | None, age_ms: int) -> bool:
        return at_ms is None or self._clock.monotonic_ms() - at_ms >= age_ms

    async def _fetch(self) -> None:
        self._tried_at_ms = self._clock.monotonic_ms()
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(self._url) as response:
                response.raise_for_status()
                self._keys = _parse(json.loads(await _read(response)))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            _log.warning("the keys of the external issuer could not be fetched: %s", error)
            return
        self._fetched_at_ms = self._tried_at_ms


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise ValueError(f"more than {BODY_BYTES_MAX} bytes")
    return body


def _parse(document: dict[str, Any]) -> dict[str | None, PyJWK]:
    """Return the public signing keys of supported types; a set may hold other keys too."""
    keys: dict[str | None, PyJWK] = {}
    for jwk in document["keys"][:KEYS_MAX]:
        if jwk["kty"] not in _ASYMMETRIC or jwk.get("use", "sig") != "sig":
            continue
        try:
            keys[jwk.get("kid")] = PyJWK.from_dict(jwk)
        except (PyJWTError, ValueError, TypeError):
            continue
    return keys
