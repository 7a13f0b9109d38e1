"""From a request to an order: the account's mode, the instrument's limits and the funds."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, is_multiple
from cadenza.simulators.okx.instruments import MARGIN, SPOT, SimulatedInstrument
from cadenza.simulators.okx.settings import FUTURES_MODE, SPOT_MODE
from cadenza.simulators.okx.trading.checks import (
    MARKET_TYPES,
    check_closing,
    check_size,
    check_state,
    checked_price,
)
from cadenza.simulators.okx.trading.exchange import OkxExchange
from cadenza.simulators.okx.trading.ledger import spent_asset
from cadenza.simulators.okx.trading.records import QUOTE_UNITS, OkxOrderRequest, SimulatedOrder
from cadenza.simulators.okx.wire.errors import (
    OkxOrderRefusal,
    duplicate_id,
    insufficient,
    insufficient_margin,
    unknown_instrument,
    wrong_field,
    wrong_mode,
)

OPEN_ORDERS_MAX, OPEN_ORDERS_PER_INSTRUMENT_MAX = 4_000, 500


class OrderDesk:
    """Takes orders for the exchange. Raises `OkxOrderRefusal`, and then nothing has changed."""

    def __init__(self, exchange: OkxExchange) -> None:
        self._exchange = exchange
        self._ledger = exchange.ledger

    def instrument(self, inst_id: str) -> SimulatedInstrument:
        """Return a listed instrument."""
        found = self._exchange.instruments.get(inst_id)
        if found is None or inst_id not in self._exchange.states:
            raise unknown_instrument()
        return found

    def place(self, account: str, request: OkxOrderRequest, at_ms: int) -> SimulatedOrder:
        """Accept and execute an order."""
        instrument = self.instrument(request.symbol)
        self.check_mode(account, instrument, request.trade_mode, request.position_side, request.instrument_type)
        check_state(self._exchange.states[instrument.name])
        self._check_open(account, request)
        check_size(instrument, request)
        price = request.price
        if price is not None:
            price = checked_price(instrument, request.side, price, self._exchange.mark(instrument.name))
        order = self._order(account, instrument, request, price, at_ms)
        if not order.is_spot and order.target == QUOTE_UNITS:
            order = self._traded_for(order, instrument, order.size)
        if order.closes_only and not order.is_spot:
            check_closing(self._ledger, self._exchange.registry.open_orders(account, order.symbol), order)
            return self._exchange.place(order, at_ms)
        if order.is_spot:
            order = self._funded(order, instrument, request)
        else:
            self._check_margin(order, instrument)
        return self._exchange.place(order, at_ms)

    def amend(
        self, order: SimulatedOrder, size: Decimal, price: Decimal, request_id: str, at_ms: int
    ) -> SimulatedOrder:
        """Change size and price of an open order. What it needs more must be there, as for a new one."""
        instrument = self._exchange.instruments[order.symbol]
        price = checked_price(instrument, order.side, price, self._exchange.mark(order.symbol))
        if size < instrument.least or not is_multiple(size, instrument.lot):
            raise OkxOrderRefusal("51121", "Order quantity must be a multiple of the lot size.")
        wanted = evolve(order, quantity=max(size, order.executed), price=price)
        if order.is_spot:
            asset = spent_asset(instrument, order)
            more = self._needed(evolve(wanted, quantity=wanted.remaining), instrument)
            more -= self._needed(evolve(order, quantity=order.remaining), instrument)
            if more > self._ledger.spendable(order.account, asset):
                raise insufficient(asset)
        elif order.closes_only:
            pending = self._exchange.registry.open_orders(order.account, order.symbol)
            check_closing(self._ledger, pending, evolve(wanted, quantity=wanted.remaining))
        else:
            self._check_margin(wanted, instrument)
        return self._exchange.amend(order, size, price, request_id, at_ms)

    def order_type(self, account: str, instrument: SimulatedInstrument, trade_mode: str) -> str:
        """Return under which instrument type an order is listed: in futures mode a pair is traded on margin too."""
        if not instrument.is_spot:
            return instrument.type
        is_margin = trade_mode == "isolated" or (trade_mode == "cross" and not self._ledger.is_multi(account))
        return MARGIN if is_margin else SPOT

    def check_mode(self, account: str, instrument: SimulatedInstrument, mode: str, side: str, type: str) -> None:
        """Check what the account's level and position mode allow."""
        level = self._ledger.mode(account).level
        if instrument.is_spot:
            self._check_pair_mode(instrument, level, mode, type)
        elif mode == "cash":
            raise wrong_field("tdMode")
        elif level == SPOT_MODE:
            raise wrong_mode()
        hedges = self._ledger.is_hedged(account) and not instrument.is_spot and not instrument.is_option
        if hedges != (side in ("long", "short")):
            raise wrong_field("posSide")

    def _check_pair_mode(self, instrument: SimulatedInstrument, level: str, mode: str, type: str) -> None:
        if type == MARGIN:
            if level == SPOT_MODE or not instrument.lever:
                raise wrong_mode()
            return
        expected = "cash" if level in (SPOT_MODE, FUTURES_MODE) else "cross"
        if mode != expected:
            raise wrong_field("tdMode")

    def _check_open(self, account: str, request: OkxOrderRequest) -> None:
        pending = self._exchange.registry.open_orders(account)
        if request.client_order_id and any(order.client_order_id == request.client_order_id for order in pending):
            raise duplicate_id()
        here = sum(order.symbol == request.symbol for order in pending)
        if len(pending) >= OPEN_ORDERS_MAX or here >= OPEN_ORDERS_PER_INSTRUMENT_MAX:
            raise OkxOrderRefusal("51025", "Order count exceeds the limit.")

    def _order(
        self, account: str, instrument: SimulatedInstrument, request: OkxOrderRequest, price: Decimal | None, at_ms: int
    ) -> SimulatedOrder:
        side = request.position_side
        has_lever = request.instrument_type != SPOT and not instrument.is_option
        return SimulatedOrder(
            symbol=request.symbol,
            order_id=self._exchange.next_id(),
            account=account,
            client_order_id=request.client_order_id,
            tag=request.tag,
            instrument_type=request.instrument_type,
            trade_mode=request.trade_mode,
            side=request.side,
            position_side=side,
            type=request.type,
            price=price,
            size=request.size,
            target=request.target,
            quantity=ZERO if request.target == QUOTE_UNITS else request.size,
            is_reduce_only=request.is_reduce_only,
            stp_mode=request.stp_mode,
            lever=self._ledger.lever(account, request.symbol, request.trade_mode, side) if has_lever else None,
            state="live",
            fee_asset=_fee_asset(instrument, request),
            algo_id=request.algo_id,
            algo_client_id=request.algo_client_id,
            source=request.source,
            created_ms=at_ms,
            updated_ms=at_ms,
        )

    # Funds

    def _funded(
        self, order: SimulatedOrder, instrument: SimulatedInstrument, request: OkxOrderRequest
    ) -> SimulatedOrder:
        """Return an order of spot that the account can pay. A market order may be shrunk to the funds."""
        asset = spent_asset(instrument, order)
        left = self._ledger.spendable(order.account, asset)
        if order.target == QUOTE_UNITS and order.side is Side.SELL:
            order = self._traded_for(order, instrument, order.size)
        elif order.target == QUOTE_UNITS:
            spends = min(order.size, left) if not request.bans_amend else order.size
            if spends > left or not spends:
                raise insufficient(asset)
            return self._traded_for(order, instrument, spends)
        needed = self._needed(order, instrument)
        if needed <= left:
            return order
        if order.type not in MARKET_TYPES or request.bans_amend:
            raise insufficient(asset)
        shrunk = order.quantity * left / needed
        quantity = (shrunk / instrument.lot).to_integral_value(ROUND_DOWN) * instrument.lot
        if quantity < instrument.least:
            raise insufficient(asset)
        return evolve(order, quantity=quantity)

    def _needed(self, order: SimulatedOrder, instrument: SimulatedInstrument) -> Decimal:
        if order.side is Side.SELL:
            return order.quantity
        if order.price is not None:
            return order.quantity * order.price
        quantity, cost = self._exchange.fillable(order)
        missing = order.quantity - quantity
        return cost + missing * self._exchange.last_price(instrument.name)

    def _traded_for(self, order: SimulatedOrder, instrument: SimulatedInstrument, amount: Decimal) -> SimulatedOrder:
        """Return a market order for what an amount of the quote asset buys now, or what has to be sold for it."""
        left, quantity = amount, ZERO
        for price, shown in self._exchange.depth(instrument.name, order.side.opposite, 5_000):
            affordable = (left / price / instrument.lot).to_integral_value(ROUND_DOWN) * instrument.lot
            taken = min(shown, affordable)
            quantity += taken
            left -= taken * price
            if taken < shown:
                break
        if quantity < instrument.least:
            raise OkxOrderRefusal("51020", "Your order should meet or exceed the minimum order amount.")
        return evolve(order, quantity=quantity)

    def _check_margin(self, order: SimulatedOrder, instrument: SimulatedInstrument) -> None:
        ledger, symbol = self._ledger, instrument.name
        price = order.price or self._exchange.mark(symbol)
        added = ledger.order_margin(order.account, symbol, (order, price))
        needed = added - ledger.order_margin(order.account, symbol)
        if needed > ledger.margin_left(order.account, instrument.margin_asset):
            raise insufficient_margin(instrument.margin_asset)


def _fee_asset(instrument: SimulatedInstrument, request: OkxOrderRequest) -> str:
    """Return the asset that fees of an order are in, known before it executes."""
    if request.instrument_type != SPOT:
        return instrument.margin_asset
    return instrument.base if request.side is Side.BUY else instrument.quote
