"""The words of BITFINEX and ours, by tables without a default: what a table does not list is refused.

BITFINEX has no time in force: an order's type says it, and a flag that it is post-only. A market order is IOC here. The
word EXCHANGE before a type says that the order trades with the exchange wallet; without it the order makes a position.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cadenza.adapters.venues.kit.order_facts import Standing
from cadenza.adapters.venues.kit.words import WordTable
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, RejectReason

ON_EXCHANGE = "EXCHANGE "

ORDER_TYPES = WordTable(
    "order type",
    {
        "LIMIT": (OrderType.LIMIT, TimeInForce.GTC),
        "MARKET": (OrderType.MARKET, TimeInForce.IOC),
        "FOK": (OrderType.LIMIT, TimeInForce.FOK),
        "IOC": (OrderType.LIMIT, TimeInForce.IOC),
        "STOP": (OrderType.STOP, TimeInForce.GTC),
        "STOP LIMIT": (OrderType.STOP_LIMIT, TimeInForce.GTC),
        "TRAILING STOP": (OrderType.TRAILING_STOP, TimeInForce.GTC),
    },
)
"""Types without the word for the wallet."""

LIMIT_TYPE_WORDS: Mapping[TimeInForce, str] = {
    TimeInForce.GTC: "LIMIT",
    TimeInForce.GTX: "LIMIT",
    TimeInForce.GTD: "LIMIT",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
TYPE_WORDS: Mapping[OrderType, str] = {
    OrderType.MARKET: "MARKET",
    OrderType.STOP: "STOP",
    OrderType.STOP_LOSS: "STOP",
    OrderType.STOP_LIMIT: "STOP LIMIT",
    OrderType.STOP_LOSS_LIMIT: "STOP LIMIT",
}
SHOWN_AS: Mapping[OrderType, OrderType] = {
    type: shown for type, word in TYPE_WORDS.items() if (shown := ORDER_TYPES.of(word)[0]) is not type
}
"""The types of ours that share a word with another one, and which one the word is read as."""

POST_ONLY = 4_096
"""The flag of an order that must not take."""

WALLETS: WordTable[tuple[AccountType, ...]] = WordTable(
    "wallet",
    {
        "exchange": (AccountType.SPOT,),
        "margin": (AccountType.MARGIN, AccountType.FUTURES),
        "funding": (),
        "contribution": (),
    },
)
"""Which accounts a wallet is of. Funding is lent, and no account here trades with it."""

COLLATERAL_SUFFIX = "F0"
"""The codes of currencies that are the collateral of derivatives end with it."""

LIQUIDITY: WordTable[LiquiditySide | None] = WordTable(
    "maker", {"1": LiquiditySide.MAKER, "-1": LiquiditySide.TAKER, "None": None}
)
POSITION_STATUSES = WordTable("position status", {"ACTIVE": True, "CLOSED": False})
"""Whether there is a position."""

# --- how an order stands


@dataclass(frozen=True, slots=True)
class OrderEnd:
    """How the wire says that an order stands. `reason` is the venue's for an end that nobody asked for. `rejection` is
    what the same word means of an order that has executed nothing, where that is a refusal."""

    standing: Standing
    reason: CancelReason | None = None
    rejection: RejectReason | None = None
    is_liquidation: bool = False


ORDER_STATUSES: WordTable[OrderEnd] = WordTable(
    "order status",
    {
        "ACTIVE": OrderEnd(Standing.WORKING),
        "PARTIALLY FILLED": OrderEnd(Standing.WORKING),
        "EXECUTED": OrderEnd(Standing.FILLED),
        "FORCED EXECUTED": OrderEnd(Standing.FILLED, is_liquidation=True),
        "CANCELED": OrderEnd(Standing.CANCELED),
        "POSTONLY CANCELED": OrderEnd(
            Standing.CANCELED, CancelReason.VENUE, rejection=RejectReason.POST_ONLY_WOULD_TAKE
        ),
        "IOC CANCELED": OrderEnd(Standing.CANCELED, CancelReason.IOC_REMAINDER),
        "FILLORKILL CANCELED": OrderEnd(Standing.CANCELED, CancelReason.FOK_NOT_FILLABLE),
        "INSUFFICIENT BALANCE (G1)": OrderEnd(
            Standing.CANCELED, CancelReason.RISK, rejection=RejectReason.INSUFFICIENT_BALANCE
        ),
        "INSUFFICIENT BALANCE (U1)": OrderEnd(
            Standing.CANCELED, CancelReason.RISK, rejection=RejectReason.INSUFFICIENT_BALANCE
        ),
        "INSUFFICIENT MARGIN": OrderEnd(
            Standing.CANCELED, CancelReason.RISK, rejection=RejectReason.INSUFFICIENT_MARGIN
        ),
        "RSN_PAUSE": OrderEnd(Standing.CANCELED, CancelReason.VENUE, rejection=RejectReason.INSTRUMENT_NOT_TRADABLE),
        "RSN_DUST": OrderEnd(Standing.CANCELED, CancelReason.VENUE),  # what was left is below 0.00000001
        "RSN_BOOK_SLIP": OrderEnd(Standing.CANCELED, CancelReason.VENUE),  # it would have moved the market too far
        "RSN_POS_REDUCE_INCR": OrderEnd(Standing.CANCELED, CancelReason.VENUE),  # reduce-only, and it would increase
        "RSN_POS_REDUCE_FLIP": OrderEnd(Standing.CANCELED, CancelReason.VENUE),  # reduce-only, and it would turn
        "RSN_POS_NOTFOUND": OrderEnd(Standing.CANCELED, CancelReason.VENUE),  # reduce-only without a position
    },
)
"""The first words of a status. Prices, amounts and the former status follow them."""

_FIRST_WORDS = re.compile(r"(.*?)(?: @ .*|:? was:? .*|, .*)?", re.DOTALL)
_EXECUTION = " @ "


def status_words(text: str) -> str:
    """Return the first words of a status, without the executions and the former status that follow: `CANCELED` of
    `CANCELED was: PARTIALLY FILLED @ 107.6(-0.2)`."""
    found = _FIRST_WORDS.fullmatch(text.strip())
    assert found is not None
    return found[1]


def lists_execution(text: str) -> bool:
    """Return whether a status lists an execution."""
    return _EXECUTION in text
