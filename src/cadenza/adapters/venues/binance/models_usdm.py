"""The payloads of BINANCE USD-M futures, as the wire has them; what `models` says holds here too."""

from decimal import Decimal

import msgspec
from msgspec import field

from cadenza.adapters.venues.binance.models import BinancePayload

_ZERO = Decimal(0)


class UsdmSymbol(BinancePayload, frozen=True, kw_only=True):
    symbol: str
    status: str
    contract_type: str = field(name="contractType")
    delivery_ms: int = field(name="deliveryDate")
    base_asset: str = field(name="baseAsset")
    base_precision: int = field(name="baseAssetPrecision")
    quote_asset: str = field(name="quoteAsset")
    quote_precision: int = field(name="quotePrecision")
    margin_asset: str = field(name="marginAsset")
    underlying_type: str = field(name="underlyingType")
    order_types: list[str] = field(name="orderTypes")
    times_in_force: list[str] = field(name="timeInForce")
    trigger_protect: Decimal = field(name="triggerProtect", default=_ZERO)
    filters: list[msgspec.Raw]


# --- market data


class AggregateTradeEvent(BinancePayload, frozen=True, kw_only=True):
    """Public trades of one taker order at one price; USD-M publishes no single trades."""

    symbol: str = field(name="s")
    id: int = field(name="a")
    price: Decimal = field(name="p")
    quantity: Decimal = field(name="q")
    trade_ms: int = field(name="T")
    is_buyer_maker: bool = field(name="m")


class MarkPriceEvent(BinancePayload, frozen=True, kw_only=True):
    symbol: str = field(name="s")
    event_ms: int = field(name="E")
    mark_price: Decimal = field(name="p")


# --- orders and accounts


class UsdmOrder(BinancePayload, frozen=True, kw_only=True):
    """An order in a reply: to a new order (RESULT), to a cancel, to a query. It never lists executions."""

    symbol: str
    order_id: int = field(name="orderId")
    client_order_id: str = field(name="clientOrderId")
    price: Decimal
    average_price: Decimal = field(name="avgPrice", default=_ZERO)
    quantity: Decimal = field(name="origQty")
    executed: Decimal = field(name="executedQty")
    status: str
    time_in_force: str = field(name="timeInForce")
    type: str
    original_type: str = field(name="origType")
    side: str
    position_side: str = field(name="positionSide")
    stop_price: Decimal = field(name="stopPrice", default=_ZERO)
    good_till_ms: int = field(name="goodTillDate", default=0)
    created_ms: int | None = field(name="time", default=None)
    updated_ms: int = field(name="updateTime")


class UsdmTrade(BinancePayload, frozen=True, kw_only=True):
    """An execution of the account, as `userTrades` lists it."""

    symbol: str
    id: int
    order_id: int = field(name="orderId")
    side: str
    position_side: str = field(name="positionSide")
    price: Decimal
    quantity: Decimal = field(name="qty")
    commission: Decimal
    commission_asset: str = field(name="commissionAsset")
    time_ms: int = field(name="time")
    is_maker: bool = field(name="maker")


class AlgoOrder(BinancePayload, frozen=True, kw_only=True):
    """A conditional order in a reply of the algo service. `actual_order_id` is the order that it became."""

    algo_id: int = field(name="algoId")
    client_algo_id: str = field(name="clientAlgoId")
    symbol: str
    side: str
    position_side: str = field(name="positionSide")
    type: str = field(name="orderType")
    time_in_force: str = field(name="timeInForce")
    quantity: Decimal
    status: str = field(name="algoStatus")
    actual_order_id: str = field(name="actualOrderId", default="")
    trigger_price: Decimal = field(name="triggerPrice")
    price: Decimal
    closes_position: bool = field(name="closePosition", default=False)
    good_till_ms: int = field(name="goodTillDate", default=0)
    updated_ms: int = field(name="updateTime")


class AlgoCanceled(BinancePayload, frozen=True, kw_only=True):
    """The reply to the cancel of a conditional order. It does not say how the order stands."""

    algo_id: int = field(name="algoId")
    client_algo_id: str = field(name="clientAlgoId")


class UsdmListenKey(BinancePayload, frozen=True, kw_only=True):
    key: str = field(name="listenKey")


class UsdmAccountConfig(BinancePayload, frozen=True, kw_only=True):
    """`is_hedged`: long and short positions are kept side by side."""

    can_trade: bool = field(name="canTrade", default=True)
    is_hedged: bool = field(name="dualSidePosition")


class UsdmBalance(BinancePayload, frozen=True, kw_only=True):
    """A balance as the list of balances shows it: `alias` is the venue's code of the account."""

    alias: str = field(name="accountAlias")


