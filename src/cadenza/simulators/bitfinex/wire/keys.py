"""API keys, their permissions, and the check of signatures."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from cadenza.ports.ids import Ids
from cadenza.simulators.kit.keys import VenueKeys

SCOPES = ("account", "history", "orders", "positions", "funding", "settings", "wallets", "withdraw")
"""What permissions are about, in the order in which the venue lists them."""

_KEY_LENGTH = 43


@dataclass(frozen=True, slots=True, kw_only=True)
class BitfinexKey:
    """A key of an account. `reads` and `writes` are the scopes that it may read and write."""

    account: str
    key: str
    secret: str
    reads: tuple[str, ...] = SCOPES
    writes: tuple[str, ...] = field(default=("orders", "positions", "settings"))

    def sign(self, text: str) -> str:
        """Return the signature of a text: HMAC-SHA384, in hexadecimal digits."""
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha384).hexdigest()

    def verifies(self, signature: str, text: str) -> bool:
        return hmac.compare_digest(self.sign(text).encode(), signature.encode())

    def capabilities(self) -> dict[str, dict[str, int]]:
        """Return the permissions as the socket's `auth` event shows them."""
        return {name: {"read": int(name in self.reads), "write": int(name in self.writes)} for name in SCOPES}


class BitfinexKeys(VenueKeys[BitfinexKey]):
    """The key of the account, and those that tests make."""

    @classmethod
    def of_account(cls, directory: Path, account: str, ids: Ids) -> BitfinexKeys:
        """Return the keys in the directory's file; make one where there is no file."""
        return cls.load(directory, BitfinexKey, lambda: [make_bitfinex_key(account, ids)])

    def first(self) -> BitfinexKey:
        return self.all()[0]


def make_bitfinex_key(
    account: str,
    ids: Ids,
    *,
    reads: tuple[str, ...] = SCOPES,
    writes: tuple[str, ...] = ("orders", "positions", "settings"),
) -> BitfinexKey:
    """Return a new key: two texts of 43 letters and digits."""
    return BitfinexKey(
        account=account,
        key=ids.token(24).hex()[:_KEY_LENGTH],
        secret=ids.token(24).hex()[:_KEY_LENGTH],
        reads=reads,
        writes=writes,
    )
