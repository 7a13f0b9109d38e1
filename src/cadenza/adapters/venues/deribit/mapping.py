"""The words of DERIBIT and ours, both ways, by tables without a default: what a table does not list is refused.

Market orders have no time in force at the venue; they are IOC here. Post-only is a flag: with it a GTC order is GTX.
"""

from collections.abc import Mapping

from cadenza.adapters.venues.kit.order_facts import Standing
from cadenza.adapters.venues.kit.words import WordTable
from cadenza.domain.accounts.trading_account import AccountType, MarginMode
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentStatus, InstrumentType
from cadenza.domain.trading.enums import CancelReason, LiquiditySide

SIDES = WordTable("direction", {"buy": Side.BUY, "sell": Side.SELL})
METHODS: Mapping[Side, str] = {Side.BUY: "private/buy", Side.SELL: "private/sell"}

POSITION_SIGNS = WordTable("position direction", {"buy": 1, "sell": -1, "zero": 0})

LIQUIDITY: WordTable[LiquiditySide | None] = WordTable(
    "liquidity", {"M": LiquiditySide.MAKER, "T": LiquiditySide.TAKER, "": None}
)

# --- kinds of instruments and accounts

FUTURE, OPTION, SPOT = "future", "option", "spot"
KIND_WORDS: Mapping[AccountType, str] = {
    AccountType.MARGIN: SPOT,
    AccountType.FUTURES: FUTURE,
    AccountType.OPTIONS: OPTION,
}
"""The kind that an account of each type trades. Combinations of instruments are not traded here."""

KINDS_OF: Mapping[InstrumentType, str] = {
    InstrumentType.SPOT: SPOT,
    InstrumentType.PERPETUAL: FUTURE,
    InstrumentType.FUTURES: FUTURE,
    InstrumentType.OPTION: OPTION,
}

MARGIN_MODES = WordTable(
    "margin_model",
    {
        "segregated_sm": MarginMode.STANDARD,
        "cross_sm": MarginMode.STANDARD,
        "segregated_pm": MarginMode.PORTFOLIO,
        "cross_pm": MarginMode.PORTFOLIO,
    },
)

# --- orders

TRIGGERED = "triggered"
"""The state of a trigger order that has become another order."""

ORDER_STATES = WordTable(
    "order_state",
    {
        "open": Standing.WORKING,
        "untriggered": Standing.WORKING,
        TRIGGERED: Standing.WORKING,
        "filled": Standing.FILLED,
        "cancelled": Standing.CANCELED,
        "rejected": Standing.REJECTED,
    },
)

ORDER_TYPES = WordTable(
    "order_type",
    {
        "limit": OrderType.LIMIT,
        "market": OrderType.MARKET,
        "market_limit": OrderType.LIMIT,  # a limit order at the best price
        "liquidation": OrderType.MARKET,
        "stop_limit": OrderType.STOP_LIMIT,
        "stop_market": OrderType.STOP,
        "take_limit": OrderType.TAKE_PROFIT_LIMIT,
        "take_market": OrderType.TAKE_PROFIT,
        "trailing_stop": OrderType.TRAILING_STOP,
    },
)
TYPE_WORDS: Mapping[OrderType, str] = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop_market",
    OrderType.STOP_LOSS: "stop_market",
    OrderType.STOP_LIMIT: "stop_limit",
    OrderType.STOP_LOSS_LIMIT: "stop_limit",
    OrderType.TAKE_PROFIT: "take_market",
    OrderType.TAKE_PROFIT_LIMIT: "take_limit",
}

TIMES_IN_FORCE = WordTable(
    "time_in_force",
    {
        "good_til_cancelled": TimeInForce.GTC,
        "good_til_day": TimeInForce.GTD,  # until 08:00 UTC, which is not the end of our DAY
        "fill_or_kill": TimeInForce.FOK,
        "immediate_or_cancel": TimeInForce.IOC,
    },
)
TIME_WORDS: Mapping[TimeInForce, str] = {
    TimeInForce.GTC: "good_til_cancelled",
    TimeInForce.GTX: "good_til_cancelled",
    TimeInForce.IOC: "immediate_or_cancel",
    TimeInForce.FOK: "fill_or_kill",
}

LAST_PRICE = "last_price"
"""What our stops are triggered by."""

CANCEL_REASONS = WordTable(
    "cancel_reason",
    {
        "user_request": CancelReason.USER,
        "autoliquidation": CancelReason.RISK,
        "cancel_on_disconnect": CancelReason.USER,  # the owner has switched it on
        "risk_mitigation": CancelReason.RISK,
        "pme_risk_reduction": CancelReason.RISK,
        "pme_account_locked": CancelReason.RISK,
        "position_locked": CancelReason.RISK,
        "mmp_trigger": CancelReason.USER,  # market maker protection
        "mmp_config_curtailment": CancelReason.USER,
        "edit_post_only_reject": CancelReason.VENUE,
        "oco_other_closed": CancelReason.VENUE,
        "oto_primary_closed": CancelReason.VENUE,
        "settlement": CancelReason.VENUE,
    },
)
"""Why an order ended. A reason that is not here makes the order's end unreadable, so that it is asked about and
seen."""

# --- instruments

INSTRUMENT_STATES = WordTable(
    "instrument state",
    {
        "open": InstrumentStatus.ACTIVE,
        "settlement": InstrumentStatus.INACTIVE,
        "locked": InstrumentStatus.INACTIVE,  # cancels alone are taken
        "halted": InstrumentStatus.INACTIVE,
        "inactive": InstrumentStatus.INACTIVE,
        "closed": InstrumentStatus.INACTIVE,
        "delivered": InstrumentStatus.DELISTED,
        "archivized": InstrumentStatus.DELISTED,
    },
)
OPTION_TYPES = WordTable("option_type", {"call": "CALL", "put": "PUT"})
CONTRACT_IS_INVERSE = WordTable("instrument_type", {"linear": False, "reversed": True})
