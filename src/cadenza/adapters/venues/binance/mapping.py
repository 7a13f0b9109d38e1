"""The words of BINANCE and ours, both ways, by tables without a default: what a table does not list is refused.

Ours are fewer. STOP and STOP_LOSS mean the same trigger and share one wire type, and so do their limit kinds; a wire
type is read as the one of the two whose name it bears. A post-only order is a LIMIT order with the time in force GTX:
spot has a type for it (LIMIT_MAKER), USD-M the same time in force. A MARKET order is answered as GTC and is IOC here.
"""

from collections.abc import Mapping
from enum import StrEnum

from cadenza.adapters.venues.kit.order_facts import Standing
from cadenza.adapters.venues.kit.words import WordTable
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentStatus, InstrumentType, SecurityType
from cadenza.domain.trading.enums import CancelReason, RejectReason

ALGO_PREFIX = "algo-"
"""Before the numbers of the algo service of USD-M in our ids: those of the matching engine are other numbers."""


class OrderNews(StrEnum):
    """What an event of the user stream says of an order."""

    NEW = "NEW"
    TRADE = "TRADE"
    CALCULATED = "CALCULATED"
    """An execution of a liquidation (USD-M)."""
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    PREVENTED = "PREVENTED"
    """A self-trade was prevented: the order ended, or became smaller."""
    AMENDED = "AMENDED"
    REJECTED = "REJECTED"


class AlgoStanding(StrEnum):
    """How a conditional order of USD-M stands. It is TRIGGERED once the matching engine has the order that it became,
    and FINISHED once that order has ended."""

    NEW = "NEW"
    CANCELED = "CANCELED"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


# --- words with one meaning

SIDES = WordTable("side", {"BUY": Side.BUY, "SELL": Side.SELL})
SIDE_WORDS: Mapping[Side, str] = {Side.BUY: "BUY", Side.SELL: "SELL"}

