"""Numbers as the venue's JavaScript prints them: as JSON numbers, small and large ones with an exponent."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from cadenza.domain.money import to_plain
from cadenza.simulators.bitfinex.symbols import PLACES

_EXPONENT_BELOW, _EXPONENT_FROM = -6, 21
"""JavaScript writes a number with an exponent when it is below 1e-6, and from 1e21 on."""

_encode = msgspec.json.Encoder(order=None).encode


def number_text(value: Decimal) -> str:
    """Return a number as JavaScript prints it."""
    if not value:
        return "0"
    power = value.adjusted()
    if _EXPONENT_BELOW <= power < _EXPONENT_FROM:
        return to_plain(value)
    digits = to_plain(value.scaleb(-power))
    return f"{digits}e{'+' if power > 0 else ''}{power}"


def number(value: Decimal | None) -> msgspec.Raw | None:
    """Return a decimal as a JSON number."""
    return None if value is None else msgspec.Raw(number_text(value).encode())


def decimal_text(value: Decimal) -> str:
    """Return a number as the venue's texts have it: with a decimal at least, such as `60000.0`."""
    text = to_plain(value)
    return text if "." in text else f"{text}.0"


def rounded(value: Decimal) -> Decimal:
    """Return an amount with the decimals that the venue keeps."""
    return value.quantize(PLACES, ROUND_HALF_UP)


def encode(payload: object) -> str:
    """Return a payload as JSON."""
    return _encode(payload).decode()


def read_json(text: str) -> object:
    """Return decoded JSON with exact numbers. Raises ValueError when it is none."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no number")
