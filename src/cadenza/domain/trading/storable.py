"""What a report, or a row of the catalogue, may hold so that it can be reckoned with, stored and shown. This is the
only place that decides it.

A connector reads what the venue sends, and a venue may send anything: a number that no database holds, a name with a
character that no text may have, or an instant in microseconds, which no calendar holds as milliseconds.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.reports import (
    UNREADABLE_TEXT_LENGTH_MAX,
    OrderReport,
    PositionReport,
    Report,
    UnreadableReport,
)

EXPONENT_MAX = 60
"""Of a number: it is below 10^61, and has at most 60 decimals."""

INTEGER_MAX = 2**62

SMALL_INTEGER_MAX = 2**31 - 1
"""Of a precision, a scale or a count in the catalogue."""

CATALOGUE_ID_LENGTH_MAX = 500
"""Characters of the id of an instrument or a security. The catalogue's index holds no id that is much longer."""

INSTANT_MS_MAX = 253_402_300_799_999
"""The end of the year 9999, which is the last instant that RFC 3339 can write. No instant is below 0."""

R = TypeVar("R", bound=Report)

_OF_THE_STATEMENT = frozenset({"at_ms", "as_of"})
"""When the venue stated it."""
_NAMES: dict[Any, tuple[str, ...]] = {}
"""The fields of each kind of report."""


def storable(report: R) -> R | UnreadableReport:
    """Return the report, or an `UnreadableReport` in its place if it holds a value that cannot be stored.

    Its text is all that the report says but for the instants of the statement, so that the same fact is kept once,
    however often the venue states it. An `UnreadableReport` is returned as `bounded`.
    """
    if isinstance(report, UnreadableReport):
        return bounded(report)
    unfit = unfit_fields(report)
    if not unfit:
        return report
    values = {name: getattr(report, name) for name in _names(type(report)) if name not in _OF_THE_STATEMENT}
    said = {name: value for name, value in values.items() if value is not None}
    order = report if isinstance(report, OrderReport) else None
    return bounded(
        UnreadableReport(
            account_id=report.account_id,
            at_ms=0,
            text=f"{type(report).__name__} {said!r}",
            why=f"a value cannot be stored: {', '.join(unfit)}",
            instrument_id=report.instrument_id if isinstance(report, OrderReport | PositionReport) else None,
            order_id=None if order is None else order.order_id,
            sent_id=None if order is None else order.sent_id,
            venue_order_id=None if order is None else order.venue_order_id,
        )
    )


def can_be_listed(listed: Instrument | Security) -> bool:
    """Whether the catalogue can hold the instrument or the security. The sizes of an instrument are positive."""
    if len(listed.id) > CATALOGUE_ID_LENGTH_MAX or not is_storable(listed):
        return False
    if isinstance(listed, Security):
        return _are_small(listed.precision, listed.scale)
    is_sized = listed.lot_size > 0 and listed.pip_size > 0 and listed.contract_size > 0
    counts = (listed.price_significant_digits or 0, listed.max_open_orders or 0)
    return is_sized and _are_small(listed.base_precision, listed.quote_precision, *counts)


def _are_small(*integers: int) -> bool:
    return all(abs(integer) <= SMALL_INTEGER_MAX for integer in integers)


def unfit_fields(report: Report) -> list[str]:
    """Return the names of the fields whose values cannot be stored."""
    named = ((name, getattr(report, name)) for name in _names(type(report)))
    return [name for name, value in named if value is not None and not _is_fit(name, value)]


def bounded(report: UnreadableReport) -> UnreadableReport:
    """Return the report as it is kept: cut off at `UNREADABLE_TEXT_LENGTH_MAX`, without characters that a database does
    not store, and without an instant that cannot be stored."""
    return replace(
        report,
        at_ms=report.at_ms if _is_fit("at_ms", report.at_ms) else 0,
        text=_cut(report.text),
        why=_cut(report.why),
        instrument_id=None if report.instrument_id is None else InstrumentId(_storable_text(report.instrument_id)),
        sent_id=None if report.sent_id is None else _storable_text(report.sent_id),
        venue_order_id=None if report.venue_order_id is None else _storable_text(report.venue_order_id),
    )


def _names(kind: Any) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(field.name for field in fields(kind))
    return names


def _is_fit(name: str, value: Any) -> bool:
    """Whether the field of that name may have the value. A name that ends in `_ms` is an instant."""
    if isinstance(value, int) and name.endswith("_ms"):
        return 0 <= value <= INSTANT_MS_MAX
    return is_storable(value)


def is_storable(value: Any) -> bool:
    """Whether a database can hold the value, and everything in it."""
    if value is None or isinstance(value, bool | UUID):
        return True
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            return False
        exponent = value.as_tuple().exponent
        return value.adjusted() <= EXPONENT_MAX and isinstance(exponent, int) and exponent >= -EXPONENT_MAX
    if isinstance(value, int):
        return -INTEGER_MAX < value < INTEGER_MAX
    if isinstance(value, tuple | list):
        return all(map(is_storable, value))
    if isinstance(value, Mapping):
        return all(map(is_storable, (*value.keys(), *value.values())))
    if is_dataclass(value):
        return all(_is_fit(name, getattr(value, name)) for name in _names(type(value)))
    return True


def _cut(text: str) -> str:
    return _storable_text(text[:UNREADABLE_TEXT_LENGTH_MAX])[:UNREADABLE_TEXT_LENGTH_MAX]


def _storable_text(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("\x00", "\\x00")


def _is_text(text: str) -> bool:
    """Whether the text has neither NUL nor half a character."""
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
