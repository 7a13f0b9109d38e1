"""Keys of OKX and their signatures: base64 of HMAC-SHA256 over the timestamp, the method, the path with its query, and
the body.

Nothing in this file shows secret material: not a `repr`, not the text of an error.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from cadenza.adapters.venues.okx.spec import PASSPHRASE, REGION, OkxRegion
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential

KEY_LENGTH_MAX = 256
"""Characters of a key, a secret or a passphrase."""

LOGIN_PATH = "/users/self/verify"
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")


class OkxSigner:
    """Signs the requests of one credential. Making one checks the fields and raises `InvalidCredential` with a reason
    that a user understands; signing cannot fail afterwards."""

    __slots__ = ("_passphrase", "_secret", "api_key", "region")

    def __init__(self, type: CredentialType, secrets: Secrets) -> None:
        if type is not CredentialType.HMAC:
            raise InvalidCredential(f"OKX takes HMAC credentials, not {type.value}")
        self.api_key = _word(secrets.api_key, "API key", _VISIBLE)
        self._secret = _word(secrets.api_secret, "API secret", _VISIBLE).encode()
        self._passphrase = _word(secrets.fields.get(PASSPHRASE, secrets.passphrase or ""), "passphrase", _PRINTABLE)
        self.region = _region(secrets.fields.get(REGION, ""))

    def __repr__(self) -> str:
        return f"OkxSigner({self.region.value})"

    def headers(self, method: str, target: str, body: str, venue_ms: int) -> Mapping[str, str]:
        """Return the headers that sign a REST request. `target` is its path and query exactly as they are sent, and
        `venue_ms` its instant by the venue's clock."""
        timestamp = timestamp_of(venue_ms)
        return {
            "OK-ACCESS-KEY": self.api_key,
            "OK-ACCESS-SIGN": self._sign(f"{timestamp}{method}{target}{body}"),
            "OK-ACCESS-TIMESTAMP": timestamp,
            "OK-ACCESS-PASSPHRASE": self._passphrase,
        }

    def login(self, venue_ms: int) -> Mapping[str, str]:
        """Return the argument of a login over a WebSocket."""
        timestamp = str(venue_ms // 1_000)
        return {
            "apiKey": self.api_key,
            "passphrase": self._passphrase,
            "timestamp": timestamp,
            "sign": self._sign(f"{timestamp}GET{LOGIN_PATH}"),
        }

    def _sign(self, payload: str) -> str:
        return base64.b64encode(hmac.new(self._secret, payload.encode(), hashlib.sha256).digest()).decode()


def check_credential(type: CredentialType, secrets: Secrets) -> None:
    """Raise `InvalidCredential` when the fields do not make a credential of this type."""
    OkxSigner(type, secrets)


def timestamp_of(venue_ms: int) -> str:
    """Return an instant as the headers have it: `2020-12-08T09:08:57.715Z`."""
    seconds, ms = divmod(venue_ms, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def _word(text: str, what: str, allowed: re.Pattern[str]) -> str:
    word = text.strip()
    if not word:
        raise InvalidCredential(f"the {what} is empty")
    if len(word) > KEY_LENGTH_MAX or allowed.fullmatch(word) is None:
        raise InvalidCredential(f"the {what} is not one that OKX issues: it has other characters, or is too long")
    return word


def _region(text: str) -> OkxRegion:
    try:
        return OkxRegion(text.strip().upper()) if text.strip() else OkxRegion.GLOBAL
    except ValueError:
        raise InvalidCredential(f"the region of the key is one of {', '.join(OkxRegion)}") from None
