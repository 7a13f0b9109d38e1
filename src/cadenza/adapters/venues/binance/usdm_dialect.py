"""USD-M futures: its requests, and its payloads as reports. Pure, but that a dialect remembers the leverages that its
account was stated to have: the stream and the list of positions do not name them."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from cadenza.adapters.venues.binance import mapping, parse_usdm
from cadenza.adapters.venues.binance.credential import Parameters
from cadenza.adapters.venues.binance.dialects import ReadLinks, ReadOrders, ReadTrades, order_number
from cadenza.adapters.venues.binance.dialects import read_orders as read_lines_of_orders
from cadenza.adapters.venues.binance.dialects import read_trades as read_lines_of_trades
from cadenza.adapters.venues.binance.endpoints import (
    USDM,
    USDM_ALGO_ORDER,
    USDM_OPEN_ALGO_ORDERS,
    USDM_PAST_ALGO_ORDERS,
    USDM_POSITIONS,
    USDM_SYMBOL_SETTINGS,
    BinanceEndpoint,
    MarketEndpoints,
)
from cadenza.adapters.venues.binance.models_usdm import (
    AlgoCanceled,
    AlgoOrder,
    UsdmAccount,
    UsdmOrder,
    UsdmPosition,
    UsdmSymbolSetting,
    UsdmTrade,
)
from cadenza.adapters.venues.binance.orders import (
    is_in_algo_service,
    usdm_cancel_request,
    usdm_order,
    usdm_query_request,
)
from cadenza.adapters.venues.binance.parse import AccountScope, UserNews
from cadenza.adapters.venues.binance.requests import BinanceRequest
from cadenza.adapters.venues.binance.spec import USDM_DEPTH_MS, USDM_SPAN_MS
from cadenza.adapters.venues.kit.account_reading import ReadMoney
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.adapters.venues.kit.payloads import decode, decode_list
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType, PositionMode
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    FillReport,
    PositionReport,
    Report,
    UnreadableReport,
)

NOT_STATED = 0
"""The instant of a report that the venue does not state. The session fills in the venue's time."""


class _AlgoMark(msgspec.Struct, frozen=True, kw_only=True):
    """What distinguishes the answers of the algo service from those of the matching engine."""

    algo_id: int | None = msgspec.field(name="algoId", default=None)


