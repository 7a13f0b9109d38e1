"""Signing of requests with the three kinds of keys that BINANCE issues: HMAC, RSA and ED25519.

Over REST the signature covers the query exactly as it is sent: every value percent-encoded (UTF-8). Over the WebSocket
API it covers the parameters sorted by name, `apiKey` included, and not percent-encoded. HMAC signatures are
hexadecimal; the others are base64, which REST percent-encodes once more.

Nothing in this file shows secret material: not a `repr`, not the text of an error, not the cause of an error.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential

RSA_BITS_MIN = 2048
KEY_LENGTH_MAX = 256
SECRET_LENGTH_MAX = 16_384
"""Characters of an API key, and of an HMAC secret or a PEM key. A longer one is refused before it is looked at."""

ParameterValue = str | int | bool
Parameters = Mapping[str, ParameterValue]
"""Request parameters by name. Decimals are plain text, instants and windows are integers in ms."""

_PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_Sign = Callable[[bytes], str]

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>.*?)-----END (?P=label)-----", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*")
_PEM_LINE_LENGTH = 64
_KINDS = {rsa.RSAPrivateKey: "an RSA key", ed25519.Ed25519PrivateKey: "an ED25519 key"}


class BinanceSigner:
    """Signs the requests of one credential. Making one checks the fields and raises `InvalidCredential` with a reason
    that a user understands; signing cannot fail afterwards."""

    __slots__ = ("_sign", "api_key", "type")

    def __init__(self, type: CredentialType, secrets: Secrets) -> None:
        self.type = type
        self.api_key = _api_key(secrets.api_key)
        self._sign: _Sign
        match type:
            case CredentialType.HMAC:
                self._sign = _hmac_signer(secrets.api_secret)
            case CredentialType.RSA | CredentialType.ED25519:
                self._sign = _key_signer(_private_key(type, secrets))
            case CredentialType.API_KEY | CredentialType.OAUTH:
                raise InvalidCredential(f"BINANCE takes HMAC, RSA and ED25519 credentials, not {type.value}")

    def __repr__(self) -> str:
        return f"BinanceSigner({self.type.value})"

    def signed_query(self, parameters: Parameters) -> str:
        """Return the query of a REST request, signature included; send it exactly as it is."""
        payload = encoded_query(parameters)
        return f"{payload}&signature={quote(self._sign(payload.encode()), safe='')}"

    def signed_parameters(self, parameters: Parameters) -> dict[str, ParameterValue]:
        """Return the parameters of a request over the WebSocket API, with `apiKey` and `signature`."""
        named = {**parameters, "apiKey": self.api_key}
        payload = "&".join(f"{name}={_text(named[name])}" for name in sorted(named))
        return {**named, "signature": self._sign(payload.encode())}


def check_credential(type: CredentialType, secrets: Secrets) -> None:
    """Raise `InvalidCredential` when the fields do not make a credential of this type."""
    BinanceSigner(type, secrets)


def encoded_query(parameters: Parameters) -> str:
    """Return `name=value` pairs joined by `&`, in the given order, each value percent-encoded as UTF-8."""
    return "&".join(f"{name}={quote(_text(value), safe='')}" for name, value in parameters.items())


def _text(value: ParameterValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _api_key(text: str) -> str:
    key = text.strip()
    if not key:
        raise InvalidCredential("the API key is empty")
    if len(key) > KEY_LENGTH_MAX or _VISIBLE.fullmatch(key) is None:
        raise InvalidCredential("the API key is not one word of letters and digits as BINANCE shows it")
    return key


def _hmac_signer(secret: str) -> _Sign:
    key = secret.strip()
    if not key:
        raise InvalidCredential("the API secret is empty")
    if "-----BEGIN" in key:
        raise InvalidCredential("the API secret is a PEM key: choose the credential type RSA or ED25519")
    if len(key) > SECRET_LENGTH_MAX or _VISIBLE.fullmatch(key) is None:
        raise InvalidCredential("the API secret is not one word of letters and digits as BINANCE shows it")
    secret_bytes = key.encode()
    return lambda payload: hmac.new(secret_bytes, payload, hashlib.sha256).hexdigest()


def _key_signer(key: _PrivateKey) -> _Sign:
    if isinstance(key, rsa.RSAPrivateKey):
        rsa_key = key
        return lambda payload: base64.b64encode(rsa_key.sign(payload, padding.PKCS1v15(), SHA256())).decode()
    ed25519_key = key
    return lambda payload: base64.b64encode(ed25519_key.sign(payload)).decode()


def _private_key(type: CredentialType, secrets: Secrets) -> _PrivateKey:
    label, pem = _normalised_pem(secrets.api_secret)
    if "PUBLIC" in label:
        raise InvalidCredential("the API secret is a public key; the private key of the pair is needed")
    is_encrypted = "ENCRYPTED" in label
    if is_encrypted and not secrets.passphrase:
        raise InvalidCredential("the private key is encrypted: give its passphrase, or an unencrypted key")
    password = (secrets.passphrase or "").encode() if is_encrypted else None
    try:
        key = load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        wrong = "the passphrase does not open the private key" if is_encrypted else "the private key cannot be read"
        raise InvalidCredential(f"{wrong}: paste the whole PEM text, its first and last line included") from None
    if isinstance(key, rsa.RSAPrivateKey) and type is CredentialType.RSA:
        if key.key_size < RSA_BITS_MIN:
            raise InvalidCredential(f"the RSA key has {key.key_size} bits; BINANCE takes {RSA_BITS_MIN} or more")
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey) and type is CredentialType.ED25519:
        return key
    kind = next((name for known, name in _KINDS.items() if isinstance(key, known)), "a key of another kind")
    raise InvalidCredential(f"the private key is {kind}, and the credential type is {type.value}")


def _normalised_pem(text: str) -> tuple[str, bytes]:
    r"""Return the label and the text of a PEM key as people paste it: with line breaks, with `\n` written out, or on
    one line with blanks where the breaks were."""
    if len(text) > SECRET_LENGTH_MAX:
        raise InvalidCredential("the private key is too long to be one")
    unescaped = text.replace("\\r", "").replace("\\n", "\n")
    found = _PEM.search(unescaped)
    if found is None:
        raise InvalidCredential(
            "the private key is not PEM: a PEM key begins with a line such as -----BEGIN PRIVATE KEY-----"
        )
    label, body = found["label"], "".join(found["body"].split())
    if "Proc-Type:" in body:
        raise InvalidCredential("the private key is encrypted in an old format; export it as PKCS#8")
    if _BASE64.fullmatch(body) is None:
        raise InvalidCredential("the private key is damaged: its body is not base64")
    lines = [body[at : at + _PEM_LINE_LENGTH] for at in range(0, len(body), _PEM_LINE_LENGTH)]
    return label, "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
