"""User events of USD-M as the venue writes them."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ZERO, to_plain
from cadenza.simulators.binance.usdm.payloads import Payload
from cadenza.simulators.binance.usdm.records import (
    AlgoChange,
    FuturesAccountChange,
    FuturesExecution,
    FuturesPositionChange,
    LeverageChange,
)
from cadenza.simulators.binance.usdm.symbols import STP_MODE, FuturesSymbol
from cadenza.simulators.binance.wire.numbers import fixed


def order_trade_update(
    execution: FuturesExecution, symbol: FuturesSymbol, values: tuple[Decimal, Decimal], at_ms: int
) -> Payload:
    """`values` are what the account's open orders of the symbol are worth: those to buy, those to sell."""
    order, trade = execution.order, execution.trade
    row: Payload = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side.value,
        "o": order.type,
        "f": order.time_in_force,
        "q": symbol.quantity(order.quantity),
        "p": symbol.price(order.price),
        "ap": to_plain(order.average_price),
        "sp": symbol.price(order.stop_price),
        "x": execution.type,
        "X": order.status,
        "i": order.order_id,
        "l": symbol.quantity(ZERO if trade is None else trade.quantity),
        "z": symbol.quantity(order.executed),
        "L": symbol.price(ZERO if trade is None else trade.price),
        "n": "0" if trade is None else fixed(trade.commission),
        "N": symbol.margin_asset,
        "T": order.updated_ms,
        "t": 0 if trade is None else trade.trade_id,
        "b": to_plain(values[0]),
        "a": to_plain(values[1]),
        "m": trade is not None and trade.is_maker,
        "R": order.is_reduce_only,
        "wt": order.working_type,
        "ot": order.original_type,
        "ps": order.position_side,
        "cp": order.is_closing_all,
        "rp": "0" if trade is None else fixed(trade.realized),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": STP_MODE,
        "pm": "NONE",
        "gtd": order.good_till_ms or 0,
        "er": order.expiry_reason,
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": order.updated_ms, "o": row}


def trade_lite(execution: FuturesExecution, symbol: FuturesSymbol, at_ms: int) -> Payload:
    order, trade = execution.order, execution.trade
    assert trade is not None
    return {
        "e": "TRADE_LITE",
        "E": at_ms,
        "T": trade.at_ms,
        "s": order.symbol,
        "q": symbol.quantity(order.quantity),
        "p": symbol.price(order.price),
        "m": trade.is_maker,
        "c": order.client_order_id,
        "S": order.side.value,
        "L": symbol.price(trade.price),
        "l": symbol.quantity(trade.quantity),
        "t": trade.trade_id,
        "i": order.order_id,
    }


def account_update(change: FuturesAccountChange, at_ms: int) -> Payload:
    wallets = [
        {"a": each.asset, "wb": fixed(each.balance), "cw": fixed(each.cross), "bc": fixed(each.change)}
        for each in change.wallets
    ]
    positions = [_position(each) for each in change.positions]
    body: Payload = {"m": change.reason, "B": wallets, "P": positions}
    return {"e": "ACCOUNT_UPDATE", "E": at_ms, "T": change.at_ms, "a": body}


def algo_update(change: AlgoChange, symbol: FuturesSymbol, at_ms: int) -> Payload:
    algo, actual = change.algo, change.actual
    row: Payload = {
        "caid": algo.client_algo_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": algo.symbol,
        "S": algo.side.value,
        "ps": algo.position_side,
        "f": algo.time_in_force,
        "q": symbol.quantity(algo.quantity),
        "X": algo.status,
        "ai": "" if actual is None else str(actual.order_id),
        "tp": symbol.price(algo.trigger_price),
        "p": symbol.price(algo.price),
        "V": STP_MODE,
        "wt": algo.working_type,
        "pm": "NONE",
        "cp": algo.is_closing_all,
        "pP": algo.is_protected,
        "R": algo.is_reduce_only,
        "tt": algo.trigger_ms,
        "gtd": algo.good_till_ms or 0,
    }
    if actual is not None:
        row |= {
            "ap": to_plain(actual.average_price),
            "aq": symbol.quantity(actual.executed),
            "act": actual.type,
        }
    if algo.callback_rate is not None:
        row |= {
            "cr": to_plain(algo.callback_rate),
            "AP": "0" if algo.activate_price is None else symbol.price(algo.activate_price),
        }
    if algo.failure is not None:
        row["rm"] = algo.failure
    return {"e": "ALGO_UPDATE", "E": at_ms, "T": change.at_ms, "o": row}


def leverage_update(change: LeverageChange, at_ms: int) -> Payload:
    body = {"s": change.symbol, "l": change.leverage}
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": at_ms, "T": change.at_ms, "ac": body}


def forced_order(execution: FuturesExecution, symbol: FuturesSymbol, at_ms: int) -> Payload:
    """What is published of a liquidation to everyone."""
    order, trade = execution.order, execution.trade
    row = {
        "s": order.symbol,
        "S": order.side.value,
        "o": "LIMIT",
        "f": order.time_in_force,
        "q": symbol.quantity(order.quantity),
        "p": symbol.price(order.price),
        "ap": symbol.price(order.average_price),
        "X": order.status,
        "l": symbol.quantity(ZERO if trade is None else trade.quantity),
        "z": symbol.quantity(order.executed),
        "T": order.updated_ms,
    }
    return {"e": "forceOrder", "E": at_ms, "o": row}


def sides_worth(orders: list[tuple[Side, Decimal]]) -> tuple[Decimal, Decimal]:
    """Return what orders to buy and orders to sell are worth."""
    return (
        sum((value for side, value in orders if side is Side.BUY), ZERO),
        sum((value for side, value in orders if side is Side.SELL), ZERO),
    )


def _position(change: FuturesPositionChange) -> Payload:
    position = change.position
    entry = to_plain(position.entry_price)
    return {
        "s": position.symbol,
        "pa": to_plain(position.amount),
        "ep": entry,
        "bep": entry,
        "cr": fixed(position.realized),
        "up": fixed(change.unrealized),
        "mt": "isolated" if change.is_isolated else "cross",
        "iw": fixed(position.isolated),
        "ps": position.side,
        "ma": "USDC" if position.symbol.endswith("USDC") else "USDT",
    }
