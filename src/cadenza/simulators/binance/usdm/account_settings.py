"""How an account trades: leverage, margin type, position mode, and its listen key."""

from __future__ import annotations

from dataclasses import replace

from cadenza.domain.evolve import evolve
from cadenza.domain.money import ZERO, to_plain
from cadenza.simulators.binance.usdm.payloads import Payload
from cadenza.simulators.binance.usdm.records import LeverageChange, SymbolSetting
from cadenza.simulators.binance.usdm.symbols import MAKER_RATE, TAKER_RATE, FuturesSymbol
from cadenza.simulators.binance.wire.errors import VenueRefusal, invalid_data, not_sent
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.numbers import number, places

DONE: Payload = {"code": 200, "msg": "success"}
ADD, REDUCE = 1, 2


def set_leverage(call: VenueCall) -> Payload:
    """POST leverage."""
    usdm = call.venue.usdm
    symbol, leverage = usdm.exchange.symbol(call.params.must("symbol")), call.params.integer("leverage")
    call.params.done()
    if leverage is None:
        raise not_sent("leverage")
    if not 1 <= leverage <= symbol.brackets[0].leverage:
        raise VenueRefusal(-4028, f"Leverage {leverage} is not valid")
    before = usdm.ledger.setting(call.account, symbol.name)
    held = usdm.ledger.positions(call.account, symbol.name)
    if leverage < before.leverage and before.is_isolated and held:
        text = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
        raise VenueRefusal(-4161, text)
    if any(symbol.bracket(usdm.ledger.notional(each)).leverage < leverage for each in held):
        raise VenueRefusal(-2027, "Exceeded the maximum allowable position at current leverage.")
    usdm.ledger.set_setting(replace(before, leverage=leverage))
    if leverage < before.leverage and usdm.ledger.margin(call.account, symbol.margin_asset).available < 0:
        usdm.ledger.set_setting(before)
        raise VenueRefusal(-2019, "Margin is insufficient.")
    usdm.exchange.note(LeverageChange(account=call.account, symbol=symbol.name, leverage=leverage, at_ms=call.now_ms))
    most = max(bracket.cap for bracket in symbol.brackets if bracket.leverage >= leverage)
    return {"leverage": leverage, "maxNotionalValue": to_plain(most), "symbol": symbol.name}


def set_margin_type(call: VenueCall) -> Payload:
    """POST marginType."""
    usdm = call.venue.usdm
    symbol = usdm.exchange.symbol(call.params.must("symbol")).name
    type = call.params.choice("marginType", ("ISOLATED", "CROSSED"))
    call.params.done()
    if type is None:
        raise not_sent("margintype")
    before = usdm.ledger.setting(call.account, symbol)
    if before.is_isolated is (type == "ISOLATED"):
        raise VenueRefusal(-4046, "No need to change margin type.")
    if usdm.exchange.registry.open_orders(call.account, symbol):
        raise VenueRefusal(-4047, "Margin type cannot be changed if there exists open orders.")
    if usdm.ledger.positions(call.account, symbol):
        raise VenueRefusal(-4048, "Margin type cannot be changed if there exists position.")
    usdm.ledger.set_setting(replace(before, is_isolated=type == "ISOLATED"))
    usdm.exchange.note_account(call.account, "MARGIN_TYPE_CHANGE", call.now_ms, symbol)
    return DONE


def change_position_margin(call: VenueCall) -> Payload:
    """POST positionMargin: more or less margin for an isolated position."""
    usdm, params = call.venue.usdm, call.params
    symbol = usdm.exchange.symbol(params.must("symbol"))
    side, amount, type = params.text("positionSide") or "BOTH", params.number("amount"), params.integer("type")
    params.done()
    if amount is None or not amount:
        raise VenueRefusal(-4053, "Amount must be positive.")
    if type not in (ADD, REDUCE):
        raise invalid_data("type")
    position = usdm.ledger.position(call.account, symbol.name, side)
    if not usdm.ledger.setting(call.account, symbol.name).is_isolated or not position.amount:
        raise VenueRefusal(-4054, "Cannot add position margin: position is 0.")
    if type == ADD and amount > usdm.ledger.margin(call.account, symbol.margin_asset).available:
        raise VenueRefusal(-4050, "Cross balance insufficient.")
    left = position.isolated + (amount if type == ADD else -amount)
    if type == REDUCE and left + min(ZERO, usdm.ledger.unrealized(position)) < usdm.ledger.initial(position):
        raise VenueRefusal(-4051, "Isolated balance insufficient.")
    usdm.ledger.put_position(evolve(position, isolated=left, updated_ms=call.now_ms))
    usdm.exchange.note_account(call.account, "MARGIN_TRANSFER", call.now_ms, symbol.name)
    text = "Successfully modify position margin."
    return {"amount": to_plain(amount), "code": 200, "msg": text, "type": type}


