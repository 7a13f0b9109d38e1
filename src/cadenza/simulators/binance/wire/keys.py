"""API keys of the three kinds, their permissions, and the check of signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from cadenza.ports.ids import Ids
from cadenza.simulators.binance.wire.markets import VenueMarket

FILE = "keys.json"
NUMBER_FILE = "account-number"
_NUMBERS_FROM, _NUMBERS_COUNT = 1_000_000, 2**40
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


class ApiKeys:
    """The keys of the simulator. They are made at the first start and are the same at the next."""

    def __init__(self, keys: Iterable[SimulatedKey]) -> None:
        self._keys = {key.key: key for key in keys}

    @classmethod
    def load(cls, directory: Path, account: str, ids: Ids) -> ApiKeys:
        """Return the keys in the directory's file; make one of each kind where there is no file."""
        path = directory / FILE
        if path.exists():
            rows = json.loads(path.read_text())
            return cls(SimulatedKey(**row | {"permissions": KeyPermissions(**row["permissions"])}) for row in rows)
        ring = cls(make_key(account, kind, ids) for kind in KINDS)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump([asdict(key) for key in ring.all()], file, indent=1)
        return ring

    def all(self) -> list[SimulatedKey]:
        return list(self._keys.values())

    def of(self, kind: str) -> SimulatedKey:
        """Return the first key of a kind."""
        return next(key for key in self._keys.values() if key.kind == kind)

    def find(self, key: str) -> SimulatedKey | None:
        return self._keys.get(key)

    def add(self, key: SimulatedKey) -> None:
        self._keys[key.key] = key

    def revoke(self, key: str) -> None:
        self._keys.pop(key, None)


def account_number(directory: Path, ids: Ids) -> int:
    """Return the number from which the accounts are numbered. It is kept in the directory, so it is the same at every
    start. A new directory has another one: its order ids begin again, so its accounts are others for clients."""
    path = directory / NUMBER_FILE
    if not path.exists():
        path.write_text(str(_NUMBERS_FROM + int.from_bytes(ids.token(8)) % _NUMBERS_COUNT))
    return int(path.read_text())


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
