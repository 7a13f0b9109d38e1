"""The fields of a request. Numbers may be texts, as the venue's clients send them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from cadenza.domain.money import NotADecimal, parse_decimal
from cadenza.simulators.bitfinex.wire.errors import invalid

INTEGER_MAX = 2**53 - 1


class BitfinexParams:
    """Null and absent are the same."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str, otherwise: str = "") -> str:
        value = self.values.get(name, otherwise)
        if not isinstance(value, str):
            raise invalid(name)
        return value

    def integer(self, name: str, most: int = INTEGER_MAX) -> int | None:
        """Return a number without a sign; None when it is absent."""
        if name not in self.values:
            return None
        return as_integer(self.values[name], name, most)

    def number(self, name: str, otherwise: int) -> int:
        value = self.integer(name)
        return otherwise if value is None else value

    def decimal(self, name: str) -> Decimal | None:
        """Return an exact number; None when it is absent."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise invalid(name)
        if isinstance(value, Decimal):
            return value
        try:
            return parse_decimal(str(value))
        except NotADecimal:
            raise invalid(name) from None

    def rows(self, name: str) -> list[object]:
        """Return a list, empty when it is absent. A single value is a list of one."""
        value = self.values.get(name, [])
        return value if isinstance(value, list) else [value]

    def integers(self, name: str) -> list[int]:
        return [as_integer(value, name) for value in self.rows(name)]


def as_integer(value: object, name: str, most: int = INTEGER_MAX) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise invalid(name)
    return value
