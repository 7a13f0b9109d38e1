"""How one market of BINANCE is spoken to: its requests, and its payloads as reports. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from cadenza.adapters.venues.binance import parse_spot
from cadenza.adapters.venues.binance.endpoints import MARGIN, SPOT, MarketEndpoints
from cadenza.adapters.venues.binance.models import (
    BinanceMarginAccount,
    BinanceSpotAccount,
    BinanceSpotOrder,
    BinanceSpotTrade,
    decode,
    decode_list,
)
from cadenza.adapters.venues.binance.orders import (
    BinanceRequest,
    RequestTime,
    cancel_request,
    margin_order,
    query_request,
    spot_order,
)
from cadenza.adapters.venues.binance.parse import AccountScope, UserNews
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    BalanceReport,
    FillReport,
    PositionReport,
    Report,
    UnreadableReport,
)

L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class ReadOrders:
    """Orders of a list with the highest of their numbers, and the lines that could not be read. `count` is that of
    all lines."""

    facts: tuple[OrderFacts, ...]
    unreadable: tuple[UnreadableReport, ...]
    count: int
    last_id: int


@dataclass(frozen=True, slots=True)
class ReadTrades:
    """Executions of a list, as `ReadOrders`."""

    fills: tuple[FillReport, ...]
    unreadable: tuple[UnreadableReport, ...]
    count: int
    last_id: int


@dataclass(frozen=True, slots=True)
class ReadMoney:
    """The balances and positions of a reading."""

    balances: tuple[BalanceReport, ...]
    positions: tuple[PositionReport, ...]

    @property
    def reports(self) -> tuple[Report, ...]:
        return (*self.balances, *self.positions)


class MarketDialect(Protocol):
    """One market. Methods that read raise `UnreadablePayload` when the text as a whole cannot be read."""

    @property
    def endpoints(self) -> MarketEndpoints: ...

    @property
    def account_type(self) -> AccountType: ...

    def submit(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest:
        """Return the request for a new order. Raises the domain's causes for what the market lacks."""

    def cancel(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest: ...

    def query(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest: ...

    def submitted(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]: ...

    def canceled(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]: ...

    def order(self, body: bytes, scope: AccountScope) -> OrderFacts:
        """Read the answer to a question about one order."""

    def orders(self, body: bytes, scope: AccountScope) -> ReadOrders: ...

    def trades(self, body: bytes, scope: AccountScope) -> ReadTrades: ...

    def money(self, body: bytes, scope: AccountScope, at_ms: int) -> ReadMoney: ...

    def news(self, frame: bytes, scope: AccountScope) -> UserNews: ...


class SpotDialect:
    """Spot."""

    endpoints: MarketEndpoints = SPOT
    account_type = AccountType.SPOT

    def submit(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest:
        return spot_order(order, instrument, time, NO_LAST_PRICE)

    def cancel(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest:
        return cancel_request(order, instrument, time)

    def query(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest:
        return query_request(order, instrument, time)

    def submitted(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]:
        return parse_spot.submit_reports(decode(BinanceSpotOrder, body), scope, order)

    def canceled(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]:
        return parse_spot.cancel_reports(decode(BinanceSpotOrder, body), scope, order)

    def order(self, body: bytes, scope: AccountScope) -> OrderFacts:
        return parse_spot.facts_of_order(decode(BinanceSpotOrder, body), scope)

    def orders(self, body: bytes, scope: AccountScope) -> ReadOrders:
        lines = decode_list(msgspec.Raw, body)
        read = [_line(line, scope, self._facts) for line in lines]
        facts = tuple(each for each in read if isinstance(each, OrderFacts))
        odd = tuple(each for each in read if isinstance(each, UnreadableReport))
        return ReadOrders(facts, odd, len(lines), max((int(each.venue_order_id) for each in facts), default=0))

    def trades(self, body: bytes, scope: AccountScope) -> ReadTrades:
        lines = decode_list(msgspec.Raw, body)
        read = [_line(line, scope, self._fill) for line in lines]
        fills = tuple(each[0] for each in read if isinstance(each, tuple))
        odd = tuple(each for each in read if isinstance(each, UnreadableReport))
        last_id = max((each[1] for each in read if isinstance(each, tuple)), default=0)
        return ReadTrades(fills, odd, len(lines), last_id)

    def money(self, body: bytes, scope: AccountScope, at_ms: int) -> ReadMoney:
        return ReadMoney(parse_spot.spot_balances(decode(BinanceSpotAccount, body), scope, at_ms), ())

    def news(self, frame: bytes, scope: AccountScope) -> UserNews:
        return parse_spot.user_news(frame, scope, self.account_type)

    def _facts(self, line: msgspec.Raw, scope: AccountScope) -> OrderFacts:
        return parse_spot.facts_of_order(decode(BinanceSpotOrder, line), scope)

    def _fill(self, line: msgspec.Raw, scope: AccountScope) -> tuple[FillReport, int]:
        trade = decode(BinanceSpotTrade, line)
        return parse_spot.fill_report(trade, scope), trade.id


class MarginDialect(SpotDialect):
    """Cross margin: the orders and trades of spot, at other addresses, and debts."""

    endpoints = MARGIN
    account_type = AccountType.MARGIN

    def submit(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest:
        return margin_order(order, instrument, time, NO_LAST_PRICE)

    def cancel(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest:
        return cancel_request(order, instrument, time, is_margin=True)

    def query(self, order: Order, instrument: Instrument, time: RequestTime) -> BinanceRequest:
        return query_request(order, instrument, time, is_margin=True)

    def money(self, body: bytes, scope: AccountScope, at_ms: int) -> ReadMoney:
        return ReadMoney(parse_spot.margin_balances(decode(BinanceMarginAccount, body), scope, at_ms), ())


NO_LAST_PRICE: Decimal | None = None
"""Trailing stops alone need the last price, and are not taken: the venue does not report where their triggers move."""


def _line(
    line: msgspec.Raw, scope: AccountScope, read: Callable[[msgspec.Raw, AccountScope], L]
) -> L | UnreadableReport:
    """Read one line of a list; the others go on without it."""
    try:
        return read(line, scope)
    except UnreadablePayload as error:
        return unreadable(scope.account_id, bytes(line), error)
