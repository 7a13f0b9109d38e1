"""Requests that everyone may send."""

from __future__ import annotations

from cadenza.domain.money import to_plain
from cadenza.simulators.okx.instruments import OPTION_BANDS, SimulatedInstrument
from cadenza.simulators.okx.public.feeds import trade_row
from cadenza.simulators.okx.trading.checks import price_limits
from cadenza.simulators.okx.trading.funding import FUNDING_RATE, next_funding_ms
from cadenza.simulators.okx.trading.order_requests import listed_type
from cadenza.simulators.okx.trading.payloads import Payload
from cadenza.simulators.okx.wire.errors import VenueRefusal
from cadenza.simulators.okx.wire.gateway import VenueCall


def time(call: VenueCall) -> list[Payload]:
    """GET public/time."""
    return [{"ts": str(call.now_ms)}]


def status(call: VenueCall) -> list[Payload]:
    """GET system/status: maintenance that is planned or under way, or that with a state."""
    state = call.params.text("state")
    wanted = (state,) if state else ("scheduled", "ongoing", "pre_open")
    return [row for row in call.venue.public.maintenance if row["state"] in wanted]


def instruments(call: VenueCall) -> list[Payload]:
    """GET public/instruments."""
    rows = call.venue.public.instrument_rows(listed_type(call.params.must("instType")))
    name, family = call.params.text("instId"), call.params.text("instFamily") or call.params.text("uly")
    found = [row for row in rows if name in ("", row["instId"]) and family in ("", row["instFamily"])]
    if name and not found:
        raise unknown()
    return found


def underlyings(call: VenueCall) -> list[list[str]]:
    """GET public/underlying."""
    type = listed_type(call.params.must("instType"))
    listed = [each for each in call.venue.exchange.instruments.values() if each.type == type]
    return [sorted({each.family for each in listed})]


def tick_bands(call: VenueCall) -> list[Payload]:
    """GET public/instrument-tick-bands: the steps of option prices."""
    bands = []
    for band, following in zip(OPTION_BANDS, (*OPTION_BANDS[1:], None), strict=True):
        most = "1000" if following is None else to_plain(following.least)
        bands.append({"minPx": to_plain(band.least), "maxPx": most, "tickSz": to_plain(band.tick)})
    return [{"instType": "OPTION", "instFamily": "BTC-USD", "tickBand": bands}]


def mark_price(call: VenueCall) -> list[Payload]:
    """GET public/mark-price."""
    type, name = listed_type(call.params.must("instType")), call.params.text("instId")
    return [
        call.venue.public.mark_row(each.name, call.now_ms) | {"instType": type}
        for each in call.venue.exchange.instruments.values()
        if type in each.types() and name in ("", each.name)
    ]


def price_limit(call: VenueCall) -> list[Payload]:
    """GET public/price-limit."""
    instrument = _instrument(call)
    highest, lowest = price_limits(instrument, call.venue.exchange.mark(instrument.name))
    return [
        {
            "instId": instrument.name,
            "instType": instrument.type,
            "buyLmt": to_plain(highest),
            "sellLmt": to_plain(lowest),
            "enabled": True,
            "ts": str(call.now_ms),
        }
    ]


def funding_rate(call: VenueCall) -> list[Payload]:
    """GET public/funding-rate: a fixed one, every eight hours."""
    instrument = _instrument(call)
    due_ms = next_funding_ms(call.now_ms)
    return [
        {
            "instId": instrument.name,
            "instType": instrument.type,
            "formulaType": "noRate",
            "fundingRate": to_plain(FUNDING_RATE),
            "fundingTime": str(due_ms),
            "impactValue": "",
            "interestRate": "0.0001",
            "maxFundingRate": "0.00375",
            "method": "current_period",
            "minFundingRate": "-0.00375",
            "nextFundingRate": "",
            "nextFundingTime": str(next_funding_ms(due_ms)),
            "premium": "0",
            "prevFundingTime": "",
            "settFundingRate": to_plain(FUNDING_RATE),
            "settState": "settled",
            "ts": str(call.now_ms),
        }
    ]


def books(call: VenueCall) -> list[Payload]:
    """GET market/books."""
    depth = call.params.integer("sz") or 1
    return [call.venue.public.book_row(_instrument(call).name, min(depth, 400), call.now_ms)]


def full_books(call: VenueCall) -> list[Payload]:
    """GET market/books-full: prices and quantities only."""
    depth = call.params.integer("sz") or 1
    row = call.venue.public.book_row(_instrument(call).name, min(depth, 5_000), call.now_ms)
    sides = {}
    for side in ("asks", "bids"):
        levels = row[side]
        assert isinstance(levels, list)
        sides[side] = [[price, quantity, orders] for price, quantity, _, orders in levels]
    return [sides | {"ts": row["ts"]}]


def ticker(call: VenueCall) -> list[Payload]:
    """GET market/ticker."""
    return [call.venue.public.ticker(_instrument(call).name, call.now_ms)]


def tickers(call: VenueCall) -> list[Payload]:
    """GET market/tickers."""
    type = listed_type(call.params.must("instType"))
    family = call.params.text("instFamily") or call.params.text("uly")
    return [
        call.venue.public.ticker(each.name, call.now_ms)
        for each in call.venue.exchange.instruments.values()
        if type in each.types() and family in ("", each.family) and each.name in call.venue.exchange.states
    ]


def trades(call: VenueCall) -> list[Payload]:
    """GET market/trades and market/history-trades, the newest first."""
    tape = call.venue.public.tapes[_instrument(call).name]
    return [trade_row(trade) for trade in list(tape)[::-1][: call.params.limit(500)]]


def _instrument(call: VenueCall) -> SimulatedInstrument:
    name = call.params.must("instId")
    if name not in call.venue.exchange.states:
        raise unknown()
    return call.venue.exchange.instruments[name]


def unknown() -> VenueRefusal:
    return VenueRefusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.", 400)
