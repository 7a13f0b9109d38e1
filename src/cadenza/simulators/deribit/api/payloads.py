"""Orders, trades, positions and accounts as clients read them."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.market.enums import Side
from cadenza.domain.money import ONE, ZERO, divide
from cadenza.simulators.deribit.market.instruments import FUTURE, OPTION, PLACES, SPOT, DeribitInstrument
from cadenza.simulators.deribit.trading.exchange import DeribitExchange
from cadenza.simulators.deribit.trading.ledger import CurrencyFigures, worth_of
from cadenza.simulators.deribit.trading.news import PublicPrint
from cadenza.simulators.deribit.trading.records import (
    MARKET_TYPES,
    DeribitOrder,
    DeribitPosition,
    DeribitTrade,
    LedgerEntry,
)
from cadenza.simulators.deribit.trading.triggers import TriggerEnd
from cadenza.simulators.deribit.wire.credits import CreditRule, DeribitLimits
from cadenza.simulators.deribit.wire.numbers import number

Payload = dict[str, object]


def order_payload(order: DeribitOrder, instrument: DeribitInstrument, user_id: int) -> Payload:
    """Return an order. A trigger order has no filled amount until it triggers."""
    has_no_limit = order.type in MARKET_TYPES and order.trigger is not None
    assert has_no_limit or order.price is not None
    row: Payload = {
        "order_id": order.id,
        "user_id": user_id,
        "order_state": order.state,
        "order_type": order.type,
        "time_in_force": order.time_in_force,
        "instrument_name": order.instrument,
        "creation_timestamp": order.created_ms,
        "last_update_timestamp": order.updated_ms,
        "direction": direction(order.side),
        "price": "market_price" if order.price is None else number(order.price),
        "label": order.label,
        "post_only": order.is_post_only,
        "reject_post_only": order.rejects_post_only,
        "api": True,
        "web": False,
        "mmp": False,
        "replaced": order.is_replaced,
        "amount": number(order.amount),
        "contracts": number(instrument.contracts(order.amount)),
        "max_show": number(order.display or order.amount),
    }
    if instrument.kind != SPOT:
        row |= {"reduce_only": order.is_reduce_only, "is_liquidation": False, "risk_reducing": False}
    if not order.is_waiting:
        average = order.average_price(is_inverse=instrument.is_inverse_future)
        row |= {"filled_amount": number(order.filled), "average_price": number(average)}
    if order.display is not None:
        shown = min(order.display, order.remaining)
        row |= {"refresh_amount": number(order.display), "display_amount": number(shown)}
    if order.trigger is not None:
        row |= _trigger_fields(order)
    for name, value in (
        ("original_order_type", order.original_type),
        ("trigger_order_id", order.trigger_order_id),
        ("cancel_reason", order.cancel_reason if order.state == "cancelled" else None),
    ):
        if value is not None:
            row[name] = value
    return row


def _trigger_fields(order: DeribitOrder) -> Payload:
    assert order.trigger_price is not None
    row: Payload = {
        "trigger": order.trigger,
        "trigger_price": number(order.trigger_price),
        "triggered": order.state in ("triggered", "rejected"),
    }
    if order.trigger_offset is not None and order.peak is not None:
        row |= {"trigger_offset": number(order.trigger_offset), "trigger_reference_price": number(order.peak)}
    return row


def user_trade(trade: DeribitTrade, instrument: DeribitInstrument) -> Payload:
    """Return a trade as its owner reads it."""
    row: Payload = {
        "trade_id": trade.id,
        "trade_seq": trade.seq,
        "instrument_name": trade.instrument,
        "timestamp": trade.at_ms,
        "order_id": trade.order_id,
        "order_type": trade.order_type,
        "matching_id": None,
        "direction": direction(trade.side),
        "tick_direction": trade.tick_direction,
        "index_price": number(trade.index_price),
        "mark_price": number(trade.mark_price),
        "price": number(trade.price),
        "amount": number(trade.amount),
        "contracts": number(instrument.contracts(trade.amount)),
        "liquidity": "M" if trade.is_maker else "T",
        "fee": number(trade.fee),
        "fee_currency": trade.fee_currency,
        "label": trade.label,
        "state": trade.state,
        "post_only": trade.is_post_only,
        "mmp": False,
        "api": True,
        "profit_loss": number(trade.profit or ZERO),
    }
    if instrument.kind != SPOT:
        row |= {"reduce_only": trade.is_reduce_only, "risk_reducing": False}
    if instrument.kind == OPTION:
        row |= {"iv": number(Decimal(50)), "underlying_price": number(trade.index_price)}
    return row


def public_trade(printed: PublicPrint, instrument: DeribitInstrument) -> Payload:
    row: Payload = {
        "trade_id": printed.trade_id,
        "trade_seq": printed.seq,
        "instrument_name": printed.instrument,
        "timestamp": printed.at_ms,
        "direction": direction(printed.direction),
        "tick_direction": printed.tick_direction,
        "price": number(printed.price),
        "amount": number(printed.amount),
        "contracts": number(instrument.contracts(printed.amount)),
        "index_price": number(printed.index_price),
        "mark_price": number(printed.mark_price),
    }
    return row | ({"iv": number(Decimal(50))} if instrument.kind == OPTION else {})


def position_payload(exchange: DeribitExchange, position: DeribitPosition) -> Payload:
    """Return a position; one of size 0 where there is none."""
    instrument, ledger = exchange.instruments[position.instrument], exchange.ledger
    mark = exchange.prices.mark(instrument.name)
    worth = worth_of(instrument, position.size, mark) if position.size else ZERO
    unrealized = ledger.unrealized(position)
    size_in_coins = -worth if instrument.is_inverse_future else position.size
    row: Payload = {
        "instrument_name": instrument.name,
        "kind": instrument.kind,
        "direction": "zero" if not position.size else direction(Side.BUY if position.size > 0 else Side.SELL),
        "size": number(position.size),
        "average_price": number(average_price(instrument, position)),
        "mark_price": number(mark),
        "index_price": number(exchange.prices.index(instrument.index)),
        "settlement_price": number(position.settlement_price or ZERO),
        "delta": number(size_in_coins.quantize(ONE.scaleb(-9))),
        "initial_margin": number(ledger.initial(position)),
        "maintenance_margin": number(ledger.maintenance(position)),
        "floating_profit_loss": number(unrealized),
        "realized_profit_loss": number(position.realized),
        "total_profit_loss": number(ledger.total_profit(position)),
    }
    if instrument.kind == FUTURE:
        row |= {
            "size_currency": number(size_in_coins.quantize(ONE.scaleb(-9))),
            "leverage": instrument.max_leverage,
            "estimated_liquidation_price": None,
            "open_orders_margin": number(ledger.order_margin(position.account, instrument)),
            "interest_value": number(ZERO),
        }
    if instrument.is_perpetual:
        row["realized_funding"] = number(position.funding)
    if instrument.kind == OPTION:
        row |= {name: number(ZERO) for name in ("gamma", "vega", "theta")}
        unit = exchange.prices.index(instrument.index) if instrument.is_inverse else ONE
        average = average_price(instrument, position) * unit
        row |= {
            "average_price_usd": number(average.quantize(ONE.scaleb(-4))),
            "floating_profit_loss_usd": number((unrealized * unit).quantize(ONE.scaleb(-4))),
        }
    return row


def average_price(instrument: DeribitInstrument, position: DeribitPosition) -> Decimal:
    if not position.size:
        return ZERO
    if instrument.is_inverse_future:
        return divide(-position.size, position.cost, 8)
    return divide(position.cost, position.size, 8)


def portfolio_payload(figures: CurrencyFigures, exchange: DeribitExchange) -> Payload:
    """Return the figures of one currency, as `user.portfolio` and the account summaries show them."""
    futures = figures.session_unrealized + figures.session_realized
    amounts = {
        "balance": figures.balance,
        "equity": figures.equity,
        "margin_balance": figures.margin_balance,
        "available_funds": figures.available,
        "available_withdrawal_funds": max(ZERO, min(figures.available, figures.balance)),
        "initial_margin": figures.initial,
        "maintenance_margin": figures.maintenance,
        "projected_initial_margin": figures.initial,
        "projected_maintenance_margin": figures.maintenance,
        "spot_reserve": figures.spot_reserve,
        "additional_reserve": ZERO,
        "fee_balance": ZERO,
        "locked_balance": ZERO,
        "total_pl": figures.total_profit,
        "session_upl": figures.session_unrealized,
        "session_rpl": figures.session_realized,
        "futures_pl": futures,
        "futures_session_upl": figures.session_unrealized,
        "futures_session_rpl": figures.session_realized,
        "options_value": figures.options_value,
        "options_pl": ZERO,
        "options_session_upl": ZERO,
        "options_session_rpl": ZERO,
        "options_delta": ZERO,
        "options_gamma": ZERO,
        "options_vega": ZERO,
        "options_theta": ZERO,
        "delta_total": ZERO,
        "projected_delta_total": ZERO,
    }
    row: Payload = {name: number(_short(figures.currency, amount)) for name, amount in amounts.items()}
    maps: Payload = {f"options_{name}_map": {} for name in ("gamma", "vega", "theta")}
    return (
        row
        | maps
        | {
            "currency": figures.currency,
            "delta_total_map": {},
            "portfolio_margining_enabled": False,
            "cross_collateral_enabled": False,
            "margin_model": "segregated_sm",
        }
    )


def summary_payload(
    figures: CurrencyFigures, exchange: DeribitExchange, limits: DeribitLimits, *, extended: bool
) -> Payload:
    """Return the account summary of one currency."""
    row = portfolio_payload(figures, exchange) | {"limits": limits_payload(limits)}
    if not extended:
        return row
    return row | {"fees": _fees(exchange, figures.currency)}


def limits_payload(limits: DeribitLimits) -> Payload:
    trading = _rule(limits.matching)
    return {
        "limits_per_currency": False,
        "non_matching_engine": _rule(limits.non_matching),
        "matching_engine": {"trading": {"total": trading}, "spot": trading, "cancel_all": trading},
    }


def user_payload(user_id: int, account: str) -> Payload:
    """Return who the account belongs to."""
    return {
        "id": user_id,
        "system_name": account,
        "username": account,
        "email": f"{account}@simulator.invalid",
        "type": "main",
        "creation_timestamp": 1_704_067_200_000,
        "referrer_id": None,
        "login_enabled": False,
        "tfa_enabled": False,
        "security_keys_enabled": False,
        "mmp_enabled": False,
        "interuser_transfers_enabled": False,
        "block_rfq_self_match_prevention": True,
        "self_trading_reject_mode": "reject_taker",
        "self_trading_extended_to_subaccounts": False,
    }


def entry_payload(entry: LedgerEntry, user_id: int) -> Payload:
    """Return a line of the transaction log."""
    row: Payload = {
        "id": entry.number,
        "user_id": user_id,
        "user_seq": entry.number,
        "type": entry.kind,
        "currency": entry.currency,
        "cashflow": number(entry.amount),
        "change": number(entry.amount),
        "session_rpl": number(entry.session),
        "timestamp": entry.at_ms,
    }
    named = {"instrument_name": entry.instrument or None, "trade_id": entry.trade_id, "order_id": entry.order_id}
    return row | {name: value for name, value in named.items() if value is not None}


def trigger_end_payload(end: TriggerEnd) -> Payload:
    """Return a line of the history of trigger orders."""
    order = end.order
    assert order.trigger_price is not None
    return {
        "timestamp": order.created_ms,
        "last_update_timestamp": end.at_ms,
        "trigger": order.trigger,
        "trigger_price": number(order.trigger_price),
        "trigger_offset": None if order.trigger_offset is None else number(order.trigger_offset),
        "trigger_order_id": order.id,
        "order_id": end.order_id,
        "order_state": end.state,
        "request": end.request,
        "instrument_name": order.instrument,
        "direction": direction(order.side),
        "price": "market_price" if order.price is None else number(order.price),
        "amount": number(order.amount),
        "reduce_only": order.is_reduce_only,
        "post_only": order.is_post_only,
        "order_type": "market" if order.price is None else "limit",
        "label": order.label,
        "source": "api",
    }


def direction(side: Side) -> str:
    return "buy" if side is Side.BUY else "sell"


def _rule(rule: CreditRule) -> Payload:
    return {"rate": rule.per_second, "burst": rule.burst}


def _fees(exchange: DeribitExchange, currency: str) -> list[Payload]:
    rows: dict[tuple[str, str], Payload] = {}
    for instrument in exchange.instruments.values():
        if instrument.settlement != currency:
            continue
        kind = "perpetual" if instrument.is_perpetual else instrument.kind
        rates = {"type": "fixed", "taker": number(instrument.taker), "maker": number(instrument.maker)}
        rows[instrument.index, kind] = {"index_name": instrument.index, "kind": kind, "value": {"default": rates}}
    return list(rows.values())


def _short(currency: str, amount: Decimal) -> Decimal:
    """Return an amount without the digits that the venue never shows. Only unrounded margins have such."""
    return amount.quantize(ONE.scaleb(-PLACES[currency]))