POSITION_SIDES = WordTable(
    "positionSide", {"BOTH": PositionSide.NET, "LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}
)
POSITION_SIDE_WORDS: Mapping[PositionSide, str] = {
    PositionSide.NET: "BOTH",
    PositionSide.LONG: "LONG",
    PositionSide.SHORT: "SHORT",
}

SPOT_ORDER_STATUSES = WordTable(
    "spot order status",
    {
        "NEW": Standing.WORKING,
        "PENDING_NEW": Standing.WORKING,  # it waits for another order of its list
        "PARTIALLY_FILLED": Standing.WORKING,
        "PENDING_CANCEL": Standing.WORKING,
        "FILLED": Standing.FILLED,
        "CANCELED": Standing.CANCELED,
        "EXPIRED": Standing.EXPIRED,
        "EXPIRED_IN_MATCH": Standing.SELF_TRADE,
        "REJECTED": Standing.REJECTED,
    },
)
USDM_ORDER_STATUSES = WordTable(
    "USD-M order status",
    {
        "NEW": Standing.WORKING,
        "PARTIALLY_FILLED": Standing.WORKING,
        "FILLED": Standing.FILLED,
        "CANCELED": Standing.CANCELED,
        "EXPIRED": Standing.EXPIRED,
        "EXPIRED_IN_MATCH": Standing.SELF_TRADE,
        "REJECTED": Standing.REJECTED,
    },
)
ALGO_STATUSES = WordTable("algo status", {standing.value: standing for standing in AlgoStanding})

SPOT_EXECUTION_TYPES = WordTable(
    "spot execution type",
    {
        "NEW": OrderNews.NEW,
        "TRADE": OrderNews.TRADE,
        "CANCELED": OrderNews.CANCELED,
        "EXPIRED": OrderNews.EXPIRED,
        "TRADE_PREVENTION": OrderNews.PREVENTED,
        "REPLACED": OrderNews.AMENDED,
        "REJECTED": OrderNews.REJECTED,
    },
)
USDM_EXECUTION_TYPES = WordTable(
    "USD-M execution type",
    {
        "NEW": OrderNews.NEW,
        "TRADE": OrderNews.TRADE,
        "CALCULATED": OrderNews.CALCULATED,
        "CANCELED": OrderNews.CANCELED,
        "EXPIRED": OrderNews.EXPIRED,
        "AMENDMENT": OrderNews.AMENDED,
    },
)

SPOT_REJECT_REASONS = WordTable(
    "spot reject reason",
    {
        "NONE": RejectReason.OTHER,
        "INSUFFICIENT_BALANCES": RejectReason.INSUFFICIENT_BALANCE,
        "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY": RejectReason.STOP_WOULD_TRIGGER,
        "WOULD_MATCH_IMMEDIATELY": RejectReason.POST_ONLY_WOULD_TAKE,
        "OCO_BAD_PRICES": RejectReason.INVALID_ORDER,
    },
)
SPOT_EXPIRY_REASONS: WordTable[CancelReason | None] = WordTable(
    "spot expiry reason",
    {
        "NONE": None,
        "REJECTED": CancelReason.VENUE,  # a stop that the matching engine refused once it was triggered
        "EXCHANGE_CANCELED": CancelReason.VENUE,
        "OCO_TRIGGER": CancelReason.VENUE,
        "OTO_PHASE_ONE_EXPIRED": CancelReason.VENUE,
        "UNFILLED_IOC_QUANTITY_EXPIRED": CancelReason.IOC_REMAINDER,
        "UNFILLED_FOK_ORDER_EXPIRED": CancelReason.FOK_NOT_FILLABLE,
        "INSUFFICIENT_LIQUIDITY": CancelReason.IOC_REMAINDER,
        "EXECUTION_RULE_PRICE_RANGE_EXCEEDED": CancelReason.VENUE,
    },
)

POST_ONLY_FAILED = "11"
"""The expiry reason of USD-M that is a refusal: a post-only order would have taken."""

USDM_EXPIRY_REASONS: WordTable[CancelReason | None] = WordTable(
    "USD-M expiry reason",
    {
        "0": None,
        "1": CancelReason.SELF_TRADE,
        "2": CancelReason.IOC_REMAINDER,
        "3": CancelReason.SELF_TRADE,  # the remainder of an IOC order
        "4": CancelReason.VENUE,  # another reduce-only order came first
        "5": CancelReason.RISK,  # the account was liquidated
        "6": CancelReason.VENUE,  # the position that the order depended on is gone
        "7": CancelReason.VENUE,  # the symbol was delisted
        "8": CancelReason.VENUE,  # the stop of the order was triggered
        "9": CancelReason.IOC_REMAINDER,  # a market order
        "10": CancelReason.FOK_NOT_FILLABLE,
        POST_ONLY_FAILED: CancelReason.VENUE,
    },
)

# --- types and times of orders, from the wire

SPOT_TYPES = WordTable(
    "spot order type",
    {
        "LIMIT": OrderType.LIMIT,
        "LIMIT_MAKER": OrderType.LIMIT,
        "MARKET": OrderType.MARKET,
        "STOP_LOSS": OrderType.STOP_LOSS,
        "STOP_LOSS_LIMIT": OrderType.STOP_LOSS_LIMIT,
        "TAKE_PROFIT": OrderType.TAKE_PROFIT,
        "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
    },
)
SPOT_TIMES = WordTable("spot time in force", {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK})
USDM_TYPES = WordTable(
    "USD-M order type",
    {
        "LIMIT": OrderType.LIMIT,
        "MARKET": OrderType.MARKET,
        "STOP": OrderType.STOP_LIMIT,
        "STOP_MARKET": OrderType.STOP,
        "TAKE_PROFIT": OrderType.TAKE_PROFIT_LIMIT,
        "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT,
        "TRAILING_STOP_MARKET": OrderType.TRAILING_STOP,
        "LIQUIDATION": OrderType.LIMIT,  # the venue closes a position at the bankruptcy price
    },
)
USDM_TIMES = WordTable(
    "USD-M time in force",
    {
        "GTC": TimeInForce.GTC,
        "IOC": TimeInForce.IOC,
        "FOK": TimeInForce.FOK,
        "GTX": TimeInForce.GTX,
        "GTD": TimeInForce.GTD,
        "RPI": TimeInForce.GTX,  # post-only, and shown to retail traders alone
        "GTE_GTC": TimeInForce.GTC,  # it ends with the position as well
    },
)
CONDITIONAL_TYPES = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
"""Types of USD-M that the algo service keeps until they are triggered."""

_MARKET_TIMES = {
    TimeInForce.GTC: TimeInForce.IOC,
    TimeInForce.IOC: TimeInForce.IOC,
    TimeInForce.FOK: TimeInForce.FOK,
}


def spot_terms(type: str, time_in_force: str, *, is_trailing: bool = False) -> tuple[OrderType, TimeInForce]:
    """Return our type and time in force of an order of spot or margin. Raises `UnknownMember`."""
    ours, time = SPOT_TYPES.of(type), SPOT_TIMES.of(time_in_force)
    if type == "LIMIT_MAKER":
        return ours, TimeInForce.GTX
    if type == "MARKET":
        return ours, _MARKET_TIMES[time]
    return (OrderType.TRAILING_STOP if is_trailing else ours), time


def usdm_terms(type: str, time_in_force: str) -> tuple[OrderType, TimeInForce]:
    """Return our type and time in force of an order of USD-M. Raises `UnknownMember`."""
    ours, time = USDM_TYPES.of(type), USDM_TIMES.of(time_in_force)
    return ours, (_MARKET_TIMES.get(time, time) if ours is OrderType.MARKET else time)


# --- types of orders, to the wire; an order that is not listed here is refused by `orders`

SPOT_TYPE_WORDS: Mapping[OrderType, str] = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "MARKET",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LOSS: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.STOP_LOSS_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
}
SPOT_POST_ONLY = "LIMIT_MAKER"
SPOT_TIME_WORDS: Mapping[TimeInForce, str] = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
USDM_PLAIN_TYPE_WORDS: Mapping[OrderType, str] = {OrderType.LIMIT: "LIMIT", OrderType.MARKET: "MARKET"}
USDM_ALGO_TYPE_WORDS: Mapping[OrderType, str] = {
    OrderType.STOP: "STOP_MARKET",
    OrderType.STOP_LOSS: "STOP_MARKET",
    OrderType.STOP_LIMIT: "STOP",
    OrderType.STOP_LOSS_LIMIT: "STOP",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT_MARKET",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT",
}
USDM_TIME_WORDS: Mapping[TimeInForce, str] = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTX: "GTX",
    TimeInForce.GTD: "GTD",
}

