"""Tickers, books and summaries as clients read them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, divide
from cadenza.simulators.deribit.api.payloads import Payload
from cadenza.simulators.deribit.market.books import pairs
from cadenza.simulators.deribit.market.instruments import FUTURE, OPTION, SPOT, DeribitInstrument
from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.news import PublicPrint
from cadenza.simulators.deribit.wire.numbers import number, optional

GREEKS = ("delta", "gamma", "vega", "theta", "rho")
IMPLIED = Decimal(50)
"""The implied volatility that the simulator states; it computes none."""


def ticker_payload(exchange: DeribitExchange, name: str, prints: Iterable[PublicPrint], at_ms: int) -> Payload:
    instrument, prices = exchange.instruments[name], exchange.prices
    bid, ask = _best(exchange, name, Side.BUY), _best(exchange, name, Side.SELL)
    band = prices.band(instrument) or (instrument.tick, instrument.up(prices.mark(name) * 2))
    index = number(prices.index(instrument.index))
    row: Payload = {
        "instrument_name": name,
        "timestamp": at_ms,
        "state": exchange.state(name),
        "stats": _stats(instrument, list(prints)),
        "index_price": index,
        "last_price": number(exchange.last_price(name)),
        "mark_price": number(prices.mark(name)),
        "min_price": number(band[0]),
        "max_price": number(band[1]),
        "best_bid_price": number(bid[0]),
        "best_bid_amount": number(bid[1]),
        "best_ask_price": number(ask[0]),
        "best_ask_amount": number(ask[1]),
        "estimated_delivery_price": index,
    }
    if instrument.kind != SPOT:
        row |= {"open_interest": number(_open_interest(exchange, name)), "settlement_price": index}
    if instrument.is_perpetual:
        row |= {name: number(ZERO) for name in ("current_funding", "funding_8h", "interest_value")}
    if instrument.kind == OPTION:
        row |= {
            "underlying_price": index,
            "underlying_index": f"SYN.{instrument.name.rpartition('-')[0]}",
            "interest_rate": number(ZERO),
            "greeks": {greek: number(ZERO) for greek in GREEKS},
        } | {each: number(IMPLIED) for each in ("mark_iv", "bid_iv", "ask_iv")}
    return row


def order_book_payload(
    exchange: DeribitExchange, name: str, prints: Iterable[PublicPrint], depth: int, change_id: int, at_ms: int
) -> Payload:
    """Return the book with the ticker, as `get_order_book` does."""
    sides = {"bids": Side.BUY, "asks": Side.SELL}
    levels = {key: pairs(exchange.depth(name, side, depth)) for key, side in sides.items()}
    return ticker_payload(exchange, name, prints, at_ms) | levels | {"change_id": change_id}


def book_summary(exchange: DeribitExchange, name: str, prints: Iterable[PublicPrint], at_ms: int) -> Payload:
    instrument, prices = exchange.instruments[name], exchange.prices
    bid, ask = exchange.best(name, Side.BUY), exchange.best(name, Side.SELL)
    stats = _stats(instrument, list(prints))
    row: Payload = {
        "instrument_name": name,
        "base_currency": instrument.base,
        "quote_currency": instrument.quote,
        "creation_timestamp": at_ms,
        "bid_price": optional(bid),
        "ask_price": optional(ask),
        "mid_price": optional(None if bid is None or ask is None else divide(bid + ask, Decimal(2), 8)),
        "last": number(exchange.last_price(name)),
        "mark_price": number(prices.mark(name)),
        "estimated_delivery_price": number(prices.index(instrument.index)),
        **stats,
    }
    if instrument.kind != SPOT:
        row["open_interest"] = number(_open_interest(exchange, name))
    if instrument.is_perpetual:
        row |= {"current_funding": number(ZERO), "funding_8h": number(ZERO)}
    if instrument.kind == OPTION:
        index = number(prices.index(instrument.index))
        row |= {"underlying_price": index, "underlying_index": "index_price", "interest_rate": number(ZERO)}
        row["mark_iv"] = number(IMPLIED)
    return row


def _best(exchange: DeribitExchange, name: str, side: Side) -> tuple[Decimal, Decimal]:
    return next(iter(exchange.depth(name, side, 1)), (ZERO, ZERO))


def _open_interest(exchange: DeribitExchange, name: str) -> Decimal:
    return sum((abs(position.size) for position in exchange.ledger.holders(name)), ZERO)


def _stats(instrument: DeribitInstrument, prints: list[PublicPrint]) -> Payload:
    """What was traded since the start, as far as it is remembered."""
    if not prints:
        return {"high": None, "low": None, "price_change": None, "volume": number(ZERO), "volume_usd": number(ZERO)}
    traded = [each.price for each in prints]
    if instrument.is_inverse_future:
        notional = sum((each.amount for each in prints), ZERO)
        volume = sum((divide(each.amount, each.price, 8) for each in prints), ZERO)
    else:
        volume = sum((each.amount for each in prints), ZERO)
        rate = prints[-1].index_price if instrument.kind == OPTION and instrument.is_inverse else Decimal(1)
        notional = sum((each.amount * each.price for each in prints), ZERO) * rate
    row: Payload = {
        "high": number(max(traded)),
        "low": number(min(traded)),
        "price_change": number(divide((traded[-1] - traded[0]) * 100, traded[0], 4)),
        "volume": number(volume),
        "volume_usd": number(notional),
    }
    return row | ({"volume_notional": number(notional)} if instrument.kind == FUTURE else {})
