"""The user stream of spot and margin: a subscription over the WebSocket API, renewed with its connection.

A subscription needs no log-on: its request is signed, with a key of any kind. It lasts as long as the connection, which
the venue ends after 24 hours.
"""

import asyncio
from itertools import count

import msgspec

from cadenza.adapters.venues.binance.classify import HTTP_OK, TIMESTAMP_REFUSED, BinanceMarket, classify_query
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.models import BinanceSocketReply, decode
from cadenza.adapters.venues.binance.orders import RECV_WINDOW_MS
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.user_stream import PendingReplies
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.network.outcomes import Sent
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import NotReady, StreamLimits, StreamTarget
from cadenza.ports.clock import Clock

SUBSCRIBE = "userDataStream.subscribe.signature"
SUBSCRIBED_MS_MAX = 8_000
CONNECTION_MS = 23 * 3_600_000
"""A connection is replaced at this age, before the venue ends it."""

USER_STREAM_LIMITS = StreamLimits(renew_after_ms=CONNECTION_MS, is_renewed_by_overlap=False)
"""Renewed without overlap: two subscriptions would bring the same balances twice, in an order that nobody knows. What
the change misses is asked for, as after any loss."""


class _SocketMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What tells replies from events: events of an account are wrapped, and have no status."""

    status: int | None = None


class UserSubscription:
    """Subscribes to the account of a key on each new connection.

    `refused` says that the venue refuses the key, after which trying again is in vain.
    """

    def __init__(self, url: str, signer: BinanceSigner, venue_clock: VenueClock, clock: Clock) -> None:
        self._url = url
        self._signer = signer
        self._venue_clock = venue_clock
        self._clock = clock
        self._replies: PendingReplies[BinanceSocketReply] = PendingReplies()
        self._numbers = count(1)
        self.refused: str | None = None

    async def target(self) -> StreamTarget:
        return StreamTarget(self._url)

    async def subscribe(self, connection: StreamConnection) -> None:
        """Raises `NotReady` when the venue does not take the subscription."""
        instant = self._venue_clock.usable()
        if instant is None:
            raise NotReady("the venue's time is not known")
        id = f"subscribe-{next(self._numbers)}"
        parameters = self._signer.signed_parameters({"recvWindow": RECV_WINDOW_MS, "timestamp": instant.venue_ms})
        request = msgspec.json.encode({"id": id, "method": SUBSCRIBE, "params": parameters}).decode()
        reply = self._replies.expect(id)
        try:
            sent = await connection.send(request, self._clock.monotonic_ms() + SUBSCRIBED_MS_MAX)
            if not isinstance(sent, Sent):
                raise NotReady("the subscription could not be sent")
            async with asyncio.timeout(SUBSCRIBED_MS_MAX / 1_000):
                self._check(await reply)
        except TimeoutError:
            raise NotReady("the subscription was not answered") from None
        finally:
            reply.cancel()

    def is_reply(self, data: bytes) -> bool:
        """Take a message that is a reply to a request of ours. False: it is an event."""
        try:
            if decode(_SocketMessage, data).status is None:
                return False
            reply = decode(BinanceSocketReply, data)
        except UnreadablePayload:
            return False
        if isinstance(reply.id, str):
            self._replies.resolve(reply.id, reply)
        return True

    def _check(self, reply: BinanceSocketReply) -> None:
        if reply.status == HTTP_OK:
            return
        verdict = classify_query(BinanceMarket.SPOT, reply.status, reply.error)
        if verdict.verdict is ReplyVerdict.KEY_REJECTED:
            self.refused = verdict.text
        if reply.error is not None and reply.error.code == TIMESTAMP_REFUSED:
            self._venue_clock.doubt()
        raise NotReady(f"BINANCE refused the subscription: {verdict.text}")
