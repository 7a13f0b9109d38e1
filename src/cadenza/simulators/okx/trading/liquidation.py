"""Liquidation: the venue closes positions whose margin no longer covers their maintenance."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO
from cadenza.simulators.okx.trading.exchange import LIQUIDATED, OkxExchange
from cadenza.simulators.okx.trading.ledger import LIQUIDATION, OkxLedger
from cadenza.simulators.okx.trading.positions import maintenance_margin, profit_at
from cadenza.simulators.okx.trading.records import OkxBill, SimulatedOrder, SimulatedPosition

FULL_LIQUIDATION, ADL = "full_liquidation", "adl"


class OkxLiquidator:
    """It cancels the open orders of the positions in question and takes the positions over at their mark price, outside
    the book. What is lost beyond the margin, the insurance pays."""

    def __init__(self, exchange: OkxExchange) -> None:
        self._exchange = exchange

    def check(self, symbol: str, at_ms: int) -> None:
        """Liquidate what a price of an instrument has made too weak. Options are left alone."""
        asset = self._exchange.instruments[symbol].margin_asset
        ledger = self._exchange.ledger
        for account in ledger.accounts():
            held = [each for each in ledger.positions(account) if self._is_of(each, asset)]
            failed = [each for each in held if each.mode == "isolated" and self._is_weak(each)]
            cross = [each for each in held if each.mode == "cross"]
            if cross and _is_cross_weak(ledger, account, asset):
                failed += cross
            for position in failed:
                self.close(position, FULL_LIQUIDATION, at_ms)
            debt = -ledger.figures(account, asset).cash
            if failed and debt > 0 and not ledger.is_multi(account):
                self._pay(account, asset, debt, at_ms)

    def close(self, position: SimulatedPosition, category: str, at_ms: int) -> SimulatedOrder:
        """Take a position over at its mark price, by an order of the venue's own whose execution has a negative id."""
        exchange = self._exchange
        for order in exchange.registry.open_orders(position.account, position.symbol):
            exchange.cancel(order, LIQUIDATED, at_ms)
        price, quantity = exchange.mark(position.symbol), abs(position.amount)
        instrument = exchange.instruments[position.symbol]
        order = SimulatedOrder(
            symbol=position.symbol,
            order_id=exchange.next_id(),
            account=position.account,
            client_order_id="",
            tag="",
            instrument_type=instrument.position_type,
            trade_mode=position.mode,
            side=Side.SELL if position.amount > 0 else Side.BUY,
            position_side=position.side,
            type="market",
            price=None,
            size=quantity,
            target="",
            quantity=quantity,
            is_reduce_only=True,
            stp_mode="cancel_maker",
            lever=exchange.ledger.lever(position.account, position.symbol, position.mode, position.side),
            state="live",
            fee_asset=instrument.margin_asset,
            category=category,
            created_ms=at_ms,
            updated_ms=at_ms,
        )
        return exchange.take_over(order, price, at_ms)

    def _is_of(self, position: SimulatedPosition, asset: str) -> bool:
        instrument = self._exchange.instruments[position.symbol]
        return instrument.margin_asset == asset and not instrument.is_option

    def _is_weak(self, position: SimulatedPosition) -> bool:
        instrument, mark = self._exchange.instruments[position.symbol], self._exchange.mark(position.symbol)
        return position.margin + profit_at(position, instrument, mark) < maintenance_margin(position, instrument, mark)

    def _pay(self, account: str, asset: str, amount: Decimal, at_ms: int) -> None:
        self._exchange.ledger.move(
            OkxBill(
                bill_id=0,
                account=account,
                asset=asset,
                change=amount,
                after=amount,
                type=LIQUIDATION,
                subtype="105",
                at_ms=at_ms,
            )
        )


def _is_cross_weak(ledger: OkxLedger, account: str, asset: str) -> bool:
    """Whether the equity behind the cross positions of an asset, or of all assets together, is less than they need."""
    if not ledger.is_multi(account):
        figures = ledger.figures(account, asset)
        return figures.cash - figures.isolated + figures.cross_profit < figures.maintenance
    every = [ledger.figures(account, each) for each in ledger.assets(account)]
    equity = sum((ledger.in_dollars(each.asset, each.equity - each.isolated) for each in every), ZERO)
    return equity < sum((ledger.in_dollars(each.asset, each.maintenance) for each in every), ZERO)
