"""Keys of BITFINEX and their signatures: hexadecimal HMAC-SHA384. A request is signed with its path, its nonce and its
body; a connection proves by a signature of a nonce that it knows the secret.

Nothing in this file shows secret material: not a `repr`, not the text of an error.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential

KEY_LENGTH_MAX = 256
"""Characters of a key or a secret."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")


class BitfinexSigner:
    """Signs the requests of one credential. Making one checks the fields and raises `InvalidCredential` with a reason
    that a user understands; signing cannot fail afterwards."""

    __slots__ = ("_secret", "api_key")

    def __init__(self, type: CredentialType, secrets: Secrets) -> None:
        if type is not CredentialType.HMAC:
            raise InvalidCredential(f"BITFINEX takes HMAC credentials, not {type.value}")
        self.api_key = _word(secrets.api_key, "API key")
        self._secret = _word(secrets.api_secret, "API secret").encode()

    def __repr__(self) -> str:
        return "BitfinexSigner()"

    def headers(self, path: str, nonce: int, body: str) -> Mapping[str, str]:
        """Return the headers that sign a request. `path` is as the venue signs it, `/api/v2/auth/r/wallets`, and `body`
        exactly as it is sent."""
        return {
            "bfx-nonce": str(nonce),
            "bfx-apikey": self.api_key,
            "bfx-signature": self._sign(f"{path}{nonce}{body}"),
        }

    def login(self, nonce: int) -> Mapping[str, str | int]:
        """Return the fields that prove the key over a WebSocket."""
        payload = f"AUTH{nonce}"
        return {
            "event": "auth",
            "apiKey": self.api_key,
            "authSig": self._sign(payload),
            "authPayload": payload,
            "authNonce": nonce,
        }

    def _sign(self, payload: str) -> str:
        return hmac.new(self._secret, payload.encode(), hashlib.sha384).hexdigest()


def check_credential(type: CredentialType, secrets: Secrets) -> None:
    """Raise `InvalidCredential` when the fields do not make a credential of this type."""
    BitfinexSigner(type, secrets)


def _word(text: str, what: str) -> str:
    word = text.strip()
    if not word:
        raise InvalidCredential(f"the {what} is empty")
    if len(word) > KEY_LENGTH_MAX or _VISIBLE.fullmatch(word) is None:
        raise InvalidCredential(f"the {what} is not one that BITFINEX issues: it has other characters, or is too long")
    return word
