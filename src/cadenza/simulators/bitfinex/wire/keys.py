"""API keys, their permissions, and the check of signatures."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
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
    """A key of each account that the simulator opens, and those that tests make."""

    @classmethod
    def of_accounts(cls, directory: Path, accounts: Sequence[str], ids: Ids) -> BitfinexKeys:
        """Return the keys in the directory's file. There is one of each of these accounts at least."""
        make = {account: partial(make_bitfinex_key, account, ids) for account in accounts}
        return cls.load(directory, BitfinexKey, lambda key: key.account, make)

    def of(self, account: str) -> BitfinexKey:
        """Return the first key of an account."""
        return next(key for key in self.all() if key.account == account)


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
