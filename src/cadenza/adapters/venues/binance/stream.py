"""The user streams.

Spot: a subscription over the WebSocket API, whose request is signed with a key of any kind; it lasts as long as its
connection. USD-M: a socket of its own, named by a listen key that is kept alive. The venue ends every connection after
24 hours.
"""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from typing import Protocol
from urllib.parse import quote

import msgspec

from cadenza.adapters.venues.binance.classify import (
    HTTP_BANNED,
    HTTP_OK,
    HTTP_TOO_MANY,
    NO_SUCH_LISTEN_KEY,
    TIMESTAMP_REFUSED,
    error_body,
    refused_key,
    said,
)
from cadenza.adapters.venues.binance.credential import BinanceSigner, Parameters, ParameterValue
from cadenza.adapters.venues.binance.endpoints import MARGIN_LISTEN_TOKEN, USDM_LISTEN_KEY, BinanceMarket
from cadenza.adapters.venues.binance.models import (
    BinancePause,
    BinanceSocketRefusal,
    BinanceSocketReply,
    MarginListenToken,
)
from cadenza.adapters.venues.binance.models_usdm import UsdmListenKey
from cadenza.adapters.venues.binance.requests import RECV_WINDOW_MS
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.user_stream import PendingReplies
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.network.outcomes import Answered, Outcome, Sent
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import NotReady, StreamLimits, StreamTarget
from cadenza.ports.clock import Clock

SUBSCRIBE = "userDataStream.subscribe.signature"
SUBSCRIBE_LISTEN = "userDataStream.subscribe.listenToken"
SUBSCRIBED_MS_MAX = 8_000
KEEP_LISTEN_KEY_MS = 30 * 60_000
"""A listen key ends 60 minutes after it was asked for or kept alive."""

KEEP_RETRY_MS = 60_000
"""The pause after a keeping that failed."""

CONNECTION_MS = 23 * 3_600_000
"""A connection is replaced at this age, before the venue ends it."""

USER_STREAM_LIMITS = StreamLimits(renew_after_ms=CONNECTION_MS, is_renewed_by_overlap=False)
"""Renewed without overlap: two subscriptions would bring the same balances twice, in an order that nobody knows. What
the change misses is asked for, as after any loss."""


