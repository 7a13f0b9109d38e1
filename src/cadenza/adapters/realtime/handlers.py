"""What each command does.

A handler returns the command's result, or None when it has answered itself or owes no answer.
"""

from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Protocol, TypeVar

from msgspec import Raw, Struct

from cadenza.adapters.realtime.broker import key_of
from cadenza.adapters.realtime.channels import Channel, ChannelKind, parse_channel
from cadenza.adapters.realtime.client import Client
from cadenza.adapters.realtime.codes import (
    ALREADY_SUBSCRIBED,
    BAD_REQUEST,
    CONNECTION_EXPIRED,
    INVALID_TOKEN,
    LIMIT_EXCEEDED,
    PERMISSION_DENIED,
    TOKEN_EXPIRED,
    UNRECOVERABLE_POSITION,
    Closing,
    Refusal,
)
from cadenza.adapters.realtime.commands import (
    REJECT_UNRECOVERED_FLAG,
    Command,
    ConnectResult,
    HistoryResult,
    Nothing,
    PresenceResult,
    RefreshResult,
    RpcResult,
    SubRefreshResult,
    Subscribe,
    SubscribeResult,
    reply,
    stats_result,
)
from cadenza.adapters.realtime.recovery import recover
from cadenza.adapters.realtime.stream import Publication, Stream

T = TypeVar("T")
Result = Struct | dict[str, int] | None
Handler = Callable[[Client, Command], Awaitable[Result]]

VERSION = f"Cadenza {version('cadenza')}"
_EMPTY = Nothing()


