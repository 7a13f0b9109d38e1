"""API keys, their permissions, and the check of signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cadenza.ports.ids import Ids
from cadenza.simulators.kit.keys import VenueKeys

SOCKET_LOGIN_PATH = "/users/self/verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class OkxKey:
    """A key of the live or the demo environment. `addresses` are the only ones that may use it; none means all. Every
    key may read."""

    account: str
    key: str
    secret: str
    passphrase: str
    is_demo: bool = False
    can_trade: bool = True
    can_withdraw: bool = False
    addresses: tuple[str, ...] = ()
    label: str = "simulated"

    @property
    def permissions(self) -> str:
        """The permissions as `account/config` lists them."""
        listed = (("read_only", True), ("trade", self.can_trade), ("withdraw", self.can_withdraw))
        return ",".join(name for name, has in listed if has)

    def sign(self, timestamp: str, method: str, path: str, body: str = "") -> str:
        """Return the signature of a request: HMAC-SHA256 in base64 over its parts. `path` has the query string."""
        digest = hmac.new(self.secret.encode(), f"{timestamp}{method}{path}{body}".encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def verifies(self, signature: str, timestamp: str, method: str, path: str, body: str = "") -> bool:
        expected = self.sign(timestamp, method, path, body)
        return hmac.compare_digest(expected.encode(), signature.encode())


class OkxKeys(VenueKeys[OkxKey]):
    """A key of each environment, and those that tests make."""

    @classmethod
    def of_accounts(cls, directory: Path, live: str, demo: str, ids: Ids) -> OkxKeys:
        """Return the keys in the directory's file. There is one of each environment at least."""
        make = {
            is_demo: partial(make_okx_key, account, ids, is_demo=is_demo)
            for is_demo, account in ((False, live), (True, demo))
        }
        return cls.load(directory, OkxKey, lambda key: key.is_demo, make)

    def of(self, *, is_demo: bool) -> OkxKey:
        """Return the first key of an environment."""
        return next(key for key in self.all() if key.is_demo is is_demo)


def make_okx_key(
    account: str,
    ids: Ids,
    *,
    is_demo: bool = False,
    can_trade: bool = True,
    can_withdraw: bool = False,
    addresses: tuple[str, ...] = (),
) -> OkxKey:
    """Return a new key in the venue's format: a UUID, 32 hexadecimal digits and a passphrase."""
    key = ids.token(16).hex()
    return OkxKey(
        account=account,
        key="-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:])),
        secret=ids.token(16).hex().upper(),
        passphrase=f"Pass-{ids.token(6).hex()}!",
        is_demo=is_demo,
        can_trade=can_trade,
        can_withdraw=can_withdraw,
        addresses=addresses,
    )
