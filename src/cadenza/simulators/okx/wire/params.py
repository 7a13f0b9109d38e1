"""The fields of one request, read one by one. What the venue does not know it ignores."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from cadenza.domain.money import parse_decimal
from cadenza.simulators.okx.wire.errors import OkxOrderRefusal, VenueRefusal, empty_parameter, wrong_parameter

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_INTEGER = re.compile(r"[0-9]{1,20}")
CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
TAG = re.compile(r"[A-Za-z0-9]{1,16}")


class OkxParams:
    """Raises `VenueRefusal` for what is missing or malformed, or `OkxOrderRefusal` where the fields are an order's."""

    def __init__(self, values: Mapping[str, object], *, is_order: bool = False) -> None:
        self.values = {name: as_text(value) for name, value in values.items()}
        self._is_order = is_order

    def text(self, name: str) -> str:
        """Return a field; empty when it was not sent."""
        return self.values.get(name, "")

    def must(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise self._refusal(empty_parameter(name))
        return value

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        value = self.text(name) or default
        if value not in allowed:
            raise self.wrong(name)
        return value

    def number(self, name: str) -> Decimal | None:
        value = self.text(name)
        if not value:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise self.wrong(name)
        return parse_decimal(value)

    def positive(self, name: str) -> Decimal | None:
        value = self.number(name)
        if value is not None and value <= 0:
            raise self.wrong(name)
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if not value:
            return None
        if _INTEGER.fullmatch(value) is None:
            raise self.wrong(name)
        return int(value)

    def limit(self, most: int = 100) -> int:
        value = self.integer("limit")
        return most if value is None else max(1, min(value, most))

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self.choice(name, ("true", "false"), "true" if default else "false") == "true"

    def client_id(self, name: str) -> str:
        value = self.text(name)
        if value and CLIENT_ID.fullmatch(value) is None:
            raise self.wrong(name)
        return value

    def wrong(self, name: str) -> Exception:
        """Return the refusal of a malformed field."""
        return self._refusal(wrong_parameter(name))

    def _refusal(self, refusal: VenueRefusal) -> Exception:
        return OkxOrderRefusal(refusal.code, refusal.message) if self._is_order else refusal


def as_text(value: object) -> str:
    """Return a value of JSON as a client could have written it in a query: booleans in JSON's words, lists as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def read_json(body: str) -> object:
    """Return a JSON body with the digits of its numbers as they were written."""
    try:
        return json.loads(body, parse_float=str, parse_int=str)
    except ValueError:
        raise VenueRefusal("50002", "JSON syntax error", 400) from None
