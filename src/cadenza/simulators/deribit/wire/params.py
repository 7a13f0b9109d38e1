"""The parameters of one request, read one by one. A parameter that nobody read is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from cadenza.domain.money import DIGITS_MAX, SCALE_MAX
from cadenza.simulators.deribit.wire.errors import invalid_params

_NUMBER = re.compile(r"-?[0-9]{1,38}(\.[0-9]{1,38})?([eE][+-]?[0-9]{1,2})?")
_INTEGER = re.compile(r"-?[0-9]{1,18}(\.0+)?")
ACCESS_TOKEN = "access_token"  # noqa: S105 - a parameter's name
LABEL_LENGTH_MAX = 64


class MethodParams:
    """Raises `DeribitRefusal` for what is missing or malformed. A number may be sent as a number or as text, which
    is all that a query string can hold; numbers are texts or Decimals, never floats."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}
        self._read = {ACCESS_TOKEN}

    def text(self, name: str) -> str | None:
        """Return a parameter, None when it was not sent."""
        value = self._take(name)
        if value is not None and not isinstance(value, str):
            raise invalid_params(name, "value must be a string")
        return value

    def must_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid_params(name, "must be provided")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid_params(name, f"value must be one of: {', '.join(allowed)}")
        return value

    def flag(self, name: str) -> bool:
        value = self._take(name)
        if value in (None, False, "false"):
            return False
        if value in (True, "true"):
            return True
        raise invalid_params(name, "value must be a boolean")

    def number(self, name: str) -> Decimal | None:
        """Return a number that is not below zero."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | Decimal) or not _NUMBER.fullmatch(str(value)):
            raise invalid_params(name, "value must be a number")
        parsed = Decimal(value)
        exponent = parsed.as_tuple().exponent
        if isinstance(exponent, int) and (-exponent > SCALE_MAX or parsed.adjusted() >= DIGITS_MAX):
            raise invalid_params(name, "value has too many digits")
        if parsed < 0:
            raise invalid_params(name, "value must not be negative")
        return parsed

    def integer(self, name: str) -> int | None:
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | Decimal) or not _INTEGER.fullmatch(str(value)):
            raise invalid_params(name, "value must be an integer")
        return int(Decimal(value))

    def must_integer(self, name: str) -> int:
        value = self.integer(name)
        if value is None:
            raise invalid_params(name, "must be provided")
        return value

    def count(self, default: int, most: int) -> int:
        """Return how many items are asked for."""
        value = self.integer("count")
        if value is None:
            return default
        if not 1 <= value <= most:
            raise invalid_params("count", f"value must be between 1 and {most}")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; a query string holds it as JSON."""
        value = self._take(name)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise invalid_params(name, "value must be a list") from None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise invalid_params(name, "value must be a list")
        return value

    def one_or_more(self, name: str) -> list[str]:
        """Return a text, or a list of texts."""
        value = self.values.get(name)
        return [self.must_text(name)] if isinstance(value, str) and not value.startswith("[") else self.texts(name)

    def label(self, name: str = "label") -> str | None:
        value = self.text(name)
        if value is not None and len(value) > LABEL_LENGTH_MAX:
            raise invalid_params(name, f"too long, maximum is {LABEL_LENGTH_MAX}")
        return value

    def has(self, name: str) -> bool:
        return name in self.values

    def done(self) -> None:
        """Refuse the request when it has a parameter that nobody read."""
        unread = sorted(self.values.keys() - self._read)
        if unread:
            raise invalid_params(unread[0], "the method has no such parameter")

    def _take(self, name: str) -> Any:
        self._read.add(name)
        return self.values.get(name)


def read_json(text: str | bytes) -> Any:
    """Decode JSON with its numbers as Decimals. Raises `ValueError`."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant)


def echoed_id(id: object) -> object:
    """Return a request's id as its answer repeats it: a number with the digits that were sent."""
    return msgspec.Raw(str(id).encode()) if isinstance(id, Decimal) else id


def _refuse_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no number")
