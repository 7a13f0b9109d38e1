"""The account, and what a key may do."""

from __future__ import annotations

import zlib

from cadenza.simulators.binance.spot.payloads import Payload
from cadenza.simulators.binance.spot.symbols import FEE_RATE
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.numbers import fixed

_BASIS_POINTS = int(FEE_RATE * 10_000)

_ACCOUNTS = 1_000_000


def account(call: VenueCall) -> Payload:
    """GET account."""
    omits_zero = call.params.flag("omitZeroBalances")
    call.params.done()
    assert call.key is not None
    permissions = call.key.permissions
    balances = [
        {"asset": asset, "free": fixed(free), "locked": fixed(locked)}
        for asset, (free, locked) in call.venue.spot.exchange.balances(call.account).items()
        if free or locked or not omits_zero
    ]
    rate, nothing = fixed(FEE_RATE), fixed(FEE_RATE * 0)
    return {
        "makerCommission": _BASIS_POINTS,
        "takerCommission": _BASIS_POINTS,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": rate, "taker": rate, "buyer": nothing, "seller": nothing},
        "canTrade": permissions.can_trade,
        "canWithdraw": permissions.can_withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.now_ms,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": uid(call),
    }


def api_restrictions(call: VenueCall) -> Payload:
    """GET /sapi/v1/account/apiRestrictions."""
    call.params.done()
    assert call.key is not None
    permissions = call.key.permissions
    return {
        "ipRestrict": False,
        "createTime": call.venue.started_ms,
        "enableReading": permissions.can_read,
        "enableWithdrawals": permissions.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": permissions.can_trade_margin,
        "enableFutures": permissions.can_trade_futures,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": permissions.can_trade,
        "enablePortfolioMarginTrading": False,
    }


def uid(call: VenueCall) -> int:
    """Return the number of the caller's account. It is the same at every start over one directory."""
    return call.venue.account_number + zlib.crc32(call.account.encode()) % _ACCOUNTS


def no_pairs(call: VenueCall) -> list[Payload]:
    """The lists of isolated margin pairs and of coins: this venue has no isolated margin and no wallet."""
    return []