class UsdmAsset(BinancePayload, frozen=True, kw_only=True):
    """`wallet` is the balance without unrealised profit; `cross_wallet` is the part that isolated positions do not
    hold. `available` is what new orders can use: it counts the profit of cross positions in, and the initial margin of
    positions and open orders out."""

    asset: str
    wallet: Decimal = field(name="walletBalance")
    cross_wallet: Decimal = field(name="crossWalletBalance")
    available: Decimal = field(name="availableBalance")
    updated_ms: int = field(name="updateTime")


class UsdmAccount(BinancePayload, frozen=True, kw_only=True):
    """The account (v3)."""

    assets: list[UsdmAsset]


class UsdmPosition(BinancePayload, frozen=True, kw_only=True):
    """A position as `positionRisk` (v3) lists it."""

    symbol: str
    position_side: str = field(name="positionSide")
    quantity: Decimal = field(name="positionAmt")
    entry_price: Decimal = field(name="entryPrice")
    maintenance_margin: Decimal = field(name="maintMargin")
    updated_ms: int = field(name="updateTime")


class UsdmSymbolSetting(BinancePayload, frozen=True, kw_only=True):
    """How an account trades a symbol, as `symbolConfig` lists it."""

    symbol: str
    leverage: int


# --- user events


class OrderUpdate(BinancePayload, frozen=True, kw_only=True):
    """What happened to an order. `original_type` is the type under which it was placed: a conditional order that was
    triggered has another `type`."""

    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    side: str = field(name="S")
    type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    average_price: Decimal = field(name="ap", default=_ZERO)
    stop_price: Decimal = field(name="sp", default=_ZERO)
    execution_type: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: Decimal = field(name="l")
    executed: Decimal = field(name="z")
    last_price: Decimal = field(name="L")
    commission: Decimal = field(name="n", default=_ZERO)
    commission_asset: str | None = field(name="N", default=None)
    trade_ms: int = field(name="T")
    trade_id: int = field(name="t")
    is_maker: bool = field(name="m")
    original_type: str = field(name="ot")
    position_side: str = field(name="ps")
    good_till_ms: int = field(name="gtd", default=0)
    expiry_reason: str = field(name="er", default="0")


class OrderTradeUpdate(BinancePayload, frozen=True, kw_only=True):
    transaction_ms: int = field(name="T")
    order: OrderUpdate = field(name="o")


class ChangedWallet(BinancePayload, frozen=True, kw_only=True):
    asset: str = field(name="a")
    wallet: Decimal = field(name="wb")
    cross_wallet: Decimal = field(name="cw")


class ChangedPosition(BinancePayload, frozen=True, kw_only=True):
    symbol: str = field(name="s")
    quantity: Decimal = field(name="pa")
    entry_price: Decimal = field(name="ep")
    position_side: str = field(name="ps")


class ChangedAccount(BinancePayload, frozen=True, kw_only=True):
    reason: str = field(name="m")
    balances: list[ChangedWallet] = field(name="B", default_factory=list)
    positions: list[ChangedPosition] = field(name="P", default_factory=list)


class AccountUpdate(BinancePayload, frozen=True, kw_only=True):
    """The balances and positions that changed, each as it is now."""

    transaction_ms: int = field(name="T")
    change: ChangedAccount = field(name="a")


class ChangedLeverage(BinancePayload, frozen=True, kw_only=True):
    symbol: str = field(name="s")
    leverage: int = field(name="l")


class AccountConfigUpdate(BinancePayload, frozen=True, kw_only=True):
    """A setting that changed. `leverage` is None when another one did."""

    leverage: ChangedLeverage | None = field(name="ac", default=None)


class AlgoUpdate(BinancePayload, frozen=True, kw_only=True):
    """What happened to a conditional order. `actual_order_id` is the order that it became, `executed` what that one
    has executed."""

    client_algo_id: str = field(name="caid")
    algo_id: int = field(name="aid")
    symbol: str = field(name="s")
    side: str = field(name="S")
    position_side: str = field(name="ps")
    type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: Decimal = field(name="q")
    status: str = field(name="X")
    actual_order_id: str = field(name="ai", default="")
    executed: Decimal = field(name="aq", default=_ZERO)
    trigger_price: Decimal = field(name="tp")
    price: Decimal = field(name="p")
    closes_position: bool = field(name="cp", default=False)
    good_till_ms: int = field(name="gtd", default=0)
    failure: str | None = field(name="rm", default=None)


class AlgoUpdateEvent(BinancePayload, frozen=True, kw_only=True):
    transaction_ms: int = field(name="T")
    order: AlgoUpdate = field(name="o")
