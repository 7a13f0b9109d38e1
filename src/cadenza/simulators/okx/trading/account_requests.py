"""Requests about an account: its settings, balances, positions and bills."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cadenza.domain.money import to_plain
from cadenza.simulators.okx.instruments import MARGIN, OPTION, SPOT
from cadenza.simulators.okx.settings import ACCOUNT_LEVELS, POSITION_MODES
from cadenza.simulators.okx.trading.account_payloads import balance_payload, bill_payload, position_payload
from cadenza.simulators.okx.trading.ledger import CONTRACT_RATES, OPTION_RATES, SPOT_RATES
from cadenza.simulators.okx.trading.order_requests import listed_type
from cadenza.simulators.okx.trading.payloads import Payload
from cadenza.simulators.okx.trading.queries import ARCHIVE_MS, DAY_MS
from cadenza.simulators.okx.trading.records import OkxLever
from cadenza.simulators.okx.wire.errors import VenueRefusal, wrong_parameter
from cadenza.simulators.okx.wire.gateway import VenueCall

BILLS_MS = 7 * DAY_MS


def config(call: VenueCall) -> list[Payload]:
    """GET account/config: what the key may do, and how the account trades."""
    mode, key, uid = call.venue.exchange.ledger.mode(call.account), call.key, call.venue.uid(call.account)
    assert key is not None
    return [
        {
            "acctLv": mode.level,
            "acctStpMode": "cancel_maker",
            "autoLoan": mode.borrows,
            "ctIsoMode": "automatic",
            "enableSpotBorrow": False,
            "feeType": "0",
            "greeksType": "PA",
            "ip": ",".join(key.addresses),
            "kycLv": "3",
            "label": key.label,
            "level": "Lv1",
            "levelTmp": "",
            "liquidationGear": "-1",
            "mainUid": uid,
            "mgnIsoMode": "automatic",
            "opAuth": "1",
            "perm": key.permissions,
            "posMode": mode.position_mode,
            "roleType": "0",
            "settleCcy": "USDC",
            "settleCcyList": ["USD", "USDC"],
            "spotBorrowAutoRepay": False,
            "spotOffsetType": "",
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "stgyType": "0",
            "traderInsts": [],
            "type": "0",
            "uid": uid,
        }
    ]


def instruments(call: VenueCall) -> list[Payload]:
    """GET account/instruments: what the account may trade."""
    rows = call.venue.public.instrument_rows(listed_type(call.params.must("instType")))
    return [row for row in rows if call.params.text("instId") in ("", row["instId"])]


def balance(call: VenueCall) -> list[Payload]:
    """GET account/balance."""
    ledger, wanted = call.venue.exchange.ledger, call.params.text("ccy")
    assets = [asset for asset in ledger.assets(call.account) if not wanted or asset in wanted.split(",")]
    return [balance_payload(ledger, call.account, assets, call.now_ms)]


def funding_balances(call: VenueCall) -> list[Payload]:
    """GET asset/balances: the funding account is empty."""
    return []


def currencies(call: VenueCall) -> list[Payload]:
    """GET asset/currencies."""
    assets = call.venue.exchange.ledger.assets(call.account)
    return [
        {
            "ccy": asset,
            "name": asset,
            "chain": f"{asset}-{asset}",
            "canDep": False,
            "canInternal": False,
            "canWd": False,
            "minDep": "0",
            "minWd": "0",
            "maxWd": "0",
            "wdTickSz": "8",
            "fee": "0",
            "minFee": "0",
            "maxFee": "0",
            "mainNet": True,
            "needTag": False,
            "logoLink": "",
        }
        for asset in assets
    ]


def positions(call: VenueCall) -> list[Payload]:
    """GET account/positions: those that are not 0."""
    exchange, params = call.venue.exchange, call.params
    names, ids = params.text("instId"), params.text("posId")
    return [
        position_payload(exchange, position, call.now_ms)
        for position in exchange.ledger.positions(call.account)
        if params.text("instType") in ("", exchange.instruments[position.symbol].position_type)
        and (not names or position.symbol in names.split(","))
        and (not ids or str(position.position_id) in ids.split(","))
    ]


def bills(call: VenueCall) -> list[Payload]:
    """GET account/bills: a week."""
    return _bills(call, BILLS_MS)


def bills_archive(call: VenueCall) -> list[Payload]:
    """GET account/bills-archive: three months."""
    return _bills(call, ARCHIVE_MS)


def trade_fee(call: VenueCall) -> list[Payload]:
    """GET account/trade-fee. What is paid is negative."""
    type = listed_type(call.params.must("instType"))
    rates = OPTION_RATES if type == OPTION else SPOT_RATES if type in (SPOT, MARGIN) else CONTRACT_RATES
    maker, taker = (to_plain(-rate) for rate in rates)
    is_contract = type not in (SPOT, MARGIN, OPTION)
    return [
        {
            "category": "1",
            "delivery": "",
            "exercise": "",
            "feeGroup": [{"groupId": "1", "maker": maker, "taker": taker}],
            "fiat": [],
            "instType": type,
            "level": "Lv1",
            "maker": maker,
            "makerU": maker if is_contract else "",
            "makerUSDC": maker,
            "ruleType": "normal",
            "taker": taker,
            "takerU": taker if is_contract else "",
            "takerUSDC": taker,
            "ts": str(call.now_ms),
        }
    ]


def leverage(call: VenueCall) -> list[Payload]:
    """GET account/leverage-info."""
    mode = call.params.must("mgnMode")
    ledger = call.venue.exchange.ledger
    sides = ("long", "short") if ledger.is_hedged(call.account) else ("net",)
    rows: list[Payload] = []
    for name in call.params.must("instId").split(","):
        if name not in call.venue.exchange.states:
            raise VenueRefusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.", 400)
        for side in sides:
            lever = ledger.lever(call.account, name, mode, side)
            rows.append({"ccy": "", "instId": name, "mgnMode": mode, "posSide": side, "lever": str(lever)})
    return rows


def set_leverage(call: VenueCall) -> list[Payload]:
    """POST account/set-leverage."""
    params, exchange = call.params, call.venue.exchange
    lever, mode, name = params.integer("lever"), params.must("mgnMode"), params.must("instId")
    if name not in exchange.states:
        raise VenueRefusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
    if not lever or lever > exchange.instruments[name].lever:
        raise VenueRefusal("59102", "Leverage exceeds the maximum limit. Please adjust the leverage.")
    if mode not in ("cross", "isolated"):
        raise wrong_parameter("mgnMode")
    side = params.choice("posSide", ("net", "long", "short"), "net") if mode == "isolated" else "net"
    exchange.ledger.set_lever(OkxLever(account=call.account, symbol=name, mode=mode, side=side, lever=lever))
    return [{"instId": name, "lever": str(lever), "mgnMode": mode, "posSide": side}]


def set_position_mode(call: VenueCall) -> list[Payload]:
    """POST account/set-position-mode. It is refused while there are positions or orders of contracts."""
    mode = call.params.choice("posMode", POSITION_MODES, "")
    exchange = call.venue.exchange
    is_busy = exchange.ledger.positions(call.account) or any(
        not order.is_spot for order in exchange.registry.open_orders(call.account)
    )
    if is_busy:
        text = "Setting failed. Cancel any open orders, close positions, and stop trading bots first."
        raise VenueRefusal("59000", text)
    kept = exchange.ledger.mode(call.account)
    exchange.ledger.set_mode(replace(kept, position_mode=mode))
    return [{"posMode": mode}]


def set_level(call: VenueCall) -> list[Payload]:
    """POST account/set-account-level."""
    level = call.params.choice("acctLv", ACCOUNT_LEVELS, "")
    ledger = call.venue.exchange.ledger
    if ledger.positions(call.account) or call.venue.exchange.registry.open_orders(call.account):
        text = "Setting failed. Cancel any open orders, close positions, and stop trading bots first."
        raise VenueRefusal("59000", text)
    ledger.set_mode(replace(ledger.mode(call.account), level=level))
    return [{"acctLv": level}]


def max_size(call: VenueCall) -> list[Payload]:
    """GET account/max-avail-size: what the account could spend."""
    name = call.params.must("instId")
    instrument = call.venue.exchange.instruments.get(name)
    if instrument is None:
        raise VenueRefusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.", 400)
    ledger = call.venue.exchange.ledger
    if instrument.is_spot:
        buys, sells = (ledger.spendable(call.account, asset) for asset in (instrument.quote, instrument.base))
    else:
        buys = sells = max(Decimal(0), ledger.margin_left(call.account, instrument.settle))
    return [{"instId": name, "availBuy": to_plain(buys), "availSell": to_plain(sells)}]


def _bills(call: VenueCall, depth_ms: int) -> list[Payload]:
    params = call.params
    after, before = params.integer("after"), params.integer("before")
    begin, end = params.integer("begin"), params.integer("end")
    found = [
        bill
        for bill in call.venue.exchange.ledger.bills
        if bill.account == call.account
        and params.text("ccy") in ("", bill.asset)
        and params.text("type") in ("", bill.type)
        and params.text("instType") in ("", bill.instrument_type)
        and (after is None or bill.bill_id < after)
        and (before is None or bill.bill_id > before)
        and (begin is None or bill.at_ms >= begin)
        and (end is None or bill.at_ms <= end)
        and call.now_ms + call.venue.memory_age_ms - bill.at_ms <= depth_ms
    ]
    return [bill_payload(bill) for bill in found[::-1][: params.limit()]]
