"""Balances, positions and bills as answers and pushes show them."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from cadenza.domain.money import ZERO, divide, to_plain
from cadenza.simulators.okx.instruments import SimulatedInstrument
from cadenza.simulators.okx.trading.exchange import OkxExchange
from cadenza.simulators.okx.trading.ledger import AssetFigures, OkxLedger
from cadenza.simulators.okx.trading.payloads import Payload, stamp, text
from cadenza.simulators.okx.trading.positions import (
    MAINTENANCE_RATE,
    entry_price,
    initial_margin,
    maintenance_margin,
    profit_at,
)
from cadenza.simulators.okx.trading.records import AVERAGE_PLACES, OkxBill, SimulatedPosition

_CENTS = Decimal("0.0001")


def balance_payload(ledger: OkxLedger, account: str, assets: list[str], now_ms: int) -> Payload:
    """Return an account with the details of some of its assets."""
    every = [ledger.figures(account, asset) for asset in ledger.assets(account)]
    is_multi = ledger.is_multi(account)
    total = sum((ledger.in_dollars(each.asset, each.equity) for each in every), ZERO)

    def summed(amounts: list[tuple[str, Decimal]]) -> str:
        if not is_multi:
            return ""
        return text(_rounded(sum((ledger.in_dollars(asset, amount) for asset, amount in amounts), ZERO)))

    initial = summed([(each.asset, each.initial) for each in every])
    return {
        "adjEq": summed([(each.asset, each.equity) for each in every]),
        "availEq": text(_rounded(ledger.power(account))) if is_multi else "",
        "borrowFroz": summed([(each.asset, each.borrowed / 10) for each in every]),
        "details": [_detail(ledger, each, is_multi=is_multi) for each in every if each.asset in assets],
        "imr": initial,
        "isoEq": text(_rounded(sum((ledger.in_dollars(each.asset, each.isolated) for each in every), ZERO))),
        "mgnRatio": "",
        "mmr": summed([(each.asset, each.maintenance) for each in every]),
        "notionalUsd": "",
        "notionalUsdForBorrow": "",
        "notionalUsdForFutures": "",
        "notionalUsdForOption": "",
        "notionalUsdForSwap": "",
        "ordFroz": summed([(each.asset, each.order_frozen) for each in every]),
        "totalEq": text(_rounded(total)),
        "uTime": str(now_ms),
        "upl": summed([(each.asset, each.profit) for each in every]),
    }


def _detail(ledger: OkxLedger, figures: AssetFigures, *, is_multi: bool) -> Payload:
    dollars = text(_rounded(ledger.in_dollars(figures.asset, figures.equity)))
    borrowed = text(figures.borrowed) if is_multi else ""
    return {
        "accAvgPx": "",
        "availBal": text(figures.available),
        "availEq": text(figures.available_equity),
        "borrowFroz": "",
        "cashBal": text(figures.cash),
        "ccy": figures.asset,
        "clSpotInUseAmt": "",
        "collateralEnabled": False,
        "crossLiab": borrowed,
        "disEq": dollars,
        "eq": text(figures.equity),
        "eqUsd": dollars,
        "fixedBal": "0",
        "frozenBal": text(figures.frozen),
        "imr": text(figures.initial),
        "interest": "0" if is_multi else "",
        "isoEq": text(figures.isolated + figures.isolated_profit),
        "isoLiab": "0" if is_multi else "",
        "isoUpl": text(figures.isolated_profit),
        "liab": borrowed,
        "maxLoan": "0" if is_multi else "",
        "maxSpotInUse": "",
        "mgnRatio": "",
        "mmr": text(figures.maintenance),
        "notionalLever": "",
        "ordFrozen": text(figures.order_frozen),
        "rewardBal": "",
        "smtSyncEq": "0",
        "spotInUseAmt": "",
        "spotIsoBal": "0",
        "stgyEq": "0",
        "twap": "0",
        "uTime": str(figures.updated_ms),
        "upl": text(figures.profit),
        "uplLiab": "0" if is_multi else "",
    }


def position_payload(exchange: OkxExchange, position: SimulatedPosition, now_ms: int) -> Payload:
    """Return a position; one that was closed has no entry price and no margin."""
    ledger, instrument = exchange.ledger, exchange.instruments[position.symbol]
    mark = exchange.mark(position.symbol)
    lever = ledger.lever(position.account, position.symbol, position.mode, position.side)
    profit = profit_at(position, instrument, mark)
    worth = instrument.value(abs(position.amount), mark)
    initial = initial_margin(position, instrument, mark, lever)
    basis = initial if position.mode == "cross" else position.margin
    is_cross = position.mode == "cross"
    return {
        "adl": "1" if position.amount else "0",
        "availPos": shown_amount(position, instrument) if position.amount else "",
        "avgPx": text(entry_price(position, instrument)),
        "baseBal": "",
        "bePx": text(entry_price(position, instrument)),
        "cTime": str(position.created_ms),
        "ccy": instrument.margin_asset,
        "closeOrderAlgo": [],
        "fee": text(position.fee),
        "fundingFee": "0",
        "idxPx": text(mark),
        "imr": text(initial) if is_cross and position.amount else "",
        "instId": position.symbol,
        "instType": instrument.position_type,
        "interest": "",
        "last": text(exchange.last_price(position.symbol)),
        "lever": "" if instrument.is_option else str(lever),
        **_pair_fields(position, instrument),
        "liqPenalty": "0",
        "liqPx": text(liquidation_price(ledger, position, instrument, mark)),
        "margin": "" if is_cross else text(position.margin),
        "markPx": text(mark),
        "mgnMode": position.mode,
        "mgnRatio": "",
        "mmr": text(maintenance_margin(position, instrument, mark)) if position.amount else "",
        "notionalUsd": text(_rounded(ledger.in_dollars(instrument.margin_asset, worth))),
        "optVal": text(instrument.value(position.amount, mark)) if instrument.is_option else "",
        "pendingCloseOrdLiabVal": "",
        "pnl": text(position.realized),
        "posId": str(position.position_id),
        "posSide": position.side,
        "quoteBal": "",
        "realizedPnl": text(position.realized + position.fee),
        "spotInUseAmt": "",
        "spotInUseCcy": "",
        "tradeId": stamp(position.trade_id),
        "uTime": str(position.updated_ms),
        "upl": text(profit) if position.amount else "",
        "uplLastPx": text(profit) if position.amount else "",
        "uplRatio": text(divide(profit, basis, 8)) if position.amount and basis else "",
        "usdPx": text(ledger.in_dollars(instrument.margin_asset, Decimal(1))),
        "pTime": str(now_ms),
    }


def shown_amount(position: SimulatedPosition, instrument: SimulatedInstrument) -> str:
    """Return the contracts of a position: signed where it is net, else without a sign, because the side says it. That
    of a margin pair is what it holds: the base asset when it is long, else the quote asset."""
    if instrument.is_spot:
        return text(position.amount if position.amount >= 0 else -position.cost)
    return text(position.amount if position.side == "net" else abs(position.amount))


def _pair_fields(position: SimulatedPosition, instrument: SimulatedInstrument) -> Payload:
    """Return what a position holds, and what it owes where it is one of a margin pair."""
    held: Payload = {"pos": shown_amount(position, instrument), "posCcy": "", "liab": "", "liabCcy": ""}
    if not instrument.is_spot or not position.amount:
        return held
    if position.amount > 0:
        return held | {"posCcy": instrument.base, "liab": text(-position.cost), "liabCcy": instrument.quote}
    return held | {"posCcy": instrument.quote, "liab": text(position.amount), "liabCcy": instrument.base}


def liquidation_price(
    ledger: OkxLedger, position: SimulatedPosition, instrument: SimulatedInstrument, mark: Decimal
) -> Decimal | None:
    """Return the mark price at which the equity behind a position would just cover its maintenance, if nothing else
    moved; None where there is none."""
    if not position.amount or instrument.is_option:
        return None
    own = profit_at(position, instrument, mark)
    if position.mode == "cross":
        figures = ledger.figures(position.account, instrument.margin_asset)
        others = figures.maintenance - maintenance_margin(position, instrument, mark)
        behind = figures.cash + figures.cross_profit - own - others
    else:
        behind = position.margin
    size = position.amount * instrument.face
    needed = abs(size) * MAINTENANCE_RATE
    if instrument.is_inverse:
        price = divide(size + needed, behind + position.cost, AVERAGE_PLACES) if behind + position.cost else ZERO
    else:
        price = divide(position.cost - behind, size - needed, AVERAGE_PLACES)
    return price if price > 0 else None


def bill_payload(bill: OkxBill) -> Payload:
    return {
        "bal": text(bill.after),
        "balChg": text(bill.change),
        "billId": str(bill.bill_id),
        "ccy": bill.asset,
        "clOrdId": "",
        "execType": "",
        "fee": text(bill.fee),
        "fillFwdPx": "",
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillMarkVol": "",
        "fillPxUsd": "",
        "fillPxVol": "",
        "fillTime": str(bill.at_ms) if bill.trade_id is not None else "",
        "from": "",
        "instId": bill.symbol,
        "instType": bill.instrument_type,
        "interest": "0",
        "mgnMode": bill.mode,
        "notes": "",
        "ordId": stamp(bill.order_id),
        "pnl": text(bill.profit),
        "posBal": "0",
        "posBalChg": "0",
        "px": text(bill.price),
        "subType": bill.subtype,
        "sz": text(bill.quantity) if bill.quantity is not None else text(abs(bill.change)),
        "tag": "",
        "to": "",
        "tradeId": stamp(bill.trade_id),
        "ts": str(bill.at_ms),
        "type": bill.type,
    }


def _rounded(value: Decimal) -> Decimal:
    """Figures in dollars are for the eye."""
    return value.quantize(_CENTS, ROUND_DOWN)


def plain_balance(figures: AssetFigures) -> Payload:
    """Return an asset as `balance_and_position` pushes it."""
    return {"ccy": figures.asset, "cashBal": to_plain(figures.cash), "uTime": str(figures.updated_ms)}


def plain_position(exchange: OkxExchange, position: SimulatedPosition) -> Payload:
    """Return a position as `balance_and_position` pushes it."""
    instrument = exchange.instruments[position.symbol]
    return {
        "posId": str(position.position_id),
        "tradeId": stamp(position.trade_id),
        "instId": position.symbol,
        "instType": instrument.position_type,
        "mgnMode": position.mode,
        "avgPx": text(entry_price(position, instrument)),
        "ccy": instrument.margin_asset,
        "posSide": position.side,
        **_pair_fields(position, instrument),
        "baseBal": "",
        "quoteBal": "",
        "nonSettleAvgPx": "",
        "settledPnl": "",
        "uTime": str(position.updated_ms),
    }
