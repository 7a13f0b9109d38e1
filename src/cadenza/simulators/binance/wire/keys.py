"""API keys of the three kinds, their permissions, and the check of signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from cadenza.ports.ids import Ids
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.kit.keys import VenueKeys

KINDS = ("HMAC", "RSA", "ED25519")
_KEY_FORMAT = re.compile(r"[A-Za-z0-9]{64}")
_SIGNATURE = re.compile(r"(?:^|&)signature=([^&]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPermissions:
    """What a key may do. Reading is needed for everything."""

    can_read: bool = True
    can_trade: bool = True
    can_withdraw: bool = False
    can_trade_margin: bool = True
    can_trade_futures: bool = True

    def may_trade(self, market: VenueMarket) -> bool:
        """Whether orders in the market are allowed."""
        match market:
            case VenueMarket.SPOT:
                return self.can_trade
            case VenueMarket.MARGIN:
                return self.can_trade and self.can_trade_margin
            case VenueMarket.USDM:
                return self.can_trade_futures


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedKey:
    """A key with its secret: text for HMAC, a PEM private key (PKCS#8) for the others."""

    account: str
    kind: str
    key: str
    secret: str
    permissions: KeyPermissions = KeyPermissions()

    def verifies(self, payload: str, signature: str) -> bool:
        """Whether the signature is this key's for the payload. The hex of an HMAC may be in either case."""
        if self.kind == "HMAC":
            expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
            return hmac.compare_digest(expected.encode(), signature.lower().encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            _verify(self.secret, raw, payload.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class ApiKeys(VenueKeys[SimulatedKey]):
    """The keys of the simulator: one of each kind, and those that tests make."""

    @classmethod
    def of_account(cls, directory: Path, account: str, ids: Ids) -> ApiKeys:
        """Return the keys in the directory's file. There is one of each kind at least."""
        make = {kind: partial(make_key, account, kind, ids) for kind in KINDS}
        return cls.load(directory, SimulatedKey, lambda key: key.kind, make)

    def of(self, kind: str) -> SimulatedKey:
        """Return the first key of a kind."""
        return next(key for key in self.all() if key.kind == kind)


def make_key(account: str, kind: str, ids: Ids, permissions: KeyPermissions | None = None) -> SimulatedKey:
    """Return a new key of a kind."""
    key = ids.token(32).hex()
    return SimulatedKey(
        account=account,
        kind=kind,
        key=key,
        secret=ids.token(32).hex() if kind == "HMAC" else _private_pem(kind),
        permissions=permissions or KeyPermissions(),
    )


def has_key_format(key: str) -> bool:
    return _KEY_FORMAT.fullmatch(key) is not None


def signed_payload(query: str, body: str) -> tuple[str, str]:
    """Return what a REST request signs, as it was sent, and the signature, decoded.

    The payload is the query string and the form body without a separator, without the signature itself.
    """
    signature = ""
    parts = []
    for part in (query, body):
        if (found := _SIGNATURE.search(part)) is not None:
            signature = unquote(found[1])
            part = part[: found.start()] + part[found.end() :]
            part = part.removeprefix("&")
        parts.append(part)
    return "".join(parts), signature


def sorted_payload(params: Mapping[str, str]) -> str:
    """Return what a WebSocket request signs: all parameters but the signature, by name, not percent-encoded."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")


def _private_pem(kind: str) -> str:
    private: RSAPrivateKey | Ed25519PrivateKey
    private = Ed25519PrivateKey.generate() if kind == "ED25519" else generate_private_key(65537, 2048)
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _verify(private_pem: str, signature: bytes, payload: bytes) -> None:
    public = serialization.load_pem_private_key(private_pem.encode(), None).public_key()
    if isinstance(public, Ed25519PublicKey):
        public.verify(signature, payload)
    else:
        assert isinstance(public, RSAPublicKey)
        public.verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())
