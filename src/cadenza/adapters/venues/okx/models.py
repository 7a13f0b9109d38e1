"""The payloads of OKX v5 as the wire has them.

Field names here are words; the wire's own names stand beside them. The wire writes every number as text, and an empty
text where there is none: those stay text until `number` reads them. Members of enums stay text: `mapping` decides about
them. Fields that are not listed are ignored, because the venue adds some every month.
"""

from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import field

from cadenza.adapters.venues.kit.order_facts import sane
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.money import ZERO

SUCCESS = "0"
"""The code of a reply, or of a row, that says that all is well."""


class OkxPayload(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that the venue sends."""


def number(text: str) -> Decimal | None:
    """Return a number of the wire; None where it is not stated. Raises `UnreadablePayload`."""
    if not text:
        return None
    try:
        return sane(Decimal(text))
    except InvalidOperation:
        raise UnreadablePayload(f"{text[:64]!r} is no number") from None


def amount(text: str) -> Decimal:
    """Return a number of the wire; zero where it is not stated. Raises `UnreadablePayload`."""
    return number(text) or ZERO


def instant(text: str) -> int | None:
    """Return an instant in ms; None where it is not stated. Raises `UnreadablePayload`."""
    if text in ("", "0"):
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise UnreadablePayload(f"{text[:64]!r} is no instant")
    return int(text)


# --- replies and pushes


class OkxReply(OkxPayload, frozen=True, kw_only=True):
    """The answer to any REST request."""

    code: str
    msg: str = ""
    data: list[msgspec.Raw] = []


class OkxOrderRow(OkxPayload, frozen=True, kw_only=True):
    """What a request about orders did to one of them."""

    code: str = field(name="sCode", default="")
    text: str = field(name="sMsg", default="")
    order_id: str = field(name="ordId", default="")
    algo_id: str = field(name="algoId", default="")
    client_order_id: str = field(name="clOrdId", default="")
    algo_client_order_id: str = field(name="algoClOrdId", default="")
    at: str = field(name="ts", default="")


class OkxChannel(OkxPayload, frozen=True, kw_only=True):
    """What is subscribed to."""

    channel: str = ""
    instrument: str = field(name="instId", default="")
    instrument_kind: str = field(name="instType", default="")


class OkxFrame(OkxPayload, frozen=True, kw_only=True):
    """Anything that comes on a socket, but for `pong`: a push of a channel, or an event about the connection."""

    event: str = ""
    code: str = ""
    msg: str = ""
    id: str = ""
    channel: OkxChannel = field(name="arg", default_factory=OkxChannel)
    action: str = ""
    data: list[msgspec.Raw] = []


class OkxTime(OkxPayload, frozen=True, kw_only=True):
    at: str = field(name="ts")


# --- the catalogue


class OkxInstrumentName(OkxPayload, frozen=True, kw_only=True):
    id: str = field(name="instId")
    kind: str = field(name="instType", default="")


class OkxInstrument(OkxPayload, frozen=True, kw_only=True):
    """An instrument. Sizes are contracts, but for spot."""

    id: str = field(name="instId")
    kind: str = field(name="instType")
    code: int | None = field(name="instIdCode", default=None)
    """The number that orders over a WebSocket name it by."""
    underlying: str = field(name="uly", default="")
    family: str = field(name="instFamily", default="")
    base: str = field(name="baseCcy", default="")
    quote: str = field(name="quoteCcy", default="")
    settled_in: str = field(name="settleCcy", default="")
    contract_value: str = field(name="ctVal", default="")
    contract_multiplier: str = field(name="ctMult", default="")
    contract_currency: str = field(name="ctValCcy", default="")
    contract_type: str = field(name="ctType", default="")
    option_type: str = field(name="optType", default="")
    strike: str = field(name="stk", default="")
    expires: str = field(name="expTime", default="")
    listed: str = field(name="listTime", default="")
    leverage: str = field(name="lever", default="")
    tick: str = field(name="tickSz")
    lot: str = field(name="lotSz")
    size_min: str = field(name="minSz")
    limit_size_max: str = field(name="maxLmtSz", default="")
    market_size_max: str = field(name="maxMktSz", default="")
    stop_size_max: str = field(name="maxStopSz", default="")
    state: str
    rule: str = field(name="ruleType", default="normal")


class OkxTickBand(OkxPayload, frozen=True, kw_only=True):
    """From this price on, prices move in this step."""

    least: str = field(name="minPx")
    tick: str = field(name="tickSz")


class OkxTickBands(OkxPayload, frozen=True, kw_only=True):
    """The steps of prices of a family of options."""

    family: str = field(name="instFamily")
    bands: list[OkxTickBand] = field(name="tickBand")


# --- the public market


OkxLevel = tuple[str, str, str, str]
"""A price, the size there in contracts, a number that means nothing any more, and how many orders there are."""


class OkxBook(OkxPayload, frozen=True, kw_only=True):
    """A book, or a change of one, with lists of `OkxLevel`. Before 2023 there were no numbers."""

    asks: msgspec.Raw
    bids: msgspec.Raw
    at: str = field(name="ts")
    sequence: int | None = field(name="seqId", default=None)
    previous: int | None = field(name="prevSeqId", default=None)
    checksum: int = 0
    """The venue writes 0 since 2026. The recording of 2022 has real ones, which the tests compare."""


class OkxTrade(OkxPayload, frozen=True, kw_only=True):
    instrument: str = field(name="instId")
    id: str = field(name="tradeId")
    price: str = field(name="px")
    size: str = field(name="sz")
    side: str
    """That of the taker."""
    at: str = field(name="ts")


class OkxMarkPrice(OkxPayload, frozen=True, kw_only=True):
    instrument: str = field(name="instId")
    price: str = field(name="markPx")
    at: str = field(name="ts")


# --- orders and executions


class OkxOrder(OkxPayload, frozen=True, kw_only=True):
    """An order, in a push or in an answer. In a push the `fill` fields are about the execution that it reports, in an
    answer about the last one."""

    instrument: str = field(name="instId")
    kind: str = field(name="instType")
    order_id: str = field(name="ordId")
    client_order_id: str = field(name="clOrdId", default="")
    algo_id: str = field(name="algoId", default="")
    algo_client_order_id: str = field(name="algoClOrdId", default="")
    trade_mode: str = field(name="tdMode", default="")
    side: str
    position_side: str = field(name="posSide", default="")
    type: str = field(name="ordType")
    size: str = field(name="sz")
    size_currency: str = field(name="tgtCcy", default="")
    price: str = field(name="px", default="")
    state: str
    executed: str = field(name="accFillSz", default="")
    average_price: str = field(name="avgPx", default="")
    fill_price: str = field(name="fillPx", default="")
    fill_size: str = field(name="fillSz", default="")
    fill_at: str = field(name="fillTime", default="")
    fill_fee: str = field(name="fillFee", default="")
    fill_fee_asset: str = field(name="fillFeeCcy", default="")
    liquidity: str = field(name="execType", default="")
    trade_id: str = field(name="tradeId", default="")
    cancel_source: str = field(name="cancelSource", default="")
    cancel_text: str = field(name="cancelSourceReason", default="")
    category: str = "normal"
    amend_result: str = field(name="amendResult", default="")
    created: str = field(name="cTime")
    updated: str = field(name="uTime")


class OkxFill(OkxPayload, frozen=True, kw_only=True):
    """An execution of the account's history. A negative fee was paid."""

    instrument: str = field(name="instId")
    kind: str = field(name="instType")
    trade_id: str = field(name="tradeId")
    order_id: str = field(name="ordId")
    client_order_id: str = field(name="clOrdId", default="")
    bill_id: str = field(name="billId", default="")
    price: str = field(name="fillPx")
    size: str = field(name="fillSz")
    side: str
    position_side: str = field(name="posSide", default="")
    liquidity: str = field(name="execType", default="")
    fee: str = ""
    fee_asset: str = field(name="feeCcy", default="")
    filled: str = field(name="fillTime", default="")
    at: str = field(name="ts")


class OkxAlgoOrder(OkxPayload, frozen=True, kw_only=True):
    """An order of the algo service. `order_id` and `order_ids` are what it has become."""

    instrument: str = field(name="instId")
    kind: str = field(name="instType")
    algo_id: str = field(name="algoId")
    algo_client_order_id: str = field(name="algoClOrdId", default="")
    order_id: str = field(name="ordId", default="")
    order_ids: list[str] = field(name="ordIdList", default_factory=list)
    trade_mode: str = field(name="tdMode", default="")
    side: str
    position_side: str = field(name="posSide", default="")
    type: str = field(name="ordType")
    size: str = field(name="sz", default="")
    size_currency: str = field(name="tgtCcy", default="")
    state: str
    trigger_price: str = field(name="triggerPx", default="")
    order_price: str = field(name="ordPx", default="")
    stop_trigger: str = field(name="slTriggerPx", default="")
    stop_price: str = field(name="slOrdPx", default="")
    profit_trigger: str = field(name="tpTriggerPx", default="")
    profit_price: str = field(name="tpOrdPx", default="")
    moving_trigger: str = field(name="moveTriggerPx", default="")
    failure: str = field(name="failCode", default="")
    created: str = field(name="cTime")
    updated: str = field(name="uTime", default="")


# --- the account


class OkxAccountConfig(OkxPayload, frozen=True, kw_only=True):
    user: str = field(name="uid")
    mode: str = field(name="acctLv")
    position_mode: str = field(name="posMode")
    permissions: str = field(name="perm", default="")
    addresses: str = field(name="ip", default="")


class OkxBalance(OkxPayload, frozen=True, kw_only=True):
    """What the account has of one asset. The balance is below zero while it owes more than it has."""

    asset: str = field(name="ccy")
    cash: str = field(name="cashBal")
    free: str = field(name="availBal", default="")
    owed: str = field(name="liab", default="")
    updated: str = field(name="uTime", default="")


class OkxAccount(OkxPayload, frozen=True, kw_only=True):
    details: list[OkxBalance] = []
    updated: str = field(name="uTime", default="")


class OkxPosition(OkxPayload, frozen=True, kw_only=True):
    """A position, in contracts. With netted positions a short one is below zero; with hedged ones `position_side` says
    which row it is."""

    instrument: str = field(name="instId")
    kind: str = field(name="instType")
    margin_mode: str = field(name="mgnMode", default="")
    position_side: str = field(name="posSide")
    size: str = field(name="pos", default="")
    entry_price: str = field(name="avgPx", default="")
    leverage: str = field(name="lever", default="")
    maintenance_margin: str = field(name="mmr", default="")
    updated: str = field(name="uTime", default="")