class _SocketMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What distinguishes replies from events: events of an account are wrapped, and have no status."""

    status: int | None = None


class UserStreamOpening(Protocol):
    """How a session's stream is opened on each new connection.

    `refused` says that the venue refuses the key, after which trying again is in vain.
    """

    refused: str | None

    async def target(self) -> StreamTarget:
        """Raises `NotReady`."""

    async def subscribe(self, connection: StreamConnection) -> None:
        """Raises `NotReady`."""

    def is_reply(self, data: bytes) -> bool:
        """Take a message that is a reply to a request of ours. False: it is an event."""

    async def keep(self, lost: Callable[[str], None]) -> None:
        """Keep the stream open, until this is cancelled; `lost` takes the cause when it is over."""


class SignedSubscription:
    """Implements `UserStreamOpening` for spot: subscribes to the account of a key on each new connection.

    The WebSocket API has the limits of spot, and a ban is obeyed wherever it was stated: while one lasts no connection
    is opened."""

    def __init__(self, url: str, signer: BinanceSigner, rest: BinanceRest, clock: Clock) -> None:
        self._url = url
        self._signer = signer
        self._rest = rest
        self._venue_clock = rest.clock_of(BinanceMarket.SPOT)
        self._clock = clock
        self._replies: PendingReplies[BinanceSocketReply] = PendingReplies()
        self._numbers = count(1)
        self.refused: str | None = None

    async def target(self) -> StreamTarget:
        if held := self._rest.held(BinanceMarket.SPOT):
            raise NotReady(held)
        return StreamTarget(self._url)

    async def subscribe(self, connection: StreamConnection) -> None:
        """Raises `NotReady` when the venue does not take the subscription."""
        method, parameters = await self._request()
        id = f"subscribe-{next(self._numbers)}"
        request = msgspec.json.encode({"id": id, "method": method, "params": parameters}).decode()
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

    async def keep(self, lost: Callable[[str], None]) -> None:
        """Nothing has to be done while the connection stands."""
        await asyncio.get_running_loop().create_future()

    async def _request(self) -> tuple[str, Mapping[str, ParameterValue]]:
        """Return the method and the parameters of a subscription. Raises `NotReady`."""
        instant = self._venue_clock.usable()
        if instant is None:
            raise NotReady("the venue's time is not known")
        timed: Parameters = {"recvWindow": RECV_WINDOW_MS, "timestamp": instant.venue_ms}
        return SUBSCRIBE, self._signer.signed_parameters(timed)

    def _check(self, reply: BinanceSocketReply) -> None:
        if reply.status == HTTP_OK:
            return
        self.refused = refused_key(BinanceMarket.SPOT, reply.status, reply.error) or self.refused
        if reply.error is not None and reply.error.code == TIMESTAMP_REFUSED:
            self._venue_clock.doubt()
        if reply.status in (HTTP_TOO_MANY, HTTP_BANNED):
            self._rest.hold(BinanceMarket.SPOT, reply.status, _pause_ms(reply.error))
        cause = "" if reply.error is None else f": {said(reply.error)}"
        raise NotReady(f"BINANCE refused the subscription with status {reply.status}{cause}")


class TokenSubscription(SignedSubscription):
    """Subscribes to the cross margin account of a key, by a token that lives for 24 hours: each connection gets a new
    one, and is replaced before that."""

    async def _request(self) -> tuple[str, Mapping[str, ParameterValue]]:
        outcome = await self._rest.keyed(BinanceMarket.MARGIN, self._signer, "POST", MARGIN_LISTEN_TOKEN, {})
        if not isinstance(outcome, Answered) or outcome.status != HTTP_OK:
            if refusal := _refusal_of(BinanceMarket.MARGIN, outcome):
                self.refused = refusal
            raise NotReady("BINANCE gave no listen token")
        try:
            return SUBSCRIBE_LISTEN, {"listenToken": decode(MarginListenToken, outcome.body).token}
        except UnreadablePayload as error:
            raise NotReady(f"BINANCE answered with no listen token: {error}") from None


class UserListenKey:
    """Implements `UserStreamOpening` for USD-M.

    The listen key is the account's, not the session's: asking for one again returns the same, and ending it would
    silence every other process. So it is never ended. A socket with a key that the venue does not know opens and stays
    silent, which the comparison with readings finds out.
    """

    def __init__(self, url: str, signer: BinanceSigner, rest: BinanceRest, clock: Clock) -> None:
        self._url = url
        self._signer = signer
        self._rest = rest
        self._clock = clock
        self.refused: str | None = None

    async def target(self) -> StreamTarget:
        outcome = await self._rest.keyed(BinanceMarket.USDM, self._signer, "POST", USDM_LISTEN_KEY, {})
        if isinstance(outcome, Answered) and outcome.status == HTTP_OK:
            try:
                return StreamTarget(f"{self._url}/private/ws/{quote(decode(UsdmListenKey, outcome.body).key, safe='')}")
            except UnreadablePayload as error:
                raise NotReady(f"BINANCE answered with no listen key: {error}") from None
        self._note_refusal(outcome)
        raise NotReady("BINANCE gave no listen key")

    async def subscribe(self, connection: StreamConnection) -> None:
        """The address says it all."""

    def is_reply(self, data: bytes) -> bool:
        return False

    async def keep(self, lost: Callable[[str], None]) -> None:
        pause_ms = KEEP_LISTEN_KEY_MS
        while True:
            await self._clock.sleep_ms(pause_ms)
            outcome = await self._rest.keyed(BinanceMarket.USDM, self._signer, "PUT", USDM_LISTEN_KEY, {})
            self._note_refusal(outcome)
            is_kept = isinstance(outcome, Answered) and outcome.status == HTTP_OK
            if _is_unknown_listen_key(outcome):
                lost("BINANCE does not know the listen key any more")
            elif self.refused is not None:
                lost(f"BINANCE refused the key: {self.refused}")
            pause_ms = KEEP_LISTEN_KEY_MS if is_kept else KEEP_RETRY_MS

    def _note_refusal(self, outcome: Outcome) -> None:
        if refusal := _refusal_of(BinanceMarket.USDM, outcome):
            self.refused = refusal


def _is_unknown_listen_key(outcome: Outcome) -> bool:
    """Whether the venue says that the listen key has ended. Any other refusal may concern this one request only."""
    if not isinstance(outcome, Answered) or outcome.status == HTTP_OK:
        return False
    error = error_body(outcome.body)
    return error is not None and error.code == NO_SUCH_LISTEN_KEY


def _pause_ms(error: BinanceSocketRefusal | None) -> int | None:
    """Return how long the venue asks us to wait; None where it does not say."""
    if error is None:
        return None
    try:
        pause = decode(BinancePause, error.data)
    except UnreadablePayload:
        return None
    return max(0, pause.retry_after_ms - pause.server_ms)


def _refusal_of(market: BinanceMarket, outcome: Outcome) -> str | None:
    """Return why the venue refuses the key; None when it does not."""
    if not isinstance(outcome, Answered) or outcome.status == HTTP_OK:
        return None
    return refused_key(market, outcome.status, error_body(outcome.body))
