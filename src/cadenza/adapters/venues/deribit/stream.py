"""The account's socket of a session: login, renewal of the access, heartbeats, subscriptions.

Each connection proves the key by a signature, and subscribes again. The access is bound to the connection and ends; it
is renewed by its refresh token when half of its time is over. Cancel on disconnect is never switched on.
"""

import asyncio
from collections.abc import Callable
from itertools import count

from cadenza.adapters.venues.deribit.classify import RpcReply, frame_answer, refused_key
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import GrantedAccess, RpcFrame
from cadenza.adapters.venues.deribit.parse_news import CHANGES, PORTFOLIO
from cadenza.adapters.venues.deribit.sockets import (
    SET_HEARTBEAT,
    SOCKET_PATH,
    TEST,
    TEST_REQUEST,
    Parameters,
    rpc_text,
)
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.user_stream import PendingReplies
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.network.outcomes import Sent
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import NotReady, StreamTarget
from cadenza.ports.clock import Clock

ANSWER_MS_MAX = 8_000
"""How long a login and the subscriptions may take together."""

RENEW_CHECK_MS = 1_000
_ACCEPTED = 200


class AccountSocket:
    """How the socket is opened and kept: `target` and `subscribe` of `UserStream`, and `keep`. `is_answer` takes the
    messages that are no news. `kind` is the venue's word for the instruments that the account trades."""

    def __init__(
        self,
        base: str,
        *,
        kind: str,
        signer: DeribitSigner,
        nonce: Callable[[], str],
        venue_clock: VenueClock,
        connects: ConnectPace,
        clock: Clock,
    ) -> None:
        self._url = f"{base}{SOCKET_PATH}"
        self._channels = (f"{CHANGES}{kind}.any.raw", f"{PORTFOLIO}any")
        self._signer = signer
        self._nonce = nonce
        self._venue_clock = venue_clock
        self._connects = connects
        self._clock = clock
        self._ids = count(1)
        self._replies: PendingReplies[RpcReply] = PendingReplies()
        self._connection: StreamConnection | None = None
        self._refresh_token = ""
        self._renew_ms: int | None = None
        self.refused: str | None = None
        """Why the venue does not accept the key, when it has said so to a login with the key itself."""
        self.subscribed_ms = 0
        """An instant of the venue's clock before the present subscriptions: what they begin with contains all that
        happened until then."""

    async def target(self) -> StreamTarget:
        return StreamTarget(self._url, turn=await self._connects.turn("account"))

    async def subscribe(self, connection: StreamConnection) -> None:
        """Log in, and subscribe to the channels. Raises `NotReady`."""
        self._renew_ms = None
        now = self._venue_clock.usable()
        if now is None:
            raise NotReady("the venue's time is not known")
        login = self._signer.login(venue_ms=now.venue_ms, nonce=self._nonce())
        try:
            async with asyncio.timeout(ANSWER_MS_MAX / 1_000):
                answer = await self._ask(connection, "public/auth", login)
                self.refused = refused_key(_ACCEPTED, answer) if answer.result is None else None
                self._take_access(answer)
                await self._send(connection, SET_HEARTBEAT)
                self.subscribed_ms = self._venue_clock.earliest_ms()
                channels = {"channels": self._channels}
                self._check_granted(await self._ask(connection, "private/subscribe", channels))
        except TimeoutError:
            raise NotReady("the login or the subscription was not answered") from None
        self._connection = connection

    async def is_answer(self, frame: RpcFrame) -> bool:
        """Take a message that is not news: an answer, or a heartbeat. One that asks whether we are there is
        answered."""
        if frame.method == "heartbeat":
            if frame.params.type == TEST_REQUEST and self._connection is not None:
                await self._connection.send(TEST, self._clock.monotonic_ms() + ANSWER_MS_MAX)
            return True
        answer = frame_answer(frame)
        if answer is not None and frame.id is not None:
            self._replies.resolve(str(frame.id), answer)
        return answer is not None

    async def keep(self, reopen: Callable[[str], None]) -> None:
        """Renew the access before it ends. `reopen` is called when that fails, with the cause; the key logs in again
        then. A refused refresh token says nothing about the key."""
        while True:
            await self._clock.sleep_ms(RENEW_CHECK_MS)
            if self._renew_ms is None or self._connection is None or self._clock.monotonic_ms() < self._renew_ms:
                continue
            self._renew_ms = None
            params = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
            try:
                async with asyncio.timeout(ANSWER_MS_MAX / 1_000):
                    self._take_access(await self._ask(self._connection, "public/auth", params))
            except TimeoutError:
                reopen("the access was not renewed in time")
            except NotReady as error:
                reopen(str(error))

    async def _ask(self, connection: StreamConnection, method: str, params: Parameters) -> RpcReply:
        id = next(self._ids)
        reply = self._replies.expect(str(id))
        try:
            await self._send(connection, rpc_text(id, method, params))
            return await reply
        finally:
            reply.cancel()

    async def _send(self, connection: StreamConnection, text: str) -> None:
        sent = await connection.send(text, self._clock.monotonic_ms() + ANSWER_MS_MAX)
        if not isinstance(sent, Sent):
            raise NotReady("the login or the subscription could not be sent")

    def _take_access(self, answer: RpcReply) -> None:
        if answer.result is None:
            if answer.is_about_time:
                self._venue_clock.doubt()
            raise NotReady(f"DERIBIT refused the access: {answer.said}")
        try:
            access = decode(GrantedAccess, answer.result)
        except UnreadablePayload as error:
            raise NotReady(f"DERIBIT answered the login with something else: {error}") from error
        self._refresh_token = access.refresh_token
        self._renew_ms = self._clock.monotonic_ms() + access.expires_in_s * 1_000 // 2

    def _check_granted(self, answer: RpcReply) -> None:
        """The answer lists what was subscribed to; what the key may not read is missing in it."""
        try:
            granted = [] if answer.result is None else decode(list[str], answer.result)
        except UnreadablePayload as error:
            raise NotReady(f"DERIBIT answered the subscription with something else: {error}") from error
        if missing := [name for name in self._channels if name not in granted]:
            raise NotReady(f"DERIBIT did not grant {', '.join(missing)} {answer.said if answer.code else ''}".strip())
