"""The cross margin account: balances, loans, pairs, transfers, and tokens for its user data."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.money import ZERO, divide
from cadenza.simulators.binance.margin.cross_margin import margin_account
from cadenza.simulators.binance.margin.trading import refuse_isolated
from cadenza.simulators.binance.spot.payloads import Payload
from cadenza.simulators.binance.spot.symbols import PLACES
from cadenza.simulators.binance.wire.errors import VenueRefusal, bad_symbol, invalid_data, not_sent
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.numbers import fixed
from cadenza.simulators.binance.wire.params import RequestParams
from cadenza.simulators.binance.wire.session import AccountSubscription
from cadenza.simulators.binance.wire.ws_api import session_of

NO_LOANS_LEVEL = Decimal(999)
"""The margin level that the venue shows for an account without loans."""

LEVEL_PLACES = 8


def account(call: VenueCall) -> Payload:
    """GET margin/account."""
    call.params.done()
    spot, name = call.venue.spot, margin_account(call.account)
    assets, loans = spot.margin.values(name)
    level = divide(assets, loans, LEVEL_PLACES) if loans else NO_LOANS_LEVEL
    price = spot.margin.price("BTC")
    rows = [
        _asset_row(asset, free, locked, spot.margin.borrowed(name, asset))
        for asset, (free, locked) in spot.exchange.balances(name).items()
    ]
    assert call.key is not None
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": fixed(level),
        "collateralMarginLevel": fixed(level),
        "totalAssetOfBtc": fixed(divide(assets, price, PLACES)),
        "totalLiabilityOfBtc": fixed(divide(loans, price, PLACES)),
        "totalNetAssetOfBtc": fixed(divide(assets - loans, price, PLACES)),
        "TotalCollateralValueInUSDT": fixed(assets),
        "tradeEnabled": call.key.permissions.can_trade_margin,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "userAssets": rows,
    }


def all_pairs(call: VenueCall) -> list[Payload]:
    """GET margin/allPairs."""
    name = call.params.text("symbol")
    call.params.done()
    return [
        {
            "id": number,
            "symbol": symbol.name,
            "base": symbol.base,
            "quote": symbol.quote,
            "isMarginTrade": True,
            "isBuyAllowed": True,
            "isSellAllowed": True,
        }
        for number, symbol in enumerate(call.venue.spot.exchange.symbols.values(), start=1)
        if name in (None, symbol.name)
    ]


def borrow_or_repay(call: VenueCall) -> Payload:
    """POST margin/borrow-repay."""
    params, margin = call.params, call.venue.spot.margin
    refuse_isolated(params)
    params.text("symbol")
    asset, amount = _asset(call), _amount(params)
    type = params.choice("type", ("BORROW", "REPAY"))
    params.done()
    if type is None:
        raise not_sent("type")
    move = margin.borrow if type == "BORROW" else margin.repay
    return {"tranId": move(margin_account(call.account), asset, amount, call.now_ms)}


def borrow_repay_records(call: VenueCall) -> Payload:
    """GET margin/borrow-repay: the newest first."""
    params = call.params
    type = params.choice("type", ("BORROW", "REPAY"))
    asset = params.text("asset")
    start, end = params.instant_ms("startTime"), params.instant_ms("endTime")
    page, size = params.integer("current") or 1, min(params.integer("size") or 10, 100)
    params.text("isolatedSymbol")
    params.integer("txId")
    params.done()
    if type is None:
        raise not_sent("type")
    found = [
        change
        for change in reversed(call.venue.spot.margin.changes)
        if change.account == margin_account(call.account)
        and (change.amount > 0) is (type == "BORROW")
        and asset in (None, change.asset)
        and (start is None or change.at_ms >= start)
        and (end is None or change.at_ms <= end)
    ]
    rows = [
        {
            "type": "AUTO",
            "isolatedSymbol": "",
            "amount": fixed(abs(change.amount)),
            "asset": change.asset,
            "interest": fixed(ZERO),
            "principal": fixed(abs(change.amount)),
            "status": "CONFIRMED",
            "timestamp": change.at_ms,
            "txId": change.number,
        }
        for change in found
    ]
    return {"rows": rows[(page - 1) * size :][:size], "total": len(rows)}


def max_borrowable(call: VenueCall) -> Payload:
    """GET margin/maxBorrowable."""
    asset = _asset(call)
    call.params.text("isolatedSymbol")
    call.params.done()
    most = fixed(call.venue.spot.margin.borrowable(margin_account(call.account), asset))
    return {"amount": most, "borrowLimit": most}


def transfer(call: VenueCall) -> Payload:
    """POST asset/transfer: between spot, cross margin and USD-M."""
    asset, amount = call.params.must("asset"), _amount(call.params)
    source, _, target = call.params.must("type").partition("_")
    call.params.done()
    if {source, target} not in ({"MAIN", "MARGIN"}, {"MAIN", "UMFUTURE"}, {"MARGIN", "UMFUTURE"}):
        raise invalid_data("type")
    _move(call, source, asset, -amount)
    _move(call, target, asset, amount)
    return {"tranId": call.now_ms}


def create_listen_token(call: VenueCall) -> Payload:
    """POST userListenToken."""
    refuse_isolated(call.params)
    valid_ms = call.params.integer("validity")
    call.params.done()
    assert call.key is not None
    name = margin_account(call.account)
    token, until_ms = call.venue.spot.listen_tokens.create(name, call.key.key, valid_ms, call.now_ms)
    return {"token": token, "expirationTime": until_ms}


def subscribe_with_token(call: VenueCall) -> Payload:
    """userDataStream.subscribe.listenToken. A subscription that is there already lives until the new token's end."""
    spot = call.venue.spot
    subscription: AccountSubscription = spot.listen_tokens.find(call.params.must("listenToken"), call.now_ms)
    number = spot.user_streams.extend(session_of(call), subscription)
    return {"subscriptionId": number, "expirationTime": subscription.until_ms}


