"""The parameters of one request, read one by one. A parameter that nobody read is refused, as the venue does."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from cadenza.simulators.binance.wire.errors import VenueRefusal, illegal, invalid_data, not_sent

_NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = r"^[0-9]{1,20}$"
CLIENT_ORDER_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"
SECURITY = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits", "timeUnit"})
"""Parameters of every request, which the gateway reads."""

PRECISION_MAX = 8
"""Decimals that prices and quantities may have."""


class RequestParams:
    """Raises `VenueRefusal` for what is missing or malformed. Texts are as they were sent, already decoded."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self._read: set[str] = set()

    def text(self, name: str) -> str | None:
        """Return a parameter, None when it was not sent or is empty."""
        self._read.add(name)
        return self.values.get(name) or None

    def must(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise not_sent(name)
        return value

    def choice(self, name: str, allowed: Collection[str], refusal: VenueRefusal | None = None) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise refusal or invalid_data(name)
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if re.fullmatch(_INTEGER, value) is None:
            raise illegal(name, _INTEGER)
        return int(value)

    def instant_ms(self, name: str) -> int | None:
        """Return an instant in milliseconds; microseconds are recognised by their size."""
        value = self.integer(name)
        return value // 1000 if value is not None and value >= 10**14 else value

    def limit(self, default: int, most: int) -> int:
        value = self.integer("limit")
        return default if value is None else min(max(value, 1), most)

    def number(self, name: str) -> Decimal | None:
        """Return a plain decimal; more than eight decimals are too much precision."""
        value = self.text(name)
        if value is None:
            return None
        if re.fullmatch(_NUMBER, value) is None:
            raise illegal(name, _NUMBER)
        number = Decimal(value).normalize()
        if isinstance(exponent := number.as_tuple().exponent, int) and -exponent > PRECISION_MAX:
            raise VenueRefusal(-1111, f"Parameter '{name}' has too much precision.")
        return number

    def flag(self, name: str) -> bool:
        value = self.text(name)
        if value is not None and value.lower() not in ("true", "false"):
            raise invalid_data(name)
        return value is not None and value.lower() == "true"

    def client_order_id(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and re.fullmatch(CLIENT_ORDER_ID, value) is None:
            raise illegal(name, CLIENT_ORDER_ID)
        return value

    def done(self) -> None:
        """Refuse the request when it has a parameter that nobody read."""
        sent = self.values.keys() - SECURITY
        unread = sent - self._read
        if unread:
            read, all_sent = len(sent) - len(unread), len(sent)
            raise VenueRefusal(
                -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{all_sent}'."
            )
