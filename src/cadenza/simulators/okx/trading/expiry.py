"""The end of futures and options: open orders are canceled, and positions are settled at a price."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.evolve import evolve
from cadenza.domain.money import ZERO, divide
from cadenza.simulators.okx.instruments import COIN_PLACES, SimulatedInstrument
from cadenza.simulators.okx.trading.algos import AlgoDesk
from cadenza.simulators.okx.trading.exchange import EXPIRED, OkxExchange
from cadenza.simulators.okx.trading.ledger import DELIVERY
from cadenza.simulators.okx.trading.positions import profit_at
from cadenza.simulators.okx.trading.records import OkxBill, SimulatedPosition

DELIVERY_LONG, DELIVERY_SHORT, EXERCISED, ASSIGNED, EXPIRED_WORTHLESS = "112", "113", "170", "171", "172"


def expire(exchange: OkxExchange, algos: AlgoDesk, instrument: SimulatedInstrument, at_ms: int) -> None:
    """Settle an instrument and take it off the list until the next start: futures at their mark price, options at what
    they are worth at the last price of their underlying. Nothing settles spot."""
    for account in exchange.ledger.accounts():
        for algo in algos.of(account):
            if algo.is_open and algo.symbol == instrument.name:
                algos.cancel(algo, at_ms)
        for order in exchange.registry.open_orders(account, instrument.name):
            exchange.cancel(order, EXPIRED, at_ms)
        for position in exchange.ledger.positions(account, instrument.name):
            _settle(exchange, instrument, position, at_ms)
    exchange.states.pop(instrument.name, None)


def option_worth(instrument: SimulatedInstrument, underlying: Decimal) -> Decimal:
    """Return what an option is worth at its expiry, in coin for each coin of its size."""
    assert instrument.strike is not None
    inside = underlying - instrument.strike if instrument.option_type == "C" else instrument.strike - underlying
    return divide(max(ZERO, inside), underlying, COIN_PLACES)


def _settle(exchange: OkxExchange, instrument: SimulatedInstrument, position: SimulatedPosition, at_ms: int) -> None:
    if instrument.is_option:
        price = option_worth(instrument, exchange.last_price(f"{instrument.base}-USDT"))
        change = instrument.value(position.amount, price)
        subtype = EXPIRED_WORTHLESS if not price else EXERCISED if position.amount > 0 else ASSIGNED
    else:
        price = exchange.mark(instrument.name)
        change = profit_at(position, instrument, price)
        subtype = DELIVERY_LONG if position.amount > 0 else DELIVERY_SHORT
    exchange.ledger.put_position(evolve(position, amount=ZERO, cost=ZERO, margin=ZERO, updated_ms=at_ms))
    exchange.ledger.move(
        OkxBill(
            bill_id=0,
            account=position.account,
            asset=instrument.settle,
            change=change,
            after=change,
            type=DELIVERY,
            subtype=subtype,
            symbol=instrument.name,
            instrument_type=instrument.type,
            quantity=abs(position.amount),
            price=price,
            profit=change,
            mode=position.mode,
            at_ms=at_ms,
        )
    )
