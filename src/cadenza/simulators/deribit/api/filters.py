"""What lists are limited to: currencies, kinds, types of orders, times and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cadenza.simulators.deribit.market.instruments import CURRENCIES, KINDS, DeribitInstrument
from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.records import DeribitOrder
from cadenza.simulators.deribit.wire.errors import instrument_not_found, invalid_params
from cadenza.simulators.deribit.wire.params import MethodParams

ORDER_FILTERS: dict[str, Callable[[DeribitOrder], bool]] = {
    "all": lambda _: True,
    "limit": lambda order: order.trigger is None,
    "trigger_all": lambda order: order.trigger is not None,
    "stop": lambda order: order.type.startswith("stop_"),
    "stop_all": lambda order: order.type.startswith("stop_"),
    "take": lambda order: order.type.startswith("take_"),
    "take_all": lambda order: order.type.startswith("take_"),
    "trailing_all": lambda order: order.type == "trailing_stop",
    **{
        type: lambda order, type=type: order.type == type  # type: ignore[misc]
        for type in ("stop_limit", "stop_market", "take_limit", "take_market", "trailing_stop")
    },
}


class Stamped(Protocol):
    @property
    def at_ms(self) -> int: ...


StampedT = TypeVar("StampedT", bound=Stamped)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """How many items of a time, and in which order."""

    count: int
    start_ms: int | None
    end_ms: int | None
    is_ascending: bool

    def cut(self, items: Sequence[StampedT]) -> tuple[list[StampedT], bool]:
        """Return the items of the page, and whether there are more. `items` are the oldest first."""
        found = [
            each
            for each in items
            if (self.start_ms is None or each.at_ms >= self.start_ms)
            and (self.end_ms is None or each.at_ms <= self.end_ms)
        ]
        if not self.is_ascending:
            found.reverse()
        return found[: self.count], len(found) > self.count


def read_page(params: MethodParams, *, needs_times: bool = False) -> ListPage:
    """Return the page that trades are asked for. Without an order the latest come first. `include_old` is a parameter
    of former versions, which clients still send; `historical` has taken its place."""
    params.flag("include_old")
    start_ms, end_ms = params.integer("start_timestamp"), params.integer("end_timestamp")
    if needs_times and (start_ms is None or end_ms is None):
        raise invalid_params("start_timestamp" if start_ms is None else "end_timestamp", "must be provided")
    sorting = params.choice("sorting", ("asc", "desc", "default"))
    return ListPage(count=params.count(10, 1_000), start_ms=start_ms, end_ms=end_ms, is_ascending=sorting == "asc")


def read_currency(params: MethodParams, *, default: str | None = None) -> str:
    """Return a currency, or `any`."""
    currency = params.text("currency") or default
    if currency is None:
        raise invalid_params("currency", "must be provided")
    return _known(currency)


def read_currencies(params: MethodParams) -> list[str]:
    """Return one or more currencies; one of them may be `any`."""
    return [_known(currency) for currency in params.one_or_more("currency")]


def read_selection(params: MethodParams, *currencies: str) -> Callable[[DeribitInstrument], bool]:
    """Return what tells whether an instrument is of one of the currencies and of the kind that is asked for."""
    kind = params.choice("kind", (*KINDS, "combo", "any"))
    return lambda instrument: (
        kind in (None, "any", instrument.kind) and any(instrument.is_of(currency) for currency in currencies)
    )


def read_instrument(params: MethodParams, exchange: DeribitExchange) -> DeribitInstrument:
    """Return the instrument that a question names."""
    instrument = exchange.instruments.get(params.must_text("instrument_name"))
    if instrument is None:
        raise instrument_not_found()
    return instrument


def _known(currency: str) -> str:
    if currency not in (*CURRENCIES, "any"):
        raise invalid_params("currency", "unknown currency")
    return currency


def read_order_filter(params: MethodParams) -> Callable[[DeribitOrder], bool]:
    return ORDER_FILTERS[params.choice("type", tuple(ORDER_FILTERS)) or "all"]
