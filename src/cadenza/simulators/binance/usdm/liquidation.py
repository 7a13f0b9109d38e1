"""Liquidation: the venue closes positions whose margin no longer covers their maintenance."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ONE, ZERO, divide
from cadenza.simulators.binance.usdm.algo import AlgoService
from cadenza.simulators.binance.usdm.exchange import LIQUIDATED, FuturesExchange
from cadenza.simulators.binance.usdm.records import FuturesOrder, FuturesOrderRequest, FuturesPosition
from cadenza.simulators.binance.usdm.symbols import TAKER_RATE

CLIENT_ID_PREFIX = "autoclose-"


class Liquidator:
    """It cancels the open orders of the positions in question, sells at the bankruptcy price or better, and lets the
    insurance take over the rest at that price. No wallet ends below zero."""

    def __init__(self, exchange: FuturesExchange, algos: AlgoService) -> None:
        self._exchange = exchange
        self._algos = algos
        self._number = 0

    def check(self, at_ms: int) -> list[FuturesOrder]:
        """Liquidate what has to be, and return the orders that did it."""
        orders: list[FuturesOrder] = []
        for account in self._exchange.ledger.accounts():
            for asset in dict.fromkeys(symbol.margin_asset for symbol in self._exchange.symbols.values()):
                orders += self._check_wallet(account, asset, at_ms)
        return orders

    def _check_wallet(self, account: str, asset: str, at_ms: int) -> list[FuturesOrder]:
        exchange, ledger = self._exchange, self._exchange.ledger
        held = [
            position
            for position in ledger.positions(account)
            if exchange.symbols[position.symbol].margin_asset == asset
        ]
        isolated = [position for position in held if ledger.setting(account, position.symbol).is_isolated]
        cross = [position for position in held if position not in isolated]
        failed = [each for each in isolated if each.isolated + ledger.unrealized(each) < ledger.maintenance(each)]
        margin = ledger.margin(account, asset)
        if cross and margin.equity < margin.maintenance:
            failed += cross
        if not failed:
            return []
        prices = {position.key: self._bankruptcy_price(position, margin.equity, cross) for position in failed}
        for name in dict.fromkeys(position.symbol for position in failed):
            for order in exchange.registry.open_orders(account, name):
                exchange.expire(order, LIQUIDATED, at_ms)
            self._algos.expire_all(account, name, at_ms)
        orders = [self._close(position, prices[position.key], at_ms) for position in failed]
        debt = -ledger.wallet(account, asset)
        if debt > 0:
            ledger.move(account, asset, debt, "INSURANCE_CLEAR", at_ms)
            exchange.note_account(account, "INSURANCE_CLEAR", at_ms, failed[0].symbol, debt, has_positions=False)
        return orders

    def _bankruptcy_price(self, position: FuturesPosition, equity: Decimal, cross: list[FuturesPosition]) -> Decimal:
        """Return the price at which closing the position, fee included, uses up its margin, in whole ticks and in the
        account's favour. Cross positions share the equity by their value."""
        ledger, symbol = self._exchange.ledger, self._exchange.symbols[position.symbol]
        sign = 1 if position.amount > 0 else -1
        if position in cross:
            total = sum((ledger.notional(each) for each in cross), ZERO)
            own = equity * divide(ledger.notional(position), total)
        else:
            own = position.isolated + ledger.unrealized(position)
        value = ledger.notional(position) - sign * own
        exact = divide(value, abs(position.amount) * (ONE - sign * TAKER_RATE))
        ticks = (exact / symbol.tick).to_integral_value(ROUND_CEILING if sign > 0 else ROUND_FLOOR)
        return max(ticks, ONE) * symbol.tick

    def _close(self, position: FuturesPosition, price: Decimal, at_ms: int) -> FuturesOrder:
        self._number += 1
        request = FuturesOrderRequest(
            symbol=position.symbol,
            side=Side.SELL if position.amount > 0 else Side.BUY,
            position_side=position.side,
            type="LIQUIDATION",
            time_in_force="IOC",
            quantity=abs(position.amount),
            price=price,
            is_reduce_only=True,
            is_liquidation=True,
        )
        id = f"{CLIENT_ID_PREFIX}{at_ms}{self._number:03d}"
        return self._exchange.place(position.account, request, id, at_ms)
