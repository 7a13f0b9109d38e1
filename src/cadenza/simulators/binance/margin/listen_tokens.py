"""Listen tokens: with one, any socket of the WebSocket API may subscribe to the user data of a margin account."""

from __future__ import annotations

from collections.abc import Callable

from cadenza.simulators.binance.wire.errors import VenueRefusal
from cadenza.simulators.binance.wire.session import AccountSubscription

VALID_MS = 24 * 60 * 60 * 1000
"""How long a token is valid by default and at most."""


class ListenTokens:
    """`make` makes a new token."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._subscriptions: dict[str, AccountSubscription] = {}

    def create(self, account: str, key: str, valid_ms: int | None, now_ms: int) -> tuple[str, int]:
        """Return a token and when it expires."""
        until_ms = now_ms + min(valid_ms or VALID_MS, VALID_MS)
        token = self._make()
        self._subscriptions[token] = AccountSubscription(account=account, key=key, until_ms=until_ms)
        return token, until_ms

    def find(self, token: str, now_ms: int) -> AccountSubscription:
        """Return the subscription that a token allows. Raises `VenueRefusal` for one that is unknown or has expired."""
        subscription = self._subscriptions.get(token)
        if subscription is None or subscription.until_ms is None or subscription.until_ms <= now_ms:
            raise VenueRefusal(-1209, "Invalid listen token.")
        return subscription
