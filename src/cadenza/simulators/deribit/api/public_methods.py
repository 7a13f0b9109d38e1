"""Questions that need no access: the venue, what it lists, its books, trades and prices."""

from __future__ import annotations

from datetime import UTC, datetime

from cadenza.domain.money import ZERO
from cadenza.simulators.deribit.api.filters import ListPage, read_currency, read_instrument, read_page, read_selection
from cadenza.simulators.deribit.api.market_payloads import book_summary, order_book_payload, ticker_payload
from cadenza.simulators.deribit.api.payloads import Payload, public_trade
from cadenza.simulators.deribit.market.instruments import CURRENCIES, INDEXES, PLACES
from cadenza.simulators.deribit.trading.news import PublicPrint
from cadenza.simulators.deribit.wire.credits import CreditPool
from cadenza.simulators.deribit.wire.errors import invalid_params
from cadenza.simulators.deribit.wire.gateway import MethodCall, RpcMethod
from cadenza.simulators.deribit.wire.numbers import number

VERSION = "1.2.26"
DEPTHS = (1, 5, 10, 20, 50, 100, 1_000, 10_000)
DEPTH = 5


def get_time(call: MethodCall) -> int:
    """public/get_time."""
    call.params.done()
    return call.now_ms


def test(call: MethodCall) -> Payload:
    """public/test: also the answer to a `test_request`."""
    if call.params.text("expected_result") == "exception":
        raise invalid_params("expected_result", "an exception was asked for")
    call.params.done()
    if call.connection is not None:
        call.connection.answer_test()
    return {"version": VERSION}


def hello(call: MethodCall) -> Payload:
    """public/hello."""
    call.params.must_text("client_name")
    call.params.must_text("client_version")
    call.params.done()
    return {"version": VERSION}


def status(call: MethodCall) -> Payload:
    """public/status."""
    call.params.done()
    return {"locked": "false", "locked_indices": []}


def get_currencies(call: MethodCall) -> list[Payload]:
    """public/get_currencies."""
    call.params.done()
    return [
        {
            "currency": currency,
            "currency_long": long,
            "coin_type": "BITCOIN" if currency == "BTC" else "ETHER",
            "decimals": PLACES[currency],
            "fee_precision": 4,
            "min_confirmations": 1,
            "min_withdrawal_fee": number(ZERO),
            "withdrawal_fee": number(ZERO),
            "withdrawal_priorities": [],
            "in_cross_collateral_pool": False,
            "network_currency": currency,
            "network_fee": number(ZERO),
        }
        for currency, long in CURRENCIES.items()
    ]


def get_instruments(call: MethodCall) -> list[Payload]:
    """public/get_instruments: those that are traded, or with `expired` those that were."""
    exchange = call.venue.exchange
    selects = read_selection(call.params, read_currency(call.params, default="any"))
    is_expired = call.params.flag("expired")
    call.params.done()
    return [
        each.payload(exchange.state(name))
        for name, each in exchange.instruments.items()
        if selects(each) and exchange.is_listed(name) is not is_expired
    ]


def get_instrument(call: MethodCall) -> Payload:
    """public/get_instrument."""
    instrument = read_instrument(call.params, call.venue.exchange)
    call.params.done()
    return instrument.payload(call.venue.exchange.state(instrument.name))


def get_order_book(call: MethodCall) -> Payload:
    """public/get_order_book."""
    name = read_instrument(call.params, call.venue.exchange).name
    depth = call.params.integer("depth") or DEPTH
    call.params.done()
    if depth not in DEPTHS:
        raise invalid_params("depth", f"value must be one of: {', '.join(map(str, DEPTHS))}")
    feeds = call.venue.feeds
    change_id = feeds.book(name).change_id
    return order_book_payload(call.venue.exchange, name, feeds.prints[name], depth, change_id, call.now_ms)


def ticker(call: MethodCall) -> Payload:
    """public/ticker."""
    name = read_instrument(call.params, call.venue.exchange).name
    call.params.done()
    return ticker_payload(call.venue.exchange, name, call.venue.feeds.prints[name], call.now_ms)


def get_index_price(call: MethodCall) -> Payload:
    """public/get_index_price."""
    name = call.params.must_text("index_name")
    call.params.done()
    if name not in INDEXES:
        raise invalid_params("index_name", "unknown index")
    price = number(call.venue.exchange.prices.index(name))
    return {"index_price": price, "estimated_delivery_price": price}


def get_index_price_names(call: MethodCall) -> list[str]:
    """public/get_index_price_names."""
    call.params.done()
    return list(INDEXES)


def get_last_trades_by_instrument(call: MethodCall) -> Payload:
    """public/get_last_trades_by_instrument."""
    return _trades_by_instrument(call, needs_times=False)


def get_last_trades_by_instrument_and_time(call: MethodCall) -> Payload:
    """public/get_last_trades_by_instrument_and_time."""
    return _trades_by_instrument(call, needs_times=True)


