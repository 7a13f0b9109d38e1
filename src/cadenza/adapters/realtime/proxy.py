"""Centrifugo's questions about its connections: who may connect, subscribe and call.

The answers are those of our own socket, from the same gate and the same table of methods. Centrifugo checks access
tokens itself. Every question carries the session of the token (the claim `meta`), so a session that has ended, or lost
a right, is refused here from that moment on. Only Centrifugo may ask: it shows a secret.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog
from litestar import MediaType, Request, Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Raw, Struct

from cadenza.adapters.realtime.broker import ReadBook, key_of
from cadenza.adapters.realtime.channels import ChannelKind, parse_channel
from cadenza.adapters.realtime.codes import BAD_REQUEST, INTERNAL, INVALID_TOKEN, Closing, ErrorCode, Refusal
from cadenza.adapters.realtime.feeds import Feeds
from cadenza.adapters.realtime.gate import Gate
from cadenza.adapters.realtime.rpc import Rpcs
from cadenza.application.market_data.keep_book import PUBLISHED_LEVELS_MAX
from cadenza.domain.errors import InsufficientScope, InvalidRequest, InvalidToken, Unavailable
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import SessionId, TradingAccountId
from cadenza.ports.clock import Clock
from cadenza.wire.push import encode_order_book

PATH = "/centrifugo"
ADDRESS_UNKNOWN = ""
"""Centrifugo does not give the address of a client, so an API key with a list of addresses is refused."""
BODY_BYTES_MAX = 262_144
"""A longer question is refused; clients' messages are limited to `frame_bytes_max` by Centrifugo."""
SUBSCRIPTION_LIFE_S = 60
"""Centrifugo asks so often whether a subscription may go on."""
PORTFOLIO_DELAY_MS = 500
"""A new subscriber's portfolio is published so long after our answer: a portfolio is not remembered, so it has to come
after Centrifugo, which acts on the answer in a few milliseconds, has let the subscriber in."""

log = structlog.get_logger(__name__)


class SubscribedChannels(Protocol):
    """The channels that have subscribers, and so are published to."""

    def expect(self, channel: str) -> None:
        """Note that a subscriber is about to come."""

    async def resume(self, channel: str, notice: bytes) -> bool:
        """The same for a channel of which nothing may be missed; False when that cannot be promised now."""


class RequestPortfolio(Protocol):
    """Has a portfolio of the account published by the first tick after the delay."""

    def __call__(self, account_id: TradingAccountId, /, *, delay_ms: int) -> None: ...


class Meta(Struct, gc=False):
    """What Centrifugo remembers of a connection: the claim `meta` of its token."""

    sid: str


class GivenToken(Struct, gc=False):
    token: str = ""


class Question(Struct, gc=False):
    """What Centrifugo asks; a question has some of the fields."""

    client: str = ""
    user: str = ""
    channel: str = ""
    method: str = ""
    data: Raw = Raw(b"{}")
    meta: Meta | None = None


class ConnectAnswer(Struct, gc=False):
    user: str
    expire_at: int
    meta: Meta


class SubscribeAnswer(Struct, gc=False, omit_defaults=True):
    expire_at: int
    data: Raw | None = None


class RefreshAnswer(Struct, gc=False, omit_defaults=True):
    expired: bool = False
    expire_at: int = 0


class CallAnswer(Struct, gc=False):
    data: Raw


Answer = ConnectAnswer | SubscribeAnswer | RefreshAnswer | CallAnswer
_QUESTION = msgspec.json.Decoder(Question)
_TOKEN = msgspec.json.Decoder(GivenToken)
_encode = msgspec.json.Encoder().encode
_BREAK_NOTICE = b'{"type":"event.trade.interrupted","data":{}}'