async def connect(client: Client, command: Command) -> Result:
    """Admit the client."""
    asked = _given(command.connect)
    actor = await client.services.gate.admit(asked.token, client.address)
    if not client.is_open:
        return None
    client.admit(actor, asked.token)
    services = client.services
    return ConnectResult(
        client=client.client_id,
        version=VERSION,
        expires=client.ttl_s > 0,
        ttl=client.ttl_s,
        ping=max(1, services.limits.ping_interval_ms // 1000),
        pong=True,
        session=client.client_id,
        node=services.node_id,
        time=services.clock.now_ms(),
    )


async def subscribe(client: Client, command: Command) -> Result:
    """Subscribe the client, and send it what it missed. A portfolio of the account follows."""
    asked = _given(command.subscribe)
    channel = _named(asked)
    if channel.name in client.subscriptions:
        raise Refusal(ALREADY_SUBSCRIBED)
    if len(client.subscriptions) >= client.services.limits.channels_per_connection_max:
        raise Refusal(LIMIT_EXCEEDED)
    await client.services.gate.authorise(client.actor, channel)
    if channel.kind is not ChannelKind.ACCOUNT:
        await client.services.feeds.hold(channel.instrument_id)
    broker = client.services.broker
    stream = await (broker.open_since(channel, asked.epoch, asked.offset) if asked.recover else broker.open(channel))
    # From here to the end nothing is awaited: what is in the reply ends where the pushes begin.
    if not client.is_open:
        return None
    missed = _missed(client, channel, stream, asked)
    if asked.recover and missed is None and asked.flag & REJECT_UNRECOVERED_FLAG:
        raise Refusal(UNRECOVERABLE_POSITION)
    topic = client.subscriptions.add(channel, wants_join_leave=asked.wants_join_leave)
    result = SubscribeResult(recoverable=True, positioned=True, epoch=stream.epoch, offset=stream.top)
    if asked.recover and missed is not None and channel.kind is not ChannelKind.ORDER_BOOK:
        # The client's own position: it moves on with each publication that its handlers have seen. With the newest one
        # here, a client that is cut off before they are handled would never ask for them again.
        result.offset = asked.offset
    if asked.recover:
        result.was_recovering, result.recovered = True, missed is not None
        result.publications = [Raw(item.encoded) for item in missed or ()]
    client.send(reply(command.id, "subscribe", result))
    if channel.kind is ChannelKind.ORDER_BOOK and not asked.recover:
        for newest in missed or ():
            client.send(topic.push(newest))
    if channel.kind is ChannelKind.ACCOUNT:
        client.services.request_portfolio(channel.account_id)
    client.subscriptions.announce(channel)
    return None


def _missed(client: Client, channel: Channel, stream: Stream, asked: Subscribe) -> Sequence[Publication] | None:
    """Return what the client missed, None when that is not known. Of a book that is the book as it is now."""
    if channel.kind is ChannelKind.ORDER_BOOK:
        newest = client.services.broker.newest_book(channel.instrument_id, stream)
        return None if newest is None else (newest,)
    if not asked.recover:
        return None
    return recover(stream, asked.epoch, asked.offset, client.services.limits)


async def unsubscribe(client: Client, command: Command) -> Result:
    """End a subscription. Repeating is safe."""
    asked = _given(command.unsubscribe)
    if not asked.channel:
        raise Refusal(BAD_REQUEST)
    client.subscriptions.remove(asked.channel)
    return _EMPTY


async def publish(client: Client, command: Command) -> Result:
    """Refuse: only the server publishes."""
    raise Refusal(PERMISSION_DENIED)


async def presence(client: Client, command: Command) -> Result:
    """Answer which clients are subscribed to a channel."""
    channel = await _visible(client, _given(command.presence))
    return PresenceResult(presence=client.services.presence.clients(key_of(channel), client.actor.tenant_id))


async def presence_stats(client: Client, command: Command) -> Result:
    """Answer how many clients are subscribed to a channel."""
    is_camel = command.presence_stats is None
    channel = await _visible(client, _given(command.presence_stats_camel if is_camel else command.presence_stats))
    clients, users = client.services.presence.stats(key_of(channel), client.actor.tenant_id)
    return stats_result(clients, users, is_camel=is_camel)


async def history(client: Client, command: Command) -> Result:
    """Answer what was published on a channel."""
    asked = _given(command.history)
    channel = await _visible(client, asked)
    stream, found = await client.services.broker.history(channel, asked)
    return HistoryResult(publications=[Raw(item.encoded) for item in found], epoch=stream.epoch, offset=stream.top)


async def ping(client: Client, command: Command) -> Result:
    """Answer."""
    return _EMPTY


async def send(client: Client, command: Command) -> Result:
    """Ignore a message that expects no reply; the server has no use for it."""
    return None


async def refresh(client: Client, command: Command) -> Result:
    """Prolong the connection with a newer token of the same user, or with the same API key.

    A token that has expired closes the connection with 3005, after which clients connect with a newer one. When the
    reply is an error, the official clients give up for good.
    """
    token = _given(command.refresh).token
    try:
        actor = await client.services.gate.admit(token, client.address)
    except Refusal as refusal:
        if refusal.error is TOKEN_EXPIRED:
            raise Closing(CONNECTION_EXPIRED) from None
        raise
    if not client.is_open:
        return None
    if actor.holder != client.actor.holder:
        raise Closing(INVALID_TOKEN)
    client.renew(actor, token)
    return RefreshResult(client=client.client_id, version=VERSION, expires=client.ttl_s > 0, ttl=client.ttl_s)


async def sub_refresh(client: Client, command: Command) -> Result:
    """Answer that a subscription does not expire, to a client that shows a valid token of its user."""
    asked = _given(command.sub_refresh or command.sub_refresh_camel)
    if _named(asked).name not in client.subscriptions:
        raise Refusal(PERMISSION_DENIED)
    actor = await client.services.gate.admit(asked.token, client.address)
    if not client.is_open:
        return None
    if actor.holder != client.actor.holder:
        raise Closing(INVALID_TOKEN)
    return SubRefreshResult()


async def answer_rpc(client: Client, command: Command) -> RpcResult:
    """Call a method with the rights that the client has now."""
    asked = _given(command.rpc)
    client.services.counts.rpcs_total += 1
    actor = await client.services.gate.admit(client.token, client.address)
    actor = actor.in_request(f"{client.client_id}:{command.id}", client.address)
    return RpcResult(data=await client.services.rpcs.call(actor, asked.method, asked.data))


HANDLERS: dict[str, Handler] = {
    "connect": connect,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "publish": publish,
    "presence": presence,
    "presence_stats": presence_stats,
    "presenceStats": presence_stats,
    "history": history,
    "ping": ping,
    "send": send,
    "refresh": refresh,
    "sub_refresh": sub_refresh,
    "subRefresh": sub_refresh,
}
"""By the command's spelling, which is the reply's too; `rpc` is answered beside them."""


class _OfChannel(Protocol):
    channel: str


async def _visible(client: Client, asked: _OfChannel) -> Channel:
    channel = _named(asked)
    await client.services.gate.authorise(client.actor, channel)
    return channel


def _named(asked: _OfChannel) -> Channel:
    if not asked.channel:
        raise Refusal(BAD_REQUEST)
    return parse_channel(asked.channel)


def _given(request: T | None) -> T:
    """The request that made us choose the handler."""
    assert request is not None
    return request
