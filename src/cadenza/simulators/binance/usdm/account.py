"""The account: balances, positions and what margin they use."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cadenza.domain.money import ZERO, divide, to_plain
from cadenza.simulators.binance.spot.account import uid
from cadenza.simulators.binance.usdm.ledger import FuturesLedger, FuturesMargin
from cadenza.simulators.binance.usdm.payloads import Payload
from cadenza.simulators.binance.usdm.records import FuturesPosition
from cadenza.simulators.binance.usdm.symbols import ASSETS, FuturesSymbol
from cadenza.simulators.binance.usdm.usdm_market import FuturesMarket
from cadenza.simulators.binance.wire.gateway import VenueCall
from cadenza.simulators.binance.wire.numbers import fixed


@dataclass(frozen=True, slots=True)
class _AssetView:
    """An asset of the account with everything that its positions add."""

    asset: str
    margin: FuturesMargin
    profit: Decimal
    initial: Decimal
    maintenance: Decimal
    moved_ms: int

    @property
    def available(self) -> Decimal:
        return max(ZERO, self.margin.available)


def account_v3(call: VenueCall) -> Payload:
    """GET v3/account."""
    call.params.done()
    usdm = call.venue.usdm
    views = [_view(usdm.ledger, usdm, call.account, asset) for asset in ASSETS]
    shown = _shown_positions(usdm, call.account)
    return _totals(views) | {
        "assets": [_asset_row(view) for view in views],
        "positions": [_position_row(usdm, position) for position in shown],
    }


def account_v2(call: VenueCall) -> Payload:
    """GET v2/account: with every symbol, whether it has a position or not."""
    call.params.done()
    usdm = call.venue.usdm
    views = [_view(usdm.ledger, usdm, call.account, asset) for asset in ASSETS]
    assert call.key is not None
    head: Payload = {
        "feeTier": 0,
        "feeBurn": False,
        "canTrade": call.key.permissions.can_trade_futures,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }
    positions = []
    for position in _all_rows(usdm, call.account):
        setting = usdm.ledger.setting(call.account, position.symbol)
        row = _position_row(usdm, position) | {
            "positionInitialMargin": fixed(usdm.ledger.initial(position)),
            "openOrderInitialMargin": fixed(usdm.ledger.order_margin(call.account, position.symbol)),
            "leverage": str(setting.leverage),
            "isolated": setting.is_isolated,
            "entryPrice": to_plain(position.entry_price),
            "breakEvenPrice": to_plain(position.entry_price),
            "maxNotional": _notional_max(usdm.exchange.symbols[position.symbol], setting.leverage),
        }
        positions.append(row)
    assets = [_asset_row(view) | {"marginAvailable": True} for view in views]
    return head | _totals(views) | {"assets": assets, "positions": positions}


def balance(call: VenueCall) -> list[Payload]:
    """GET balance, v2 and v3."""
    call.params.done()
    usdm = call.venue.usdm
    views = [_view(usdm.ledger, usdm, call.account, asset) for asset in ASSETS]
    return [
        {
            "accountAlias": f"Sgs{uid(call)}",
            "asset": view.asset,
            "balance": fixed(view.margin.wallet),
            "crossWalletBalance": fixed(view.margin.cross),
            "crossUnPnl": fixed(view.margin.equity - view.margin.cross),
            "availableBalance": fixed(view.available),
            "maxWithdrawAmount": fixed(min(view.available, max(ZERO, view.margin.cross))),
            "marginAvailable": True,
            "updateTime": view.moved_ms,
        }
        for view in views
    ]


def position_risk_v3(call: VenueCall) -> list[Payload]:
    """GET v3/positionRisk: symbols with a position or an open order."""
    name = _symbol_or_none(call)
    usdm = call.venue.usdm
    shown = [each for each in _shown_positions(usdm, call.account) if name in (None, each.symbol)]
    return [_risk_row(usdm, position) for position in shown]


def position_risk_v2(call: VenueCall) -> list[Payload]:
    """GET v2/positionRisk: every symbol."""
    name = _symbol_or_none(call)
    usdm = call.venue.usdm
    rows = []
    for position in _all_rows(usdm, call.account):
        if name not in (None, position.symbol):
            continue
        setting = usdm.ledger.setting(call.account, position.symbol)
        row = _risk_row(usdm, position) | {
            "leverage": str(setting.leverage),
            "maxNotionalValue": _notional_max(usdm.exchange.symbols[position.symbol], setting.leverage),
            "marginType": "isolated" if setting.is_isolated else "cross",
            "isAutoAddMargin": "false",
        }
        rows.append(row)
    return rows


def _symbol_or_none(call: VenueCall) -> str | None:
    name = call.params.text("symbol")
    call.params.done()
    return None if name is None else call.venue.usdm.exchange.symbol(name).name


def _all_rows(usdm: FuturesMarket, account: str) -> list[FuturesPosition]:
    """Return the rows of all symbols. Where positions are hedged a symbol has three rows, as at the venue."""
    sides = ("BOTH", "LONG", "SHORT") if usdm.ledger.is_hedged(account) else ("BOTH",)
    return [usdm.ledger.position(account, name, side) for name in usdm.exchange.symbols for side in sides]


def _shown_positions(usdm: FuturesMarket, account: str) -> list[FuturesPosition]:
    """Return the rows that have a position, or an open order that could make one."""
    ordered = {(order.symbol, order.position_side) for order in usdm.exchange.registry.open_orders(account)}
    return [row for row in _all_rows(usdm, account) if row.amount or (row.symbol, row.side) in ordered]


def _view(ledger: FuturesLedger, usdm: FuturesMarket, account: str, asset: str) -> _AssetView:
    held = [each for each in ledger.positions(account) if usdm.exchange.symbols[each.symbol].margin_asset == asset]
    return _AssetView(
        asset=asset,
        margin=ledger.margin(account, asset),
        profit=sum((ledger.unrealized(each) for each in held), ZERO),
        initial=sum((ledger.initial(each) for each in held), ZERO),
        maintenance=sum((ledger.maintenance(each) for each in held), ZERO),
        moved_ms=ledger.moved_ms(account, asset),
    )


def _asset_row(view: _AssetView) -> Payload:
    margin = view.margin
    return {
        "asset": view.asset,
        "walletBalance": fixed(margin.wallet),
        "unrealizedProfit": fixed(view.profit),
        "marginBalance": fixed(margin.wallet + view.profit),
        "maintMargin": fixed(view.maintenance),
        "initialMargin": fixed(view.initial + margin.orders),
        "positionInitialMargin": fixed(view.initial),
        "openOrderInitialMargin": fixed(margin.orders),
        "crossWalletBalance": fixed(margin.cross),
        "crossUnPnl": fixed(margin.equity - margin.cross),
        "availableBalance": fixed(view.available),
        "maxWithdrawAmount": fixed(min(view.available, max(ZERO, margin.cross))),
        "updateTime": view.moved_ms,
    }


def _totals(views: list[_AssetView]) -> Payload:
    """The sums over all assets, each of which counts as one dollar."""

    def total(values: list[Decimal]) -> str:
        return fixed(sum(values, ZERO))

    return {
        "totalInitialMargin": total([view.initial + view.margin.orders for view in views]),
        "totalMaintMargin": total([view.maintenance for view in views]),
        "totalWalletBalance": total([view.margin.wallet for view in views]),
        "totalUnrealizedProfit": total([view.profit for view in views]),
        "totalMarginBalance": total([view.margin.wallet + view.profit for view in views]),
        "totalPositionInitialMargin": total([view.initial for view in views]),
        "totalOpenOrderInitialMargin": total([view.margin.orders for view in views]),
        "totalCrossWalletBalance": total([view.margin.cross for view in views]),
        "totalCrossUnPnl": total([view.margin.equity - view.margin.cross for view in views]),
        "availableBalance": total([view.available for view in views]),
        "maxWithdrawAmount": total([min(view.available, max(ZERO, view.margin.cross)) for view in views]),
    }


def _position_row(usdm: FuturesMarket, position: FuturesPosition) -> Payload:
    ledger, symbol = usdm.ledger, usdm.exchange.symbols[position.symbol]
    profit = ledger.unrealized(position)
    sign = 1 if position.amount >= 0 else -1
    is_isolated = ledger.setting(position.account, position.symbol).is_isolated
    return {
        "symbol": position.symbol,
        "positionSide": position.side,
        "positionAmt": symbol.quantity(position.amount),
        "unrealizedProfit": fixed(profit),
        "isolatedMargin": fixed(position.isolated + profit if is_isolated else ZERO),
        "notional": fixed(ledger.notional(position) * sign),
        "isolatedWallet": fixed(position.isolated),
        "initialMargin": fixed(ledger.initial(position)),
        "maintMargin": fixed(ledger.maintenance(position)),
        "updateTime": position.updated_ms,
    }


def _risk_row(usdm: FuturesMarket, position: FuturesPosition) -> Payload:
    ledger, exchange = usdm.ledger, usdm.exchange
    row = _position_row(usdm, position)
    profit = row.pop("unrealizedProfit")
    orders = ledger.order_margin(position.account, position.symbol)
    initial = ledger.initial(position)
    return row | {
        "entryPrice": to_plain(position.entry_price),
        "breakEvenPrice": to_plain(position.entry_price),
        "markPrice": fixed(exchange.mark(position.symbol)),
        "unRealizedProfit": profit,
        "liquidationPrice": _liquidation_price(usdm, position),
        "marginAsset": exchange.symbols[position.symbol].margin_asset,
        "initialMargin": fixed(initial + orders),
        "positionInitialMargin": fixed(initial),
        "openOrderInitialMargin": fixed(orders),
        "adl": 0,
        "bidNotional": fixed(ZERO),
        "askNotional": fixed(ZERO),
    }


def _liquidation_price(usdm: FuturesMarket, position: FuturesPosition) -> str:
    """Return the mark price at which the position's margin would just cover its maintenance, if nothing else moved."""
    if not position.amount:
        return "0"
    ledger, symbol = usdm.ledger, usdm.exchange.symbols[position.symbol]
    own, maintenance = ledger.unrealized(position), ledger.maintenance(position)
    if ledger.setting(position.account, position.symbol).is_isolated:
        behind = position.isolated
    else:
        margin = ledger.margin(position.account, symbol.margin_asset)
        behind = margin.equity - own - (margin.maintenance - maintenance)
    bracket = symbol.bracket(ledger.notional(position))
    slope = position.amount - abs(position.amount) * bracket.rate
    price = divide(position.cost - behind - bracket.cum, slope, symbol.price_places)
    return to_plain(price) if price > 0 else "0"


def _notional_max(symbol: FuturesSymbol, leverage: int) -> str:
    return to_plain(max((each.cap for each in symbol.brackets if each.leverage >= leverage), default=ZERO))
