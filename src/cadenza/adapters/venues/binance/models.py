"""The payloads of BINANCE spot and margin, and those that its markets share, as the wire has them.

Field names here are words; the wire's own names stand beside them. Numbers become `Decimal` (`kit/payloads.py`).
Members of enums stay text: `mapping` decides about them. Fields that are not listed are ignored, because the venue adds
some every month.
"""

from decimal import Decimal
from typing import Any, cast

import msgspec
from msgspec import field

from cadenza.adapters.venues.kit.payloads import T, decode
from cadenza.domain.market.book_messages import WrittenLevel

NO_LIST = -1
"""The order list id of an order that belongs to none."""

NO_TRADE = -1
"""The trade id of an event that is not a trade, and of an execution without a counterparty on the book (an
allocation, which has an id of its own)."""

PriceLevel = tuple[Decimal, Decimal]


class BinancePayload(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that the venue sends."""


# --- replies


class BinanceRefusal(BinancePayload, frozen=True, kw_only=True):
    """The body of a refusal."""

    code: int
    msg: str = ""


class BinanceSocketRefusal(BinanceRefusal, frozen=True, kw_only=True):
    """What a refusal over the WebSocket API adds: `data` depends on the code."""

    data: msgspec.Raw = field(default_factory=msgspec.Raw)


class BinancePause(BinancePayload, frozen=True, kw_only=True):
    """The data of a refusal for the pace, or of a ban: the instant of the refusal, and that of its end (ms)."""

    server_ms: int = field(name="serverTime")
    retry_after_ms: int = field(name="retryAfter")


class BinanceSocketReply(BinancePayload, frozen=True, kw_only=True):
    """The reply to a request over the WebSocket API. `id` is that of the request."""

    id: str | int | None
    status: int
    result: msgspec.Raw = field(default_factory=msgspec.Raw)
    error: BinanceSocketRefusal | None = None


# --- filters


class SymbolFilter(msgspec.Struct, frozen=True, kw_only=True, tag_field="filterType"):
    """A trading rule of one symbol."""


class PriceFilter(SymbolFilter, frozen=True, kw_only=True, tag="PRICE_FILTER"):
    """0 switches a limit off."""

    min_price: Decimal = field(name="minPrice")
    max_price: Decimal = field(name="maxPrice")
    tick_size: Decimal = field(name="tickSize")


class LotSizeFilter(SymbolFilter, frozen=True, kw_only=True, tag="LOT_SIZE"):
    min_quantity: Decimal = field(name="minQty")
    max_quantity: Decimal = field(name="maxQty")
    step_size: Decimal = field(name="stepSize")


class MarketLotSizeFilter(SymbolFilter, frozen=True, kw_only=True, tag="MARKET_LOT_SIZE"):
    """It holds for MARKET orders, besides LOT_SIZE; 0 switches a limit off."""

    min_quantity: Decimal = field(name="minQty")
    max_quantity: Decimal = field(name="maxQty")
    step_size: Decimal = field(name="stepSize")


class MinNotionalFilter(SymbolFilter, frozen=True, kw_only=True, tag="MIN_NOTIONAL"):
    """Spot calls the amount `minNotional`, USD-M `notional`."""

    min_notional: Decimal | None = field(name="minNotional", default=None)
    notional: Decimal | None = None


class NotionalFilter(SymbolFilter, frozen=True, kw_only=True, tag="NOTIONAL"):
    min_notional: Decimal = field(name="minNotional")
    max_notional: Decimal = field(name="maxNotional")


class PercentPriceFilter(SymbolFilter, frozen=True, kw_only=True, tag="PERCENT_PRICE"):
    multiplier_up: Decimal = field(name="multiplierUp")
    multiplier_down: Decimal = field(name="multiplierDown")


class PercentPriceBySideFilter(SymbolFilter, frozen=True, kw_only=True, tag="PERCENT_PRICE_BY_SIDE"):
    bid_up: Decimal = field(name="bidMultiplierUp")
    bid_down: Decimal = field(name="bidMultiplierDown")
    ask_up: Decimal = field(name="askMultiplierUp")
    ask_down: Decimal = field(name="askMultiplierDown")


class MaxNumOrdersFilter(SymbolFilter, frozen=True, kw_only=True, tag="MAX_NUM_ORDERS"):
    """Spot calls the number `maxNumOrders`, USD-M `limit`."""

    max_orders: int | None = field(name="maxNumOrders", default=None)
    limit: int | None = None


class MaxNumAlgoOrdersFilter(SymbolFilter, frozen=True, kw_only=True, tag="MAX_NUM_ALGO_ORDERS"):
    max_orders: int | None = field(name="maxNumAlgoOrders", default=None)
    limit: int | None = None


class MaxNumIcebergOrdersFilter(SymbolFilter, frozen=True, kw_only=True, tag="MAX_NUM_ICEBERG_ORDERS"):
    max_orders: int = field(name="maxNumIcebergOrders")


class MaxNumOrderListsFilter(SymbolFilter, frozen=True, kw_only=True, tag="MAX_NUM_ORDER_LISTS"):
    max_lists: int = field(name="maxNumOrderLists")


class MaxNumOrderAmendsFilter(SymbolFilter, frozen=True, kw_only=True, tag="MAX_NUM_ORDER_AMENDS"):
    max_amends: int = field(name="maxNumOrderAmends")


class IcebergPartsFilter(SymbolFilter, frozen=True, kw_only=True, tag="ICEBERG_PARTS"):
    limit: int


class MaxPositionFilter(SymbolFilter, frozen=True, kw_only=True, tag="MAX_POSITION"):
    max_position: Decimal = field(name="maxPosition")


class TrailingDeltaFilter(SymbolFilter, frozen=True, kw_only=True, tag="TRAILING_DELTA"):
    """In basis points."""

    min_above: int = field(name="minTrailingAboveDelta")
    max_above: int = field(name="maxTrailingAboveDelta")
    min_below: int = field(name="minTrailingBelowDelta")
    max_below: int = field(name="maxTrailingBelowDelta")


class PositionRiskControlFilter(SymbolFilter, frozen=True, kw_only=True, tag="POSITION_RISK_CONTROL"):
    position_control_side: str = field(name="positionControlSide", default="")


KnownFilter = (
    PriceFilter
    | LotSizeFilter
    | MarketLotSizeFilter
    | MinNotionalFilter
    | NotionalFilter
    | PercentPriceFilter
    | PercentPriceBySideFilter
    | MaxNumOrdersFilter
    | MaxNumAlgoOrdersFilter
    | MaxNumIcebergOrdersFilter
    | MaxNumOrderListsFilter
    | MaxNumOrderAmendsFilter
    | IcebergPartsFilter
    | MaxPositionFilter
    | TrailingDeltaFilter
    | PositionRiskControlFilter
)
FILTER_TYPES = frozenset(str(kind.__struct_config__.tag) for kind in KnownFilter.__args__)


class _FilterType(BinancePayload, frozen=True, kw_only=True):
    filter_type: str = field(name="filterType")


class SymbolFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a symbol: those that are understood, and the wire's names of those that are not."""

    known: tuple[KnownFilter, ...]
    unknown: tuple[str, ...]

    def of(self, kind: type[T]) -> T | None:
        """Return the rule of this kind, if the symbol has it."""
        return next((found for found in self.known if isinstance(found, kind)), None)


def decode_filters(filters: list[msgspec.Raw]) -> SymbolFilters:
    """Read the rules of a symbol. A rule of a type that is not listed here is kept by name; a rule that is listed and
    cannot be read raises `UnreadablePayload`."""
    known: list[KnownFilter] = []
    unknown: list[str] = []
    for raw in filters:
        name = decode(_FilterType, raw).filter_type
        if name in FILTER_TYPES:
            known.append(decode(cast(Any, KnownFilter), raw))
        else:
            unknown.append(name)
    return SymbolFilters(known=tuple(known), unknown=tuple(unknown))


class BinanceRateLimit(BinancePayload, frozen=True, kw_only=True):
    type: str = field(name="rateLimitType")
    interval: str
    count: int = field(name="intervalNum")
    limit: int


class BinanceExchangeInfo(BinancePayload, frozen=True, kw_only=True):
    """The catalogue, with the venue's limits. Each symbol is decoded by itself, so that one of them cannot spoil the
    list."""

    server_time_ms: int = field(name="serverTime")
    limits: list[BinanceRateLimit] = field(name="rateLimits", default_factory=list)
    symbols: list[msgspec.Raw]


class BinanceSymbolName(BinancePayload, frozen=True, kw_only=True):
    """What is read of a symbol that cannot be read in whole: its name, and what our id of it is made from."""

    symbol: str
    base_asset: str = field(name="baseAsset", default="")
    quote_asset: str = field(name="quoteAsset", default="")


class BinanceSpotSymbol(BinancePayload, frozen=True, kw_only=True):
    symbol: str
    status: str
    base_asset: str = field(name="baseAsset")
    base_precision: int = field(name="baseAssetPrecision")
    quote_asset: str = field(name="quoteAsset")
    quote_precision: int = field(name="quoteAssetPrecision")
    order_types: list[str] = field(name="orderTypes")
    is_iceberg_allowed: bool = field(name="icebergAllowed", default=False)
    is_spot_allowed: bool = field(name="isSpotTradingAllowed", default=True)
    is_margin_allowed: bool = field(name="isMarginTradingAllowed", default=False)
    filters: list[msgspec.Raw]


# --- market data


class BinanceDepthReply(BinancePayload, frozen=True, kw_only=True):
    """The whole book, or the best levels of it. Only USD-M states the instants."""

    last_update_id: int = field(name="lastUpdateId")
    bids: list[PriceLevel]
    asks: list[PriceLevel]
    event_ms: int | None = field(name="E", default=None)
    transaction_ms: int | None = field(name="T", default=None)


class BinanceDepthEvent(BinancePayload, frozen=True, kw_only=True):
    """Changed levels, as the venue wrote them. `previous` and `transaction_ms` are given by USD-M only."""

    event_ms: int = field(name="E")
    transaction_ms: int | None = field(name="T", default=None)
    first: int = field(name="U")
    last: int = field(name="u")
    previous: int | None = field(name="pu", default=None)
    bids: list[WrittenLevel] = field(name="b")
    asks: list[WrittenLevel] = field(name="a")


class BinanceDepthNumbers(BinanceDepthEvent, frozen=True, kw_only=True):
    """The same event, with its levels read as numbers."""

    bids: list[PriceLevel] = field(name="b")  # type: ignore[assignment]
    asks: list[PriceLevel] = field(name="a")  # type: ignore[assignment]


class BestPricesEvent(BinancePayload, frozen=True, kw_only=True):
    """The message of a `bookTicker` stream: the best prices after the update `update_id`."""

    symbol: str = field(name="s")
    update_id: int = field(name="u")
    bid: Decimal = field(name="b")
    bid_quantity: Decimal = field(name="B")
    ask: Decimal = field(name="a")
    ask_quantity: Decimal = field(name="A")


class BinanceTradeEvent(BinancePayload, frozen=True, kw_only=True):
    """A public trade of spot."""

    symbol: str = field(name="s")
    trade_id: int = field(name="t")
    price: Decimal = field(name="p")
    quantity: Decimal = field(name="q")
    trade_ms: int = field(name="T")
    is_buyer_maker: bool = field(name="m")


# --- orders and accounts of spot and margin


class BinanceSpotFill(BinancePayload, frozen=True, kw_only=True):
    """An execution within the reply to a new order."""

    price: Decimal
    quantity: Decimal = field(name="qty")
    commission: Decimal
    commission_asset: str = field(name="commissionAsset")
    trade_id: int = field(name="tradeId")
    allocation_id: int | None = field(name="allocId", default=None)


class BinanceSpotOrder(BinancePayload, frozen=True, kw_only=True):
    """An order in a reply: to a new order (FULL), to a cancel, to a query. In the reply to a cancel `client_order_id`
    is the cancel's own, and `original_client_order_id` is the order's."""

    symbol: str
    order_id: int = field(name="orderId")
    order_list_id: int = field(name="orderListId", default=NO_LIST)
    client_order_id: str = field(name="clientOrderId")
    original_client_order_id: str | None = field(name="origClientOrderId", default=None)
    price: Decimal
    quantity: Decimal = field(name="origQty")
    executed: Decimal = field(name="executedQty")
    executed_cost: Decimal = field(name="cummulativeQuoteQty")
    quote_quantity: Decimal = field(name="origQuoteOrderQty", default=Decimal(0))
    status: str
    time_in_force: str = field(name="timeInForce")
    type: str
    side: str
    stop_price: Decimal = field(name="stopPrice", default=Decimal(0))
    trailing_delta: int | None = field(name="trailingDelta", default=None)
    prevented: Decimal = field(name="preventedQuantity", default=Decimal(0))
    expiry_reason: str | None = field(name="expiryReason", default=None)
    transact_ms: int | None = field(name="transactTime", default=None)
    created_ms: int | None = field(name="time", default=None)
    updated_ms: int | None = field(name="updateTime", default=None)
    fills: list[BinanceSpotFill] = field(default_factory=list)


class BinanceSpotTrade(BinancePayload, frozen=True, kw_only=True):
    """An execution of the account, as `myTrades` lists it."""

    symbol: str
    id: int
    order_id: int = field(name="orderId")
    price: Decimal
    quantity: Decimal = field(name="qty")
    commission: Decimal
    commission_asset: str = field(name="commissionAsset")
    time_ms: int = field(name="time")
    is_buyer: bool = field(name="isBuyer")
    is_maker: bool = field(name="isMaker")
    allocation_id: int | None = field(name="allocId", default=None)


class BinanceSpotBalance(BinancePayload, frozen=True, kw_only=True):
    asset: str
    free: Decimal
    locked: Decimal


class BinanceSpotAccount(BinancePayload, frozen=True, kw_only=True):
    """`uid` is the number of the venue's user, which every key of the user has."""

    uid: int | None = None
    can_trade: bool = field(name="canTrade")
    updated_ms: int = field(name="updateTime")
    permissions: list[str] = field(default_factory=list)
    balances: list[BinanceSpotBalance]


class BinanceKeyRestrictions(BinancePayload, frozen=True, kw_only=True):
    """What a key may do."""

    can_read: bool = field(name="enableReading")
    can_trade_spot: bool = field(name="enableSpotAndMarginTrading", default=False)
    can_trade_margin: bool = field(name="enableMargin", default=False)
    can_trade_futures: bool = field(name="enableFutures", default=False)
    can_withdraw: bool = field(name="enableWithdrawals", default=False)
    is_bound_to_addresses: bool = field(name="ipRestrict", default=False)


class BinanceMarginBalance(BinancePayload, frozen=True, kw_only=True):
    """`interest` is owed besides `borrowed`."""

    asset: str
    free: Decimal
    locked: Decimal
    borrowed: Decimal
    interest: Decimal


class MarginListenToken(BinancePayload, frozen=True, kw_only=True):
    token: str


class BinanceMarginAccount(BinancePayload, frozen=True, kw_only=True):
    """The cross margin account."""

    can_trade: bool = field(name="tradeEnabled")
    balances: list[BinanceMarginBalance] = field(name="userAssets")


# --- user events of spot and margin


class BinanceUserFrame(BinancePayload, frozen=True, kw_only=True):
    """A user event as the WebSocket API wraps it. Events of the connection itself have no subscription, and may come
    without a wrapper."""

    subscription_id: int | None = field(name="subscriptionId", default=None)
    event: msgspec.Raw = field(default_factory=msgspec.Raw)


class BinanceEventName(BinancePayload, frozen=True, kw_only=True):
    event: str = field(name="e")


class ExecutionReport(BinancePayload, frozen=True, kw_only=True):
    """What happened to an order. `client_order_id` is the cancel's own when the order was canceled; the order's is
    then `original_client_order_id`."""

    event_ms: int = field(name="E")
    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    original_client_order_id: str = field(name="C", default="")
    side: str = field(name="S")
    type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    stop_price: Decimal = field(name="P")
    trailing_delta: int | None = field(name="d", default=None)
    order_list_id: int = field(name="g", default=NO_LIST)
    execution_type: str = field(name="x")
    status: str = field(name="X")
    reject_reason: str = field(name="r")
    order_id: int = field(name="i")
    last_quantity: Decimal = field(name="l")
    executed: Decimal = field(name="z")
    last_price: Decimal = field(name="L")
    commission: Decimal = field(name="n")
    commission_asset: str | None = field(name="N")
    transaction_ms: int = field(name="T")
    trade_id: int = field(name="t")
    allocation_id: int | None = field(name="a", default=None)
    is_maker: bool = field(name="m")
    executed_cost: Decimal = field(name="Z")
    quote_quantity: Decimal = field(name="Q")
    prevented: Decimal = field(name="A", default=Decimal(0))
    expiry_reason: str | None = field(name="eR", default=None)


class ChangedBalance(BinancePayload, frozen=True, kw_only=True):
    asset: str = field(name="a")
    free: Decimal = field(name="f")
    locked: Decimal = field(name="l")


class AccountPositionEvent(BinancePayload, frozen=True, kw_only=True):
    """The balances that may have changed, each as it is now (`outboundAccountPosition`)."""

    updated_ms: int = field(name="u")
    balances: list[ChangedBalance] = field(name="B")
