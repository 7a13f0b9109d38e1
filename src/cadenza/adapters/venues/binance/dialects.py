"""How one market of BINANCE is spoken to: its requests, and its payloads as reports. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from cadenza.adapters.venues.binance import parse_spot
from cadenza.adapters.venues.binance.credential import Parameters
from cadenza.adapters.venues.binance.endpoints import MARGIN, SPOT, BinanceEndpoint, MarketEndpoints
from cadenza.adapters.venues.binance.models import (
    BinanceMarginAccount,
    BinanceSpotAccount,
    BinanceSpotOrder,
    BinanceSpotTrade,
)
from cadenza.adapters.venues.binance.orders import cancel_request, margin_order, query_request, spot_order
from cadenza.adapters.venues.binance.parse import AccountScope, UserNews
from cadenza.adapters.venues.binance.requests import BinanceRequest
from cadenza.adapters.venues.kit.account_reading import ReadMoney
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.payloads import decode, decode_list
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import InvalidLeverage
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    FillReport,
    Report,
    UnreadableReport,
)

L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class ReadOrders:
    """Orders of a list with the highest of their numbers, and the lines that could not be read. `count` is that of
    all lines. `triggered` are the ids of those that conditional orders have become."""

    facts: tuple[OrderFacts, ...]
    unreadable: tuple[UnreadableReport, ...]
    count: int
    last_id: int
    triggered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadLinks:
    """What conditional orders of a list have become: reports that give them their present ids. `became` are all such
    ids, also those of orders that are not reported before they are triggered. `last_id` is the highest number of a
    conditional order in it."""

    reports: tuple[AcceptedReport, ...]
    became: frozenset[str]
    count: int
    last_id: int


@dataclass(frozen=True, slots=True)
class ReadTrades:
    """Executions of a list, as `ReadOrders`."""

    fills: tuple[FillReport, ...]
    unreadable: tuple[UnreadableReport, ...]
    count: int
    last_id: int


class MarketDialect(Protocol):
    """One market. Methods that read raise `UnreadablePayload` when the text as a whole cannot be read."""

    @property
    def endpoints(self) -> MarketEndpoints: ...

    @property
    def account_type(self) -> AccountType: ...

    @property
    def depth_ms(self) -> int | None:
        """How far back past orders and executions reach; None: to the first one."""

    @property
    def order_trades_span_ms(self) -> int | None:
        """The longest span of one request for the executions of an order; None where it reaches to the first one."""

    @property
    def account_readings(self) -> Sequence[BinanceEndpoint]:
        """The requests that together show balances and positions."""

    @property
    def states_locked_in_stream(self) -> bool:
        """Whether the stream states how much of a balance is locked. Where it does not, the account is read after each
        word about money or orders. The venue moves the locked amounts there as the market moves, and the stream does
        not state that, so they are not compared with the stream; open orders are compared instead."""

    @property
    def locks_for_orders(self) -> bool:
        """Whether every open order locks something of a balance, so that an account with nothing locked has none."""

    @property
    def open_order_readings(self) -> Sequence[BinanceEndpoint]:
        """The requests that together list the open orders."""

    def submit(self, order: Order, instrument: Instrument, time: RequestInstant) -> BinanceRequest:
        """Return the request for a new order. Raises the domain's causes for what the market lacks."""

    def cancel(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest: ...

    def query(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest: ...

    def submitted(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]: ...

    def canceled(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]: ...

    def canceled_all(self, body: bytes, scope: AccountScope, orders: Sequence[Order]) -> Sequence[Report]:
        """Read the answer to `MarketEndpoints.cancel_all`: what it says of these orders."""

    def order(self, body: bytes, scope: AccountScope) -> OrderFacts:
        """Read the answer to a question about one order."""

    def question(self, venue_order_id: str) -> tuple[BinanceEndpoint, Parameters] | None:
        """Return the question about an order of which only the venue's id is known; None when no order has such an
        id."""

    def became(self, body: bytes) -> int | None:
        """Return the number of the order that a conditional order has become, by the answer to a question about it;
        None where the answer says all."""

    def orders(self, body: bytes, scope: AccountScope) -> ReadOrders: ...

    @property
    def conditional_orders(self) -> BinanceEndpoint | None:
        """The request for past conditional orders of a symbol; None where a triggered order keeps its id."""

    def links(self, body: bytes, scope: AccountScope) -> ReadLinks:
        """Read the answer to `conditional_orders`. A line that cannot be read links nothing."""

    def trades(self, body: bytes, scope: AccountScope) -> ReadTrades: ...

    def money(self, bodies: Sequence[bytes], scope: AccountScope, at_ms: int) -> ReadMoney:
        """Read the answers to `account_readings`."""

    def open_orders(self, bodies: Sequence[bytes], scope: AccountScope) -> ReadOrders:
        """Read the answers to `open_order_readings`."""

    def news(self, frame: bytes, scope: AccountScope) -> UserNews: ...


class SpotDialect:
    """Spot."""

    endpoints: MarketEndpoints = SPOT
    account_type = AccountType.SPOT
    depth_ms: int | None = None
    order_trades_span_ms: int | None = None
    states_locked_in_stream = True
    locks_for_orders = True
    conditional_orders: BinanceEndpoint | None = None

    @property
    def account_readings(self) -> Sequence[BinanceEndpoint]:
        return (self.endpoints.account,)

    @property
    def open_order_readings(self) -> Sequence[BinanceEndpoint]:
        return (self.endpoints.open_orders,)

    def submit(self, order: Order, instrument: Instrument, time: RequestInstant) -> BinanceRequest:
        if order.leverage not in (None, 1):
            raise InvalidLeverage("BINANCE spot has no leverage")
        return spot_order(order, instrument, time)

    def cancel(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
        return cancel_request(order, symbol, time)

    def query(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
        return query_request(order, symbol, time)

    def submitted(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]:
        return parse_spot.submit_reports(decode(BinanceSpotOrder, body), scope, order)

    def canceled(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]:
        return parse_spot.cancel_reports(decode(BinanceSpotOrder, body), scope, order)

    def canceled_all(self, body: bytes, scope: AccountScope, orders: Sequence[Order]) -> Sequence[Report]:
        return parse_spot.cancel_all_reports(body, scope, orders)

    def order(self, body: bytes, scope: AccountScope) -> OrderFacts:
        return parse_spot.facts_of_order(decode(BinanceSpotOrder, body), scope)

    def question(self, venue_order_id: str) -> tuple[BinanceEndpoint, Parameters] | None:
        number = order_number(venue_order_id)
        return None if number is None else (self.endpoints.order, {"orderId": number})

    def became(self, body: bytes) -> int | None:
        """A stop keeps its number when it is triggered."""
        return None

    def orders(self, body: bytes, scope: AccountScope) -> ReadOrders:
        return read_orders(body, scope, self._facts)

    def links(self, body: bytes, scope: AccountScope) -> ReadLinks:
        return ReadLinks((), frozenset(), 0, 0)

    def trades(self, body: bytes, scope: AccountScope) -> ReadTrades:
        return read_trades(body, scope, self._fill)

    def money(self, bodies: Sequence[bytes], scope: AccountScope, at_ms: int) -> ReadMoney:
        (account,) = bodies
        return ReadMoney(parse_spot.spot_balances(decode(BinanceSpotAccount, account), scope, at_ms), ())

    def open_orders(self, bodies: Sequence[bytes], scope: AccountScope) -> ReadOrders:
        (listed,) = bodies
        return self.orders(listed, scope)

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
    locks_for_orders = False  # the venue does not say that an order that borrows has borrowed before it executes
    account_type = AccountType.MARGIN

    def submit(self, order: Order, instrument: Instrument, time: RequestInstant) -> BinanceRequest:
        return margin_order(order, instrument, time)

    def cancel(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
        return cancel_request(order, symbol, time, is_margin=True)

    def query(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
        return query_request(order, symbol, time, is_margin=True)

    def money(self, bodies: Sequence[bytes], scope: AccountScope, at_ms: int) -> ReadMoney:
        (account,) = bodies
        return ReadMoney(parse_spot.margin_balances(decode(BinanceMarginAccount, account), scope, at_ms), ())


def order_number(text: str) -> int | None:
    """Return the number that an id of the matching engine is; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() else None


def read_orders(
    body: bytes, scope: AccountScope, read: Callable[[msgspec.Raw, AccountScope], OrderFacts]
) -> ReadOrders:
    """Read a list of orders, each line by itself. Raises `UnreadablePayload` when it is no list."""
    lines = decode_list(msgspec.Raw, body)
    found = [_line(line, scope, read) for line in lines]
    facts = tuple(each for each in found if isinstance(each, OrderFacts))
    odd = tuple(each for each in found if isinstance(each, UnreadableReport))
    numbers = (int(each.venue_order_id) for each in facts if each.venue_order_id.isdigit())
    return ReadOrders(facts, odd, len(lines), max(numbers, default=0))


def read_trades(
    body: bytes, scope: AccountScope, read: Callable[[msgspec.Raw, AccountScope], tuple[FillReport, int]]
) -> ReadTrades:
    """Read a list of executions, each line by itself; `read` returns one with its number. Raises `UnreadablePayload`
    when it is no list."""
    lines = decode_list(msgspec.Raw, body)
    found = [_line(line, scope, read) for line in lines]
    fills = tuple(each[0] for each in found if isinstance(each, tuple))
    odd = tuple(each for each in found if isinstance(each, UnreadableReport))
    last_id = max((each[1] for each in found if isinstance(each, tuple)), default=0)
    return ReadTrades(fills, odd, len(lines), last_id)


def _line(
    line: msgspec.Raw, scope: AccountScope, read: Callable[[msgspec.Raw, AccountScope], L]
) -> L | UnreadableReport:
    """Read one line of a list; the others go on without it."""
    try:
        return read(line, scope)
    except UnreadablePayload as error:
        return unreadable(scope.account_id, bytes(line), error)