def get_last_trades_by_currency(call: MethodCall) -> Payload:
    """public/get_last_trades_by_currency."""
    return _trades_by_currency(call, needs_times=False)


def get_last_trades_by_currency_and_time(call: MethodCall) -> Payload:
    """public/get_last_trades_by_currency_and_time."""
    return _trades_by_currency(call, needs_times=True)


def get_book_summary_by_currency(call: MethodCall) -> list[Payload]:
    """public/get_book_summary_by_currency."""
    exchange = call.venue.exchange
    selects = read_selection(call.params, read_currency(call.params))
    call.params.done()
    names = [name for name, each in exchange.instruments.items() if selects(each) and exchange.is_listed(name)]
    return [_summary(call, name) for name in names]


def get_book_summary_by_instrument(call: MethodCall) -> list[Payload]:
    """public/get_book_summary_by_instrument."""
    name = read_instrument(call.params, call.venue.exchange).name
    call.params.done()
    return [_summary(call, name)]


def get_funding_rate_value(call: MethodCall) -> object:
    """public/get_funding_rate_value. There is no funding but what a test asks for, which has no rate."""
    instrument = read_instrument(call.params, call.venue.exchange)
    call.params.must_integer("start_timestamp")
    call.params.must_integer("end_timestamp")
    call.params.done()
    if not instrument.is_perpetual:
        raise invalid_params("instrument_name", "not a perpetual")
    return number(ZERO)


def get_delivery_prices(call: MethodCall) -> Payload:
    """public/get_delivery_prices: of the instruments of an index that were delivered."""
    index = call.params.must_text("index_name")
    offset, count = call.params.integer("offset") or 0, call.params.count(10, 1_000)
    call.params.done()
    exchange = call.venue.exchange
    rows = [
        {"date": _day(exchange.instruments[name].expiry_ms), "delivery_price": number(state.delivery_price)}
        for name, state in exchange.states.items()
        if state.delivery_price is not None and exchange.instruments[name].index == index
    ]
    return {"data": rows[offset : offset + count], "records_total": len(rows)}


def _day(at_ms: int | None) -> str:
    assert at_ms is not None
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


def _summary(call: MethodCall, name: str) -> Payload:
    return book_summary(call.venue.exchange, name, call.venue.feeds.prints[name], call.now_ms)


def _trades_by_instrument(call: MethodCall, *, needs_times: bool) -> Payload:
    name = read_instrument(call.params, call.venue.exchange).name
    first, last = call.params.integer("start_seq"), call.params.integer("end_seq")
    page = read_page(call.params, needs_times=needs_times)
    call.params.done()
    prints = [
        each
        for each in call.venue.feeds.prints[name]
        if (first is None or each.seq >= first) and (last is None or each.seq <= last)
    ]
    return _trade_page(call, prints, page)


def _trades_by_currency(call: MethodCall, *, needs_times: bool) -> Payload:
    exchange = call.venue.exchange
    selects = read_selection(call.params, read_currency(call.params))
    page = read_page(call.params, needs_times=needs_times)
    call.params.done()
    prints = [
        each for name, kept in call.venue.feeds.prints.items() if selects(exchange.instruments[name]) for each in kept
    ]
    return _trade_page(call, sorted(prints, key=lambda each: each.at_ms), page)


def _trade_page(call: MethodCall, prints: list[PublicPrint], page: ListPage) -> Payload:
    shown, has_more = page.cut(prints)
    instruments = call.venue.exchange.instruments
    return {"trades": [public_trade(each, instruments[each.instrument]) for each in shown], "has_more": has_more}


_HANDLERS = {
    "get_time": get_time,
    "test": test,
    "hello": hello,
    "status": status,
    "get_currencies": get_currencies,
    "get_instrument": get_instrument,
    "get_order_book": get_order_book,
    "ticker": ticker,
    "get_index_price": get_index_price,
    "get_index_price_names": get_index_price_names,
    "get_last_trades_by_instrument": get_last_trades_by_instrument,
    "get_last_trades_by_instrument_and_time": get_last_trades_by_instrument_and_time,
    "get_last_trades_by_currency": get_last_trades_by_currency,
    "get_last_trades_by_currency_and_time": get_last_trades_by_currency_and_time,
    "get_book_summary_by_currency": get_book_summary_by_currency,
    "get_book_summary_by_instrument": get_book_summary_by_instrument,
    "get_funding_rate_value": get_funding_rate_value,
    "get_delivery_prices": get_delivery_prices,
}
PUBLIC_METHODS = (
    *(RpcMethod(name=f"public/{name}", handler=handler) for name, handler in _HANDLERS.items()),
    RpcMethod(name="public/get_instruments", handler=get_instruments, pool=CreditPool.INSTRUMENTS),
)
