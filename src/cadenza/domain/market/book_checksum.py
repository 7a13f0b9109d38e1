"""Checksums by which a venue proves that our book is the same as its own."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import chain, zip_longest
from zlib import crc32

from cadenza.domain.market.book_messages import Level

_FIXED_DIGITS_MAX = 21
_LEADING_ZEROS_MAX = 6


class BookChecksum(StrEnum):
    """Which checksum."""

    INTERLEAVED_25 = "INTERLEAVED_25"
    """BITFINEX: the best 25 levels a side, a bid and an ask in turn, each as price and amount, an ask's amount
    negative; joined by colons; the CRC-32 of that text as a signed number of 32 bits."""

    @property
    def depth(self) -> int:
        """How many levels a side it is made of."""
        return 25

    def of(self, bids: Sequence[Level], asks: Sequence[Level]) -> int:
        """Return the checksum of a book whose best levels, best first, are given."""
        fields = (
            (javascript_number(price), javascript_number(sign * quantity))
            for sign, (price, quantity) in _in_turn(bids[: self.depth], asks[: self.depth])
        )
        unsigned = crc32(":".join(chain.from_iterable(fields)).encode())
        return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned


def _in_turn(bids: Sequence[Level], asks: Sequence[Level]) -> list[tuple[int, Level]]:
    pairs = zip_longest(((1, bid) for bid in bids), ((-1, ask) for ask in asks))
    return [level for pair in pairs for level in pair if level is not None]


def javascript_number(value: Decimal) -> str:
    """Write a number as JavaScript prints it: 1e-7, but 0.000001; 100000000000000000000, but 1e+21. Such a checksum is
    made of these texts. Exact for numbers of up to 15 significant digits, which venues stay below."""
    sign = "-" if value < 0 else ""
    normalized = value.normalize()
    digits = "".join(map(str, normalized.as_tuple().digits))
    point = normalized.adjusted() + 1  # where the decimal point stands, from the first digit on
    if not value:
        return "0"
    if len(digits) <= point <= _FIXED_DIGITS_MAX:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= _FIXED_DIGITS_MAX:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -_LEADING_ZEROS_MAX < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    exponent = point - 1
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if exponent > 0 else '-'}{abs(exponent)}"
