"""The payloads of DERIBIT as the wire has them.

Field names here are words; the wire's own names stand beside them. The wire writes numbers as JSON numbers, which are
read as Decimals from their text. Members of enums stay text: `mapping` decides about them. Fields that are not listed
are ignored, because the venue adds some every month.
"""

from decimal import Decimal

import msgspec
from msgspec import field

from cadenza.adapters.venues.kit.order_facts import sane
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.money import ZERO

ABSENT = msgspec.Raw()
"""A part that the payload does not have."""

MARKET_PRICE = "market_price"
"""What stands in the place of a price that a trigger order does not have."""


class RpcPayload(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that the venue sends."""


# --- replies and notifications


class RpcErrorData(RpcPayload, frozen=True, kw_only=True):
    reason: str | None = None
    param: str | None = None


class RpcError(RpcPayload, frozen=True, kw_only=True):
    code: int
    message: str = ""
    data: msgspec.Raw = ABSENT


class RpcParams(RpcPayload, frozen=True, kw_only=True):
    """The parameters of a notification: of a channel, or of a heartbeat (`type`)."""

    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    type: str = ""


class RpcFrame(RpcPayload, frozen=True, kw_only=True):
    """An answer, with a result or an error, or a notification, with a method."""

    id: int | None = None
    result: msgspec.Raw = ABSENT
    error: RpcError | None = None
    method: str = ""
    received_us: int | None = field(name="usIn", default=None)
    params: RpcParams = RpcParams()


class GrantedAccess(RpcPayload, frozen=True, kw_only=True):
    """The answer to `public/auth`."""

    expires_in_s: int = field(name="expires_in")
    refresh_token: str
    scope: str = ""


# --- the catalogue


class DeribitInstrumentName(RpcPayload, frozen=True, kw_only=True):
    name: str = field(name="instrument_name")


class DeribitTickStep(RpcPayload, frozen=True, kw_only=True):
    above: Decimal = field(name="above_price")
    tick: Decimal = field(name="tick_size")


class ListedInstrument(RpcPayload, frozen=True, kw_only=True):
    """An instrument of the catalogue. `type` says whether a contract is linear or inverse; former lists leave it
    out."""

    name: str = field(name="instrument_name")
    kind: str
    base: str = field(name="base_currency")
    quote: str = field(name="quote_currency")
    counter: str | None = field(name="counter_currency", default=None)
    settled_in: str | None = field(name="settlement_currency", default=None)
    type: str | None = field(name="instrument_type", default=None)
    future_type: str | None = None
    """What it was called in former lists."""
    state: str | None = None
    is_active: bool
    contract_size: Decimal
    lot: Decimal = field(name="min_trade_amount")
    tick: Decimal = field(name="tick_size")
    tick_steps: list[DeribitTickStep] = field(name="tick_size_steps", default_factory=list)
    maker: Decimal = field(name="maker_commission", default=ZERO)
    taker: Decimal = field(name="taker_commission", default=ZERO)
    expires_ms: int | None = field(name="expiration_timestamp", default=None)
    period: str | None = field(name="settlement_period", default=None)
    strike: Decimal | None = None
    option_type: str | None = None
    max_leverage: int | None = None
    index: str | None = field(name="price_index", default=None)


# --- the market

WireLevel = tuple[str, Decimal, Decimal]
"""What happened to a level (`new`, `change`, `delete`), its price, and its amount now."""


NO_LEVELS = msgspec.Raw(b"[]")


class DeribitBookMessage(RpcPayload, frozen=True, kw_only=True):
    """A snapshot of a book, or a change, with lists of `WireLevel`. Former versions of the wire leave `type` out: a
    snapshot names no message before it."""

    instrument: str = field(name="instrument_name")
    at_ms: int = field(name="timestamp")
    change_id: int
    previous: int | None = field(name="prev_change_id", default=None)
    type: str | None = None
    bids: msgspec.Raw = NO_LEVELS
    asks: msgspec.Raw = NO_LEVELS


class DeribitPublicTrade(RpcPayload, frozen=True, kw_only=True):
    instrument: str = field(name="instrument_name")
    id: str = field(name="trade_id")
    sequence: int = field(name="trade_seq")
    price: Decimal
    amount: Decimal
    direction: str
    at_ms: int = field(name="timestamp")


class DeribitTicker(RpcPayload, frozen=True, kw_only=True):
    """`highest` is the limit price to which the venue moves that of a BUY which is above it, and `lowest` that of a
    SELL which is below it, in a future or a perpetual."""

    instrument: str = field(name="instrument_name")
    mark: Decimal | None = field(name="mark_price", default=None)
    lowest: Decimal | None = field(name="min_price", default=None)
    highest: Decimal | None = field(name="max_price", default=None)


class DeribitPrices(RpcPayload, frozen=True, kw_only=True):
    """The best prices of a book; 0 or None where a side has none."""

    bid: Decimal | None = field(name="best_bid_price", default=None)
    ask: Decimal | None = field(name="best_ask_price", default=None)


# --- orders and executions


class OrderRow(RpcPayload, frozen=True, kw_only=True):
    """An order. A trigger order that waits has executed nothing; one that was triggered has become another order, whose
    `trigger_order_id` names it."""

    id: str = field(name="order_id")
    instrument: str = field(name="instrument_name")
    state: str = field(name="order_state")
    type: str = field(name="order_type")
    time_in_force: str = "good_til_cancelled"
    direction: str
    amount: Decimal
    filled: Decimal = field(name="filled_amount", default=ZERO)
    average_price: Decimal | None = None
    price: msgspec.Raw = msgspec.Raw(b"null")
    label: str = ""
    is_post_only: bool = field(name="post_only", default=False)
    is_replaced: bool | None = field(name="replaced", default=None)
    """Whether somebody has edited it; None where the payload does not say so."""
    is_reduce_only: bool = field(name="reduce_only", default=False)
    is_liquidation: bool = False
    trigger: str | None = None
    """The price that its trigger is compared with."""
    trigger_price: Decimal | None = None
    trigger_order_id: str | None = None
    cancel_reason: str | None = None
    created_ms: int = field(name="creation_timestamp")
    updated_ms: int = field(name="last_update_timestamp")


class OrderMark(RpcPayload, frozen=True, kw_only=True):
    """The names in an order, which can be read even where the rest cannot."""

    id: str = field(name="order_id")
    instrument: str = field(name="instrument_name")


class UserTrade(RpcPayload, frozen=True, kw_only=True):
    """An execution of the account. A fee below zero is a rebate."""

    id: str = field(name="trade_id")
    order_id: str
    instrument: str = field(name="instrument_name")
    direction: str
    price: Decimal
    amount: Decimal
    fee: Decimal = ZERO
    fee_currency: str = ""
    liquidity: str = ""
    label: str = ""
    at_ms: int = field(name="timestamp")


class PlacementResult(RpcPayload, frozen=True, kw_only=True):
    """The result of a new order."""

    order: msgspec.Raw
    trades: list[msgspec.Raw] = []


class TradePage(RpcPayload, frozen=True, kw_only=True):
    trades: list[msgspec.Raw] = []
    has_more: bool = False


class OrderPage(RpcPayload, frozen=True, kw_only=True):
    orders: list[msgspec.Raw] = []
    continuation: str | None = None


class CanceledOrders(RpcPayload, frozen=True, kw_only=True):
    """The orders of one kind that a cancel of many has ended."""

    orders: list[msgspec.Raw] = field(name="result", default_factory=list)


class TriggerEntry(RpcPayload, frozen=True, kw_only=True):
    """A line of the history of trigger orders. `order_id` is what the trigger order has become."""

    trigger_order_id: str | None = None
    order_id: str | None = None


class TriggerPage(RpcPayload, frozen=True, kw_only=True):
    entries: list[TriggerEntry] = []
    continuation: str | None = None


# --- the account


class AccountChanges(RpcPayload, frozen=True, kw_only=True):
    """What happened, in one message: orders, their trades and positions agree."""

    orders: list[msgspec.Raw] = []
    trades: list[msgspec.Raw] = []
    positions: list[msgspec.Raw] = []
    position: list[msgspec.Raw] = []
    """The documents' schema writes it so, and their example `positions`."""


class CurrencyFunds(RpcPayload, frozen=True, kw_only=True):
    """What the account has of one currency. `balance` is cash: what was paid in and settled, with fees and premiums.
    `realized` is what futures brought since the last settlement, which pays it into the cash; a currency in which no
    futures settle may lack it. `available` is the equity that no margin holds."""

    currency: str
    balance: Decimal
    realized: Decimal | None = field(name="futures_session_rpl", default=None)
    available: Decimal | None = field(name="available_funds", default=None)
    margin_model: str = ""


class AccountSummaries(RpcPayload, frozen=True, kw_only=True):
    """All currencies of the account. `id` and the user's name come with an extended answer."""

    id: int | None = None
    name: str = field(name="username", default="")
    summaries: list[msgspec.Raw] = []


class PositionRow(RpcPayload, frozen=True, kw_only=True):
    """A position: USD of an inverse future, base units of all others. `floating` is its profit at `mark` since the last
    settlement, or since it was opened."""

    instrument: str = field(name="instrument_name")
    kind: str = ""
    direction: str
    size: Decimal
    average_price: Decimal | None = None
    leverage: int | None = None
    maintenance_margin: Decimal | None = None
    mark: Decimal | None = field(name="mark_price", default=None)
    floating: Decimal | None = field(name="floating_profit_loss", default=None)


def price_of(text: msgspec.Raw) -> Decimal | None:
    """Return the price of an order; None where it has none of its own. Raises `UnreadablePayload`."""
    if bytes(text) == b"null":
        return None
    if bytes(text).startswith(b'"'):
        if decode(str, text) == MARKET_PRICE:
            return None
        raise UnreadablePayload("an order has a word for a price")
    return sane(decode(Decimal, text)) or None
