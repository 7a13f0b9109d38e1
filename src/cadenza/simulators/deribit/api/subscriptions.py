"""Subscribing to channels, and ending it."""

from __future__ import annotations

from dataclasses import replace

from cadenza.simulators.deribit.market.instruments import INDEXES
from cadenza.simulators.deribit.wire.channels import ChannelName, channel_key, read_channel
from cadenza.simulators.deribit.wire.credits import CreditPool
from cadenza.simulators.deribit.wire.errors import invalid_params, raw_not_available
from cadenza.simulators.deribit.wire.gateway import MethodCall, RpcMethod

CHANNELS_MAX = 500
"""Channels of one request."""

_SCOPES = {"user.orders": "trade:read", "user.trades": "trade:read", "user.changes": "trade:read"}
_PORTFOLIO_SCOPE = "account:read"


def subscribe(call: MethodCall) -> list[str]:
    """public/subscribe and private/subscribe. The answer lists the channels that there are and that the caller may
    read, the last in the alphabet first, as in the recordings; a client has to compare."""
    asked = _channels(call)
    call.params.done()
    names = [read_channel(text, call.venue.exchange.instruments, INDEXES) for text in dict.fromkeys(asked)]
    listed = [replace(name, account=_account(call)) for name in names if name is not None and _is_open(call, name)]
    if call.grant is None and any(name.needs_access for name in listed):
        raise raw_not_available()
    granted = [name for name in listed if not name.is_private or _may_read(call, name)]
    for name in granted:
        call.venue.hub.subscribe(call.socket, name)
        for data in call.venue.feeds.greet(name, call.now_ms):
            call.socket.send(name.text, {"channel": name.text, "data": data})
    return sorted((name.text for name in granted), reverse=True)


def unsubscribe(call: MethodCall) -> list[str]:
    """public/unsubscribe and private/unsubscribe."""
    asked = _channels(call)
    call.params.done()
    ended = [text for text in dict.fromkeys(asked) if channel_key(text, _account(call)) in call.socket.streams]
    _end(call, [channel_key(text, _account(call)) for text in ended])
    return ended


def unsubscribe_all(call: MethodCall) -> str:
    """public/unsubscribe_all and private/unsubscribe_all."""
    call.params.done()
    _end(call, list(call.socket.streams))
    return "ok"


def _channels(call: MethodCall) -> list[str]:
    channels = call.params.texts("channels")
    if len(channels) > CHANNELS_MAX:
        raise invalid_params("channels", f"at most {CHANNELS_MAX}")
    return channels


def _end(call: MethodCall, keys: list[str]) -> None:
    for key in keys:
        call.venue.hub.unsubscribe(call.socket, key)
        if not call.venue.hub.has_listeners(key):
            call.venue.feeds.forget(key)


def _account(call: MethodCall) -> str:
    return "" if call.grant is None else call.grant.account


def _is_open(call: MethodCall, name: ChannelName) -> bool:
    """Whether a channel's instrument is still listed."""
    instruments = call.venue.exchange.instruments
    return name.instrument not in instruments or call.venue.exchange.is_listed(name.instrument or "")


def _may_read(call: MethodCall, name: ChannelName) -> bool:
    return call.grant is not None and call.grant.allows(_SCOPES.get(name.family, _PORTFOLIO_SCOPE))


SUBSCRIPTION_METHODS = tuple(
    RpcMethod(name=f"{side}/{name}", handler=handler, pool=CreditPool.SUBSCRIBE, is_socket_only=True)
    for side in ("public", "private")
    for name, handler in (
        ("subscribe", subscribe),
        ("unsubscribe", unsubscribe),
        ("unsubscribe_all", unsubscribe_all),
    )
)