def _asset_row(asset: str, free: Decimal, locked: Decimal, borrowed: Decimal) -> Payload:
    return {
        "asset": asset,
        "borrowed": fixed(borrowed),
        "free": fixed(free),
        "interest": fixed(ZERO),
        "locked": fixed(locked),
        "netAsset": fixed(free + locked - borrowed),
    }


def _asset(call: VenueCall) -> str:
    asset = call.params.must("asset")
    known = {name for symbol in call.venue.spot.exchange.symbols.values() for name in (symbol.base, symbol.quote)}
    if asset not in known:
        raise VenueRefusal(-3027, "Not a valid margin asset.")
    return asset


def _amount(params: RequestParams) -> Decimal:
    amount = params.number("amount")
    if not amount:
        raise not_sent("amount")
    return amount


def _move(call: VenueCall, wallet: str, asset: str, amount: Decimal) -> None:
    """Move an amount into a wallet, or out of it with a negative one. Raises `VenueRefusal` when it is not there."""
    spot, usdm = call.venue.spot, call.venue.usdm
    if wallet == "UMFUTURE":
        if asset not in {symbol.margin_asset for symbol in usdm.exchange.symbols.values()}:
            raise bad_symbol()
        if -amount > max(ZERO, usdm.ledger.margin(call.account, asset).available):
            raise VenueRefusal(-5013, "Asset transfer failed: insufficient balance")
        usdm.transfer(call.account, asset, amount, call.now_ms)
        return
    name = margin_account(call.account) if wallet == "MARGIN" else call.account
    free, _ = spot.exchange.balances(name).get(asset, (ZERO, ZERO))
    if amount < 0 and wallet == "MARGIN":
        spot.margin.check_transfer_out(name, asset, -amount)
    if -amount > free:
        raise VenueRefusal(-5013, "Asset transfer failed: insufficient balance")
    spot.exchange.deposit(name, asset, amount, call.now_ms)