def position_mode(call: VenueCall) -> Payload:
    """GET positionSide/dual."""
    call.params.done()
    return {"dualSidePosition": call.venue.usdm.ledger.is_hedged(call.account)}


def set_position_mode(call: VenueCall) -> Payload:
    """POST positionSide/dual."""
    usdm = call.venue.usdm
    call.params.must("dualSidePosition")
    is_hedged = call.params.flag("dualSidePosition")
    call.params.done()
    if usdm.ledger.is_hedged(call.account) is is_hedged:
        raise VenueRefusal(-4059, "No need to change position side.")
    if usdm.exchange.registry.open_orders(call.account) or usdm.algos.open_orders(call.account):
        raise VenueRefusal(-4067, "Position side cannot be changed if there exists open orders.")
    if usdm.ledger.positions(call.account):
        raise VenueRefusal(-4068, "Position side cannot be changed if there exists position.")
    usdm.ledger.set_hedged(call.account, is_hedged=is_hedged)
    return DONE


def account_config(call: VenueCall) -> Payload:
    """GET accountConfig."""
    call.params.done()
    assert call.key is not None
    return {
        "feeTier": 0,
        "canTrade": call.key.permissions.can_trade_futures,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": call.venue.usdm.ledger.is_hedged(call.account),
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def symbol_config(call: VenueCall) -> list[Payload]:
    """GET symbolConfig, of one symbol or of all."""
    return [_setting_row(call.venue.usdm.ledger.setting(call.account, each.name), each) for each in _symbols(call)]


def leverage_brackets(call: VenueCall) -> list[Payload]:
    """GET leverageBracket, of one symbol or of all."""
    return [
        {
            "symbol": symbol.name,
            "brackets": [
                {
                    "bracket": each.number,
                    "initialLeverage": each.leverage,
                    "notionalCap": int(each.cap),
                    "notionalFloor": int(each.floor),
                    "maintMarginRatio": number(each.rate),
                    "cum": number(each.cum),
                }
                for each in symbol.brackets
            ],
        }
        for symbol in _symbols(call)
    ]


def commission_rate(call: VenueCall) -> Payload:
    """GET commissionRate."""
    symbol = call.venue.usdm.exchange.symbol(call.params.must("symbol")).name
    call.params.done()
    return {
        "symbol": symbol,
        "makerCommissionRate": places(MAKER_RATE, 6),
        "takerCommissionRate": places(TAKER_RATE, 6),
        "rpiCommissionRate": places(MAKER_RATE, 6),
    }


def multi_assets_mode(call: VenueCall) -> Payload:
    """GET multiAssetsMargin: assets never cover for one another here."""
    call.params.done()
    return {"multiAssetsMargin": False}


def start_listen_key(call: VenueCall) -> Payload:
    """POST listenKey: a new key, or the one that the account has."""
    return {"listenKey": call.venue.usdm.listen_keys.start(call.account, call.now_ms)}


def keep_listen_key(call: VenueCall) -> Payload:
    """PUT listenKey."""
    return {"listenKey": call.venue.usdm.listen_keys.keep(call.account, call.now_ms)}


def close_listen_key(call: VenueCall) -> Payload:
    """DELETE listenKey."""
    call.venue.usdm.listen_keys.close(call.account)
    return {}


def _symbols(call: VenueCall) -> list[FuturesSymbol]:
    name, exchange = call.params.text("symbol"), call.venue.usdm.exchange
    call.params.done()
    return list(exchange.symbols.values()) if name is None else [exchange.symbol(name)]


def _setting_row(setting: SymbolSetting, symbol: FuturesSymbol) -> Payload:
    most = max(each.cap for each in symbol.brackets if each.leverage >= setting.leverage)
    return {
        "symbol": setting.symbol,
        "marginType": "ISOLATED" if setting.is_isolated else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": setting.leverage,
        "maxNotionalValue": to_plain(most),
    }
