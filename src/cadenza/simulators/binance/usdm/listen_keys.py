"""Listen keys: names under which accounts get their user events. An account has one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cadenza.simulators.binance.wire.errors import VenueRefusal


@dataclass(frozen=True, slots=True)
class ListenKey:
    account: str
    key: str
    until_ms: int


class ListenKeys:
    """`make` makes a new key, `valid_ms` is how long a key lives unless it is kept alive."""

    def __init__(self, make: Callable[[], str], valid_ms: int) -> None:
        self._make = make
        self._valid_ms = valid_ms
        self._of: dict[str, ListenKey] = {}

    def of(self, account: str) -> str | None:
        """Return the account's key; None when it has none."""
        key = self._of.get(account)
        return None if key is None else key.key

    def start(self, account: str, now_ms: int) -> str:
        """Return the account's key, a new one where it has none, and let it live for its full time again."""
        known = self._of.get(account)
        until_ms = now_ms + self._valid_ms
        key = ListenKey(account, self._make(), until_ms) if known is None else replace(known, until_ms=until_ms)
        self._of[account] = key
        return key.key

    def keep(self, account: str, now_ms: int) -> str:
        """Let the account's key live for its full time again. Raises `VenueRefusal` when it has none."""
        if account not in self._of:
            raise VenueRefusal(-1125, "This listenKey does not exist.")
        return self.start(account, now_ms)

    def close(self, account: str) -> None:
        """End the account's key without an event."""
        self._of.pop(account, None)

    def take_expired(self, now_ms: int | None) -> list[ListenKey]:
        """End the keys whose time has passed, or all, and return them."""
        expired = [key for key in self._of.values() if now_ms is None or key.until_ms <= now_ms]
        for key in expired:
            del self._of[key.account]
        return expired