class UsdmDialect:
    """Implements `MarketDialect` for an account with these positions."""

    endpoints: MarketEndpoints = USDM
    account_type = AccountType.FUTURES
    depth_ms: int | None = USDM_DEPTH_MS
    order_trades_span_ms: int | None = USDM_SPAN_MS
    conditional_orders: BinanceEndpoint | None = USDM_PAST_ALGO_ORDERS
    account_readings: Sequence[BinanceEndpoint] = (USDM.account, USDM_POSITIONS, USDM_SYMBOL_SETTINGS)
    states_locked_in_stream = False
    locks_for_orders = False
    open_order_readings: Sequence[BinanceEndpoint] = (USDM.open_orders, USDM_OPEN_ALGO_ORDERS)

    def __init__(self, position_mode: PositionMode) -> None:
        self._position_mode = position_mode
        self._leverages: dict[str, int] = {}

    def submit(self, order: Order, instrument: Instrument, time: RequestInstant) -> BinanceRequest:
        return usdm_order(order, instrument, time, self._position_mode)

    def cancel(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
        return usdm_cancel_request(order, symbol, time)

    def query(self, order: Order, symbol: str, time: RequestInstant) -> BinanceRequest:
        return usdm_query_request(order, symbol, time)

    def submitted(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]:
        if _is_algo(body):
            return parse_usdm.algo_reports(decode(AlgoOrder, body), scope, order)
        return parse_usdm.submit_reports(decode(UsdmOrder, body), scope, order)

    def canceled_all(self, body: bytes, scope: AccountScope, orders: Sequence[Order]) -> Sequence[Report]:
        """The venue's request for that says nothing of the orders, so it is not used."""
        return ()

    def canceled(self, body: bytes, scope: AccountScope, order: Order) -> Sequence[Report]:
        """A conditional order that could be canceled was not triggered, so it executed nothing. The reply does not say
        when (`NOT_STATED`)."""
        if not is_in_algo_service(order):
            return parse_usdm.cancel_reports(decode(UsdmOrder, body), scope, order)
        reply = decode(AlgoCanceled, body)
        number = f"{mapping.ALGO_PREFIX}{reply.algo_id}"
        is_same = reply.client_algo_id == order.sent_id if order.venue_order_id is None else number in _ids(order)
        if not is_same:
            raise UnreadablePayload("the reply is about another order")
        return (
            CanceledReport(
                **names_of(order),
                at_ms=NOT_STATED,
                venue_order_id=number,
                reason=CancelReason.USER,
                executed_quantity=ZERO,
            ),
        )

    def order(self, body: bytes, scope: AccountScope) -> OrderFacts:
        if _is_algo(body):
            return parse_usdm.facts_of_algo(decode(AlgoOrder, body), scope)
        return parse_usdm.facts_of_order(decode(UsdmOrder, body), scope)

    def question(self, venue_order_id: str) -> tuple[BinanceEndpoint, Parameters] | None:
        if venue_order_id.startswith(mapping.ALGO_PREFIX):
            number = order_number(venue_order_id.removeprefix(mapping.ALGO_PREFIX))
            return None if number is None else (USDM_ALGO_ORDER, {"algoId": number})
        number = order_number(venue_order_id)
        return None if number is None else (self.endpoints.order, {"orderId": number})

    def became(self, body: bytes) -> int | None:
        if not _is_algo(body):
            return None
        number = decode(AlgoOrder, body).actual_order_id
        return int(number) if number.isdigit() and int(number) else None

    def orders(self, body: bytes, scope: AccountScope) -> ReadOrders:
        triggered: set[str] = set()

        def read(line: msgspec.Raw, scope: AccountScope) -> OrderFacts:
            facts = self._facts(line, scope)
            if not _is_algo(bytes(line)) and parse_usdm.is_triggered(decode(UsdmOrder, bytes(line))):
                triggered.add(facts.venue_order_id)
            return facts

        found = read_lines_of_orders(body, scope, read)
        return replace(found, triggered=frozenset(triggered))

    def links(self, body: bytes, scope: AccountScope) -> ReadLinks:
        reports: list[AcceptedReport] = []
        became: set[str] = set()
        last_id = 0
        lines = decode_list(msgspec.Raw, body)
        for line in lines:
            try:
                algo = decode(AlgoOrder, bytes(line))
                last_id = max(last_id, algo.algo_id)
                became.add(algo.actual_order_id)
                if (link := parse_usdm.link_of(algo, scope)) is not None:
                    reports.append(link)
            except UnreadablePayload:
                continue
        return ReadLinks(tuple(reports), frozenset(became), len(lines), last_id)

    def trades(self, body: bytes, scope: AccountScope) -> ReadTrades:
        return read_lines_of_trades(body, scope, self._fill)

    def money(self, bodies: Sequence[bytes], scope: AccountScope, at_ms: int) -> ReadMoney:
        """A position or setting that cannot be read leaves the others, such as one of a symbol that the venue listed
        after our reading of its catalogue."""
        account, positions, settings = bodies
        leverages: dict[str, int] = {}
        shown: list[PositionReport] = []
        odd: list[UnreadableReport] = []
        for line in decode_list(msgspec.Raw, settings):
            try:
                setting = decode(UsdmSymbolSetting, line)
                leverages[setting.symbol] = setting.leverage
            except UnreadablePayload as error:
                odd.append(unreadable(scope.account_id, bytes(line), error))
        for line in decode_list(msgspec.Raw, positions):
            try:
                shown += parse_usdm.usdm_positions([decode(UsdmPosition, line)], scope, at_ms, leverages)
            except UnreadablePayload as error:
                odd.append(unreadable(scope.account_id, _steady(line), error))
        self._leverages = leverages
        balances = parse_usdm.usdm_balances(decode(UsdmAccount, account), scope, at_ms)
        return ReadMoney(balances, tuple(shown), tuple(odd))

    def open_orders(self, bodies: Sequence[bytes], scope: AccountScope) -> ReadOrders:
        """A conditional order that closes a whole position has no quantity, and is left out until it is triggered. One
        that is being triggered keeps its id here: a list of open orders cannot say that an order was renamed."""
        listed, conditional = (self.orders(body, scope) for body in bodies)
        waiting = tuple(_as_waiting(facts) for facts in conditional.facts if facts.quantity)
        return ReadOrders(
            (*listed.facts, *waiting),
            (*listed.unreadable, *conditional.unreadable),
            listed.count + conditional.count,
            listed.last_id,
            listed.triggered,
        )

    def news(self, frame: bytes, scope: AccountScope) -> UserNews:
        self._leverages |= parse_usdm.leverage_news(frame)
        return parse_usdm.user_news(frame, scope, self._leverages)

    def _facts(self, line: msgspec.Raw, scope: AccountScope) -> OrderFacts:
        return self.order(bytes(line), scope)

    def _fill(self, line: msgspec.Raw, scope: AccountScope) -> tuple[FillReport, int]:
        trade = decode(UsdmTrade, line)
        return parse_usdm.fill_report(trade, scope), trade.id


_STEADY = ("symbol", "positionSide", "positionAmt", "entryPrice")
"""What changes in a line of `positionRisk` only with the position. The other fields move with the market."""


def _steady(line: msgspec.Raw) -> bytes:
    """Return the part of a position that stays the same while the position does, so that the same position that cannot
    be read makes the same report at each reading."""
    try:
        fields = decode(dict[str, msgspec.Raw], line)
    except UnreadablePayload:
        return bytes(line)
    return msgspec.json.encode({name: fields[name] for name in _STEADY if name in fields})


def _as_waiting(facts: OrderFacts) -> OrderFacts:
    former_id = facts.former_venue_order_id
    return facts if former_id is None else replace(facts, venue_order_id=former_id, former_venue_order_id=None)


def _ids(order: Order) -> tuple[str | None, ...]:
    return order.venue_order_id, *order.former_venue_order_ids


def _is_algo(body: bytes) -> bool:
    return decode(_AlgoMark, body).algo_id is not None
