"""Subscriptions: what a client may ask for, and the channels that it gets."""

from __future__ import annotations

import itertools

from cadenza.simulators.bitfinex.public.feeds import EVERY_TWO_SECONDS, REAL_TIME
from cadenza.simulators.bitfinex.public.views import LENGTHS, PRECISIONS, RAW
from cadenza.simulators.bitfinex.venue import BitfinexVenue
from cadenza.simulators.bitfinex.wire.errors import (
    CHANNEL_LIMIT,
    SUBSCRIBED,
    SUBSCRIPTION,
    UNKNOWN_CHANNEL,
    UNSUBSCRIPTION,
    BitfinexRefusal,
    invalid,
)
from cadenza.simulators.bitfinex.wire.params import BitfinexParams
from cadenza.simulators.bitfinex.wire.session import BitfinexSession, PublicChannel

CHANNELS_MAX = 30
"""Public channels of one socket."""

DERIVATIVE_KEY = "deriv:"
_FIRST_ID = 10_000


class BitfinexChannels:
    def __init__(self, venue: BitfinexVenue) -> None:
        self._venue = venue
        self._ids = itertools.count(_FIRST_ID)

    def subscribe(self, session: BitfinexSession, params: BitfinexParams) -> None:
        """Add a channel: the answer, a snapshot, and then what changes."""
        asked = {name: value for name, value in params.values.items() if name != "event"}
        try:
            channel = self._channel(params)
            if len(session.channels) >= CHANNELS_MAX:
                raise BitfinexRefusal(CHANNEL_LIMIT, "subscribe: limit")
            if any(_is_same(channel, each) for each in session.channels.values()):
                raise BitfinexRefusal(SUBSCRIBED, "subscribe: dup")
        except BitfinexRefusal as refusal:
            code = refusal.code if refusal.code in (CHANNEL_LIMIT, SUBSCRIBED, UNKNOWN_CHANNEL) else SUBSCRIPTION
            session.say({"event": "error", "msg": refusal.text, "code": code, **asked})
            return
        session.say(_subscribed(channel))
        self._venue.public.join(session, channel, self._venue.now_ms())

    def unsubscribe(self, session: BitfinexSession, params: BitfinexParams) -> None:
        id = params.integer("chanId")
        if id is None or session.channels.pop(id, None) is None:
            raise BitfinexRefusal(UNSUBSCRIPTION, "unsubscribe: invalid")
        session.say({"event": "unsubscribed", "status": "OK", "chanId": id})

    def _channel(self, params: BitfinexParams) -> PublicChannel:
        name = params.text("channel")
        if name not in ("book", "trades", "ticker", "status"):
            raise BitfinexRefusal(UNKNOWN_CHANNEL, "channel: unknown")
        symbols = self._venue.exchange.symbols
        key = params.text("key")
        symbol = key.removeprefix(DERIVATIVE_KEY) if name == "status" else self._symbol(params)
        if symbol not in symbols or (name == "status" and not symbols[symbol].is_derivative):
            raise invalid("key" if name == "status" else "symbol")
        channel = PublicChannel(
            id=next(self._ids), channel=name, symbol=symbol, key=key, sub_id=params.text("subId") or None
        )
        if name == "book":
            channel.precision = params.text("prec", "P0")
            channel.frequency = params.text("freq", REAL_TIME)
            channel.length = params.number("len", 25)
            if channel.precision not in PRECISIONS and channel.precision != RAW:
                raise invalid("prec")
            if channel.frequency not in (REAL_TIME, EVERY_TWO_SECONDS):
                raise invalid("freq")
            if channel.length not in LENGTHS:
                raise invalid("len")
        return channel

    def _symbol(self, params: BitfinexParams) -> str:
        """Return the symbol that a client names, or the one of its pair."""
        pair = params.text("pair")
        return params.text("symbol") or (pair if pair.startswith("t") else f"t{pair}")


def _subscribed(channel: PublicChannel) -> dict[str, object]:
    answer: dict[str, object] = {"event": "subscribed", "channel": channel.channel, "chanId": channel.id}
    if channel.channel == "status":
        answer["key"] = channel.key
    else:
        answer["symbol"] = channel.symbol
    if channel.channel == "book":
        answer |= {"prec": channel.precision, "freq": channel.frequency, "len": str(channel.length)}
    if channel.sub_id is not None:
        answer["subId"] = channel.sub_id
    return answer if channel.channel == "status" else answer | {"pair": channel.symbol[1:]}


def _is_same(one: PublicChannel, other: PublicChannel) -> bool:
    """Whether two channels say the same. The same book at another precision, frequency or length is another one."""

    def what(channel: PublicChannel) -> tuple[object, ...]:
        return channel.channel, channel.symbol, channel.precision, channel.frequency, channel.length

    return what(one) == what(other)
