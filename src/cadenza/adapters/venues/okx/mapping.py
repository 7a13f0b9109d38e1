"""The words of OKX and ours, both ways, by tables without a default: what a table does not list is refused.

OKX has no time in force: an order's type says it. A market order is IOC here. Of the algo service's orders, a stop with
a direction of its own is `conditional`: as a stop loss it is our STOP or STOP_LOSS, as a take profit our TAKE_PROFIT.
"""

from collections.abc import Mapping
from enum import StrEnum

from cadenza.adapters.venues.kit.order_facts import Standing
from cadenza.adapters.venues.kit.words import UnknownMember, WordTable
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentStatus, InstrumentType
from cadenza.domain.trading.enums import CancelReason, LiquiditySide

ALGO_PREFIX = "algo-"
"""Before the numbers of the algo service in our ids: those of the matching engine are other numbers."""

SIDES = WordTable("side", {"buy": Side.BUY, "sell": Side.SELL})
SIDE_WORDS: Mapping[Side, str] = {Side.BUY: "buy", Side.SELL: "sell"}

POSITION_SIDES = WordTable(
    "posSide",
    {"net": PositionSide.NET, "": PositionSide.NET, "long": PositionSide.LONG, "short": PositionSide.SHORT},
)
POSITION_SIDE_WORDS: Mapping[PositionSide, str] = {
    PositionSide.NET: "net",
    PositionSide.LONG: "long",
    PositionSide.SHORT: "short",
}

LIQUIDITY: WordTable[LiquiditySide | None] = WordTable(
    "execType", {"M": LiquiditySide.MAKER, "T": LiquiditySide.TAKER, "": None}
)

POSITION_MODES = WordTable("posMode", {"net_mode": PositionMode.NETTING, "long_short_mode": PositionMode.HEDGE})

# --- kinds of instruments and accounts

KINDS = WordTable(
    "instType",
    {
        "SPOT": InstrumentType.SPOT,
        "MARGIN": InstrumentType.SPOT,
        "SWAP": InstrumentType.PERPETUAL,
        "FUTURES": InstrumentType.FUTURES,
        "OPTION": InstrumentType.OPTION,
    },
)
KIND_WORDS: Mapping[AccountType, tuple[str, ...]] = {
    AccountType.SPOT: ("SPOT",),
    AccountType.MARGIN: ("SPOT", "MARGIN"),
    AccountType.FUTURES: ("SWAP", "FUTURES"),
    AccountType.OPTIONS: ("OPTION",),
}
"""The kinds that an account of each type trades. A cross order of a pair is listed as MARGIN or as SPOT."""

TRADE_MODES: Mapping[AccountType, str] = {
    AccountType.SPOT: "cash",
    AccountType.MARGIN: "cross",
    AccountType.FUTURES: "cross",
    AccountType.OPTIONS: "cross",
}
"""The `tdMode` of our orders."""


class AccountMode(StrEnum):
    """What the whole account may trade (`acctLv`). The owner chooses it at the venue."""

    SPOT = "SPOT"
    FUTURES = "FUTURES"
    MULTI_CURRENCY = "MULTI_CURRENCY"
    PORTFOLIO = "PORTFOLIO"


ACCOUNT_MODES = WordTable(
    "acctLv",
    {
        "1": AccountMode.SPOT,
        "2": AccountMode.FUTURES,
        "3": AccountMode.MULTI_CURRENCY,
        "4": AccountMode.PORTFOLIO,
    },
)
ACCOUNT_TYPES: Mapping[AccountMode, tuple[AccountType, ...]] = {
    AccountMode.SPOT: (AccountType.SPOT,),
    AccountMode.FUTURES: (AccountType.SPOT, AccountType.FUTURES, AccountType.OPTIONS),
    AccountMode.MULTI_CURRENCY: (AccountType.MARGIN, AccountType.FUTURES, AccountType.OPTIONS),
    AccountMode.PORTFOLIO: (AccountType.MARGIN, AccountType.FUTURES, AccountType.OPTIONS),
}
"""In the last two modes the venue takes pairs as `cross` only, so an order may borrow: that is a MARGIN account. In
FUTURES mode a margin trade would make a position of its own, which is not taken."""

# --- orders

ORDER_STATES = WordTable(
    "order state",
    {
        "live": Standing.WORKING,
        "partially_filled": Standing.WORKING,
        "filled": Standing.FILLED,
        "canceled": Standing.CANCELED,
        "mmp_canceled": Standing.CANCELED,
    },
)

ORDER_TERMS = WordTable(
    "ordType",
    {
        "market": (OrderType.MARKET, TimeInForce.IOC),
        "optimal_limit_ioc": (OrderType.MARKET, TimeInForce.IOC),
        "limit": (OrderType.LIMIT, TimeInForce.GTC),
        "post_only": (OrderType.LIMIT, TimeInForce.GTX),
        "fok": (OrderType.LIMIT, TimeInForce.FOK),
        "op_fok": (OrderType.LIMIT, TimeInForce.FOK),
        "ioc": (OrderType.LIMIT, TimeInForce.IOC),
        "mmp": (OrderType.LIMIT, TimeInForce.GTC),
        "mmp_and_post_only": (OrderType.LIMIT, TimeInForce.GTX),
        "elp": (OrderType.LIMIT, TimeInForce.GTX),  # post-only, and shown to retail traders alone
        "rpi": (OrderType.LIMIT, TimeInForce.GTX),
    },
)
LIMIT_TYPE_WORDS: Mapping[TimeInForce, str] = {
    TimeInForce.GTC: "limit",
    TimeInForce.GTX: "post_only",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
}
OPTION_FOK = "op_fok"
MARKET = "market"
IN_QUOTE = "quote_ccy"