class Proxy:
    """The five endpoints. Guarantee: a caller without the secret is refused before its body is read."""

    def __init__(
        self,
        *,
        secret: str,
        gate: Gate,
        session_actor: Callable[[SessionId], Awaitable[Actor]],
        feeds: Feeds,
        rpcs: Rpcs,
        audience: SubscribedChannels,
        read_book: ReadBook,
        request_portfolio: RequestPortfolio,
        clock: Clock,
    ) -> None:
        self._secret = secret.encode()
        self._gate = gate
        self._session_actor = session_actor
        self._feeds = feeds
        self._rpcs = rpcs
        self._audience = audience
        self._read_book = read_book
        self._request_portfolio = request_portfolio
        self._clock = clock
        self.questions_total = 0

    def routes(self) -> Sequence[HTTPRouteHandler]:
        """Return the handlers to be served under `PATH`."""
        return [
            self._route("connect", self.connect),
            self._route("refresh", self.refresh),
            self._route("subscribe", self.subscribe),
            self._route("sub_refresh", self.sub_refresh),
            self._route("rpc", self.rpc),
        ]

    # --- what is asked

    async def connect(self, asked: Question) -> Answer:
        """Admit a client that has its token in `data`. About tokens in the protocol's own field Centrifugo does not
        ask."""
        try:
            token = _TOKEN.decode(asked.data).token
        except msgspec.DecodeError:
            token = ""
        actor = await self._gate.admit(token, ADDRESS_UNKNOWN)
        return ConnectAnswer(
            user=str(actor.user_id), expire_at=actor.expires_at_ms // 1000, meta=Meta(str(actor.session_id))
        )

    async def refresh(self, asked: Question) -> Answer:
        """Prolong a connection as long as its session lives."""
        try:
            await self._actor(asked)
        except Closing:
            return RefreshAnswer(expired=True)
        return RefreshAnswer(expire_at=self._soon())

    async def subscribe(self, asked: Question) -> Answer:
        """Let somebody subscribe. A subscriber to a book gets the book with the answer; a subscriber to an account gets
        a portfolio soon afterwards."""
        actor = await self._actor(asked)
        channel = parse_channel(asked.channel)
        await self._gate.authorise(actor, channel)
        if channel.kind is ChannelKind.ACCOUNT:
            self._audience.expect(channel.name)
            self._request_portfolio(channel.account_id, delay_ms=PORTFOLIO_DELAY_MS)
            return SubscribeAnswer(expire_at=self._soon())
        await self._feeds.hold(channel.instrument_id)
        if channel.kind is ChannelKind.TRADE:
            if not await self._audience.resume(channel.name, _BREAK_NOTICE):
                raise Refusal(INTERNAL)
            return SubscribeAnswer(expire_at=self._soon())
        self._audience.expect(channel.name)
        book = self._read_book(channel.instrument_id, PUBLISHED_LEVELS_MAX)
        return SubscribeAnswer(expire_at=self._soon(), data=None if book is None else Raw(encode_order_book(book)))

    async def sub_refresh(self, asked: Question) -> Answer:
        """Let a subscription go on as long as its session lives and may subscribe."""
        try:
            await self._gate.authorise(await self._actor(asked), parse_channel(asked.channel))
        except Closing:
            return RefreshAnswer(expired=True)
        except Refusal as refusal:
            if refusal.error is INTERNAL:
                raise
            return RefreshAnswer(expired=True)
        return RefreshAnswer(expire_at=self._soon())

    async def rpc(self, asked: Question) -> Answer:
        """Call a method with the rights that the session has now. Centrifugo names its connection, and neither the
        command nor the client's address."""
        actor = (await self._actor(asked)).in_request(asked.client, "")
        return CallAnswer(await self._rpcs.call(actor, asked.method, asked.data))

    async def keep(self, channels: Iterable[str]) -> None:
        """Let go of the feeds of instruments that have none of the channels."""
        await self._feeds.release_idle({key_of(parse_channel(name)) for name in channels})

    def catch_up(self, channels: Iterable[str]) -> None:
        """Publish the portfolios of channels that had subscribers before this process knew of them: what it published
        meanwhile, or did not live to publish, they have missed."""
        for channel in map(parse_channel, channels):
            if channel.kind is ChannelKind.ACCOUNT:
                self._request_portfolio(channel.account_id, delay_ms=0)

    # --- inside

    async def _actor(self, asked: Question) -> Actor:
        """Return whose session it is; a connection of an ended session, or without one, is closed for good."""
        try:
            session_id = SessionId(UUID("" if asked.meta is None else asked.meta.sid))
            actor = await self._session_actor(session_id)
        except (ValueError, InvalidToken):
            raise Closing(INVALID_TOKEN) from None
        except Unavailable:
            raise Refusal(INTERNAL) from None
        if str(actor.user_id) != asked.user:
            raise Closing(INVALID_TOKEN)
        return actor

    def _soon(self) -> int:
        return self._clock.now_ms() // 1000 + SUBSCRIPTION_LIFE_S

    def _route(self, name: str, respond: Callable[[Question], Awaitable[Answer]]) -> HTTPRouteHandler:
        @post(f"{PATH}/{name}", name=f"centrifugo {name}", status_code=200, request_max_body_size=BODY_BYTES_MAX)
        async def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
            shown = request.headers.get("x-cadenza-proxy-secret", "").encode()
            if not hmac.compare_digest(shown, self._secret):
                raise InsufficientScope("only Centrifugo may call this; its secret is missing or wrong")
            try:
                asked = _QUESTION.decode(await request.body())
            except msgspec.DecodeError as error:
                raise InvalidRequest(f"not a question of Centrifugo: {error}") from None
            except RecursionError:  # a client's data, nested without end
                return Response(await _encoded(_refuse(BAD_REQUEST)), media_type=MediaType.JSON)
            self.questions_total += 1
            return Response(await _encoded(respond(asked)), media_type=MediaType.JSON)

        return handle


async def _refuse(error: ErrorCode) -> Answer:
    raise Refusal(error)


async def _encoded(answering: Awaitable[Answer]) -> bytes:
    """Return the answer as Centrifugo reads it. A refusal is an answer too."""
    try:
        return b'{"result":%s}' % _encode(await answering)
    except Refusal as refusal:
        error = refusal.error
        shown = {"code": error.code, "message": error.message, "temporary": error.temporary}
        return b'{"error":%s}' % _encode(shown)
    except Closing as closing:
        why = {"code": closing.disconnect.code, "reason": closing.disconnect.reason}
        return b'{"disconnect":%s}' % _encode(why)