# --- instruments

SPOT_SYMBOL_STATUSES = WordTable(
    "spot symbol status",
    {
        "TRADING": InstrumentStatus.ACTIVE,
        "END_OF_DAY": InstrumentStatus.INACTIVE,
        "HALT": InstrumentStatus.INACTIVE,
        "BREAK": InstrumentStatus.INACTIVE,
        "CANCEL_ONLY": InstrumentStatus.INACTIVE,
        "PRE_TRADING": InstrumentStatus.INACTIVE,
        "POST_TRADING": InstrumentStatus.INACTIVE,
        "AUCTION_MATCH": InstrumentStatus.INACTIVE,
    },
)
CONTRACT_STATUSES = WordTable(
    "contract status",
    {
        "TRADING": InstrumentStatus.ACTIVE,
        "PENDING_TRADING": InstrumentStatus.INACTIVE,
        "TRADING_HALT": InstrumentStatus.INACTIVE,
        "TRADING_CANCEL_ONLY": InstrumentStatus.INACTIVE,
        "PRE_DELIVERING": InstrumentStatus.INACTIVE,
        "DELIVERING": InstrumentStatus.INACTIVE,
        "PRE_SETTLE": InstrumentStatus.INACTIVE,
        "SETTLING": InstrumentStatus.DELISTED,
        "DELIVERED": InstrumentStatus.DELISTED,
        "CLOSE": InstrumentStatus.DELISTED,
    },
)
CONTRACT_TYPES = WordTable(
    "contract type",
    {
        "PERPETUAL": InstrumentType.PERPETUAL,
        "TRADIFI_PERPETUAL": InstrumentType.PERPETUAL,
        "PERPETUAL_DELIVERING": InstrumentType.PERPETUAL,
        "PERPETUAL DELIVERING": InstrumentType.PERPETUAL,
        "CURRENT_MONTH": InstrumentType.FUTURES,
        "NEXT_MONTH": InstrumentType.FUTURES,
        "CURRENT_QUARTER": InstrumentType.FUTURES,
        "NEXT_QUARTER": InstrumentType.FUTURES,
        "CURRENT_QUARTER DELIVERING": InstrumentType.FUTURES,
        "NEXT_QUARTER DELIVERING": InstrumentType.FUTURES,
    },
)
UNDERLYING_TYPES = WordTable(
    "underlying type",
    {
        "COIN": SecurityType.CRYPTO,
        "INDEX": SecurityType.INDEX,
        "COMMODITY": SecurityType.COMMODITY,
        "EQUITY": SecurityType.STOCK,
        "HK_EQUITY": SecurityType.STOCK,
        "KR_EQUITY": SecurityType.STOCK,
        "PREMARKET": SecurityType.STOCK,  # a company that is not listed yet
    },
)