LIQUIDATIONS = WordTable(
    "category",
    {
        "normal": False,
        "": False,
        "twap": False,
        "ddh": False,  # a hedge that the owner has switched on
        "auto_conversion": False,
        "delivery": False,
        "adl": True,
        "full_liquidation": True,
        "partial_liquidation": True,
    },
)
"""Whether the venue placed an order of this category to close a position."""

WOULD_TAKE = "31"
"""The cancel source that is a refusal: a post-only order would have taken."""

CANCEL_SOURCES: WordTable[CancelReason] = WordTable(
    "cancelSource",
    {
        "": CancelReason.VENUE,
        "0": CancelReason.VENUE,
        "1": CancelReason.USER,
        "2": CancelReason.RISK,  # a reduce-only order, for want of margin
        "3": CancelReason.RISK,
        "4": CancelReason.RISK,  # a loan reached its hard limit
        "6": CancelReason.RISK,  # auto-deleveraging
        "7": CancelReason.VENUE,  # the contract is delivered
        "9": CancelReason.RISK,  # funding fees used the balance up
        "10": CancelReason.VENUE,  # the option expires
        "13": CancelReason.FOK_NOT_FILLABLE,
        "14": CancelReason.IOC_REMAINDER,
        "15": CancelReason.VENUE,  # the price is beyond the limit
        "17": CancelReason.VENUE,  # the position was closed at market
        "20": CancelReason.USER,  # the owner's dead man's switch
        "21": CancelReason.VENUE,  # the position of a stop or take profit is closed
        "22": CancelReason.VENUE,  # it would not have reduced the position
        "23": CancelReason.VENUE,
        "27": CancelReason.VENUE,  # the prices of the two sides are too far apart
        WOULD_TAKE: CancelReason.VENUE,
        "32": CancelReason.SELF_TRADE,
        "33": CancelReason.VENUE,  # it would have met too many orders at once
        "36": CancelReason.VENUE,  # the stop loss beside it was triggered
        "37": CancelReason.VENUE,  # the stop loss beside it was canceled
        "38": CancelReason.USER,  # market maker protection
        "39": CancelReason.VENUE,
        "42": CancelReason.VENUE,  # it chased the market too far
        "43": CancelReason.VENUE,
        "44": CancelReason.VENUE,
        "45": CancelReason.VENUE,
        "46": CancelReason.VENUE,
    },
)
"""Why an order ended, by number. A number that is not here makes the order's end unreadable, so that it is asked about
and seen."""

# --- orders of the algo service


class AlgoStanding(StrEnum):
    """How an order of the algo service stands. EFFECTIVE: the matching engine has the order that it became."""

    WORKING = "WORKING"
    EFFECTIVE = "EFFECTIVE"
    CANCELED = "CANCELED"
    FAILED = "FAILED"


ALGO_STATES = WordTable(
    "algo state",
    {
        "live": AlgoStanding.WORKING,
        "pause": AlgoStanding.WORKING,
        "effective": AlgoStanding.EFFECTIVE,
        "partially_effective": AlgoStanding.EFFECTIVE,
        "canceled": AlgoStanding.CANCELED,
        "order_failed": AlgoStanding.FAILED,
        "partially_failed": AlgoStanding.FAILED,
    },
)

CONDITIONAL, TRIGGER, TRAILING = "conditional", "trigger", "move_order_stop"
ALGO_TYPES = (CONDITIONAL, TRIGGER, TRAILING)
"""The algo orders that are one order each."""
AT_MARKET = "-1"
"""The price of an algo order that becomes a market order."""

STOP_TYPES = frozenset({OrderType.STOP, OrderType.STOP_LOSS, OrderType.STOP_LIMIT, OrderType.STOP_LOSS_LIMIT})
PROFIT_TYPES = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
ALGO_ORDER_TYPES = STOP_TYPES | PROFIT_TYPES

# --- instruments

INSTRUMENT_STATES = WordTable(
    "instrument state",
    {
        "live": InstrumentStatus.ACTIVE,
        "suspend": InstrumentStatus.INACTIVE,
        "preopen": InstrumentStatus.INACTIVE,
        "rebase": InstrumentStatus.INACTIVE,
        "post_only": InstrumentStatus.INACTIVE,
        "test": InstrumentStatus.DISABLED,
        "settling": InstrumentStatus.INACTIVE,
    },
)
OPTION_TYPES = WordTable("optType", {"C": "CALL", "P": "PUT"})
CONTRACT_IS_INVERSE = WordTable("ctType", {"linear": False, "inverse": True})


def trades_kind(account: AccountType, kind: str, trade_mode: str) -> bool:
    """Return whether a row of this `instType` and `tdMode` is about an account of that type. Raises `UnknownMember` for
    a kind that no account has."""
    if kind not in KINDS:
        raise UnknownMember("instType", kind)
    if kind not in (*KIND_WORDS[account], "MARGIN"):
        return False
    match account:
        case AccountType.SPOT:
            return kind == "SPOT" and trade_mode in ("cash", "")
        case AccountType.MARGIN:
            return trade_mode in ("cash", "cross", "")
        case AccountType.FUTURES | AccountType.OPTIONS:
            return kind != "MARGIN"
