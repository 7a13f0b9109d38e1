"""Keys of DERIBIT and their signatures: hexadecimal HMAC-SHA256. A request over HTTP is signed as a whole; a connection
proves by a signature that it knows the secret. The secret itself is never sent.

Nothing in this file shows secret material: not a `repr`, not the text of an error.
"""

import hashlib
import hmac
import re

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential

KEY_LENGTH_MAX = 256
"""Characters of a key or a secret."""

_VISIBLE = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
"""Visible characters without the comma, which divides the fields of the header."""


class DeribitSigner:
    """Signs the requests of one credential. Making one checks the fields and raises `InvalidCredential` with a reason
    that a user understands; signing cannot fail afterwards."""

    __slots__ = ("_secret", "api_key")

    def __init__(self, type: CredentialType, secrets: Secrets) -> None:
        if type is not CredentialType.HMAC:
            raise InvalidCredential(f"DERIBIT takes HMAC credentials, not {type.value}")
        self.api_key = _word(secrets.api_key, "client id")
        self._secret = _word(secrets.api_secret, "client secret").encode()

    def __repr__(self) -> str:
        return "DeribitSigner()"

    def header(self, method: str, target: str, body: str, *, venue_ms: int, nonce: str) -> str:
        """Return the Authorization header of an HTTP request. `target` is its path and query exactly as they are sent,
        and `venue_ms` its instant by the venue's clock."""
        signature = self._sign(f"{venue_ms}\n{nonce}\n{method}\n{target}\n{body}\n")
        return f"deri-hmac-sha256 id={self.api_key},ts={venue_ms},nonce={nonce},sig={signature}"

    def login(self, *, venue_ms: int, nonce: str) -> dict[str, str | int]:
        """Return the parameters of `public/auth` that prove the key."""
        return {
            "grant_type": "client_signature",
            "client_id": self.api_key,
            "timestamp": venue_ms,
            "nonce": nonce,
            "data": "",
            "signature": self._sign(f"{venue_ms}\n{nonce}\n"),
        }

    def _sign(self, payload: str) -> str:
        return hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()


def check_credential(type: CredentialType, secrets: Secrets) -> None:
    """Raise `InvalidCredential` when the fields do not make a credential of this type."""
    DeribitSigner(type, secrets)


def _word(text: str, what: str) -> str:
    word = text.strip()
    if not word:
        raise InvalidCredential(f"the {what} is empty")
    if len(word) > KEY_LENGTH_MAX or _VISIBLE.fullmatch(word) is None:
        raise InvalidCredential(f"the {what} is not one that DERIBIT issues: it has other characters, or is too long")
    return word
