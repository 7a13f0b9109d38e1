"""The private socket of a session: log-in, and what the connection says of itself.

The channel of the account needs no subscription: it is there once a connection has logged in. The connection numbers
and dates its messages, because it is asked to before the log-in. The dead man's switch (`dms`) is never set.
"""

import asyncio

import msgspec

from cadenza.adapters.venues.bitfinex.answers import NONCE
from cadenza.adapters.venues.bitfinex.private_connects import PrivateConnects
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest, why_no_nonce
from cadenza.adapters.venues.bitfinex.sockets import (
    MAINTENANCE_BEGINS,
    MAINTENANCE_ENDS,
    RECONNECT,
    SEQUENCE,
    SOCKET_PATH,
    TIMESTAMPS,
    conf,
)
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.market.book_rule import MessageCount
from cadenza.network.outcomes import NotSent, Sent
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import NotReady, StreamTarget
from cadenza.ports.clock import Clock
from cadenza.ports.venue.memory import MemoryTakenOver

ANSWER_MS_MAX = 8_000
"""How long a log-in may take."""

ANSWERS_MAX = 32
"""Answers that are kept for whoever waits for them. More than a log-in has are dropped."""

REFUSED_LOGINS = frozenset({10100, 10111, 10112, 10113})
"""Codes of a log-in whose key or signature the venue does not accept. Of one whose nonce is too small it is 10114."""

_FLAGS = SEQUENCE | TIMESTAMPS
_CONF, _AUTH, _OK = "conf", "auth", "OK"
_encode = msgspec.json.Encoder().encode


class _Platform(msgspec.Struct, frozen=True):
    status: int = 1


class _SocketWord(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection says of itself: an object, where news are arrays."""

    event: str
    status: str = ""
    code: int = 0
    text: str = msgspec.field(name="msg", default="")
    flags: int = 0
    platform: _Platform = _Platform()


class PrivateSocket:
    """How a session's socket is opened: `target` and `subscribe` of `UserStream`. `is_answer` takes the messages that
    answer the log-in, or speak of the connection; all others are news."""

    def __init__(
        self, base: str, *, rest: BitfinexRest, key: PrivateKey, connects: PrivateConnects, clock: Clock
    ) -> None:
        self._url = f"{base}{SOCKET_PATH}"
        self._rest = rest
        self._key = key
        self._connects = connects
        self._clock = clock
        self._answers: asyncio.Queue[_SocketWord] = asyncio.Queue(ANSWERS_MAX)
        self._count = MessageCount()
        self.refused: str | None = None
        """Why the venue does not accept the key, when it has said so."""
        self.is_ending = False
        """Whether the venue has said that the present connection ends, or that all of it is to be read again."""
        self.is_paused = False
        """Whether the venue is in maintenance, as far as the present connection has said."""

    async def target(self) -> StreamTarget:
        return StreamTarget(self._url, turn=await self._connects.turn(self._key.api_key))

    async def subscribe(self, connection: StreamConnection) -> None:
        """Log in. Raises `NotReady`."""
        self._answers = asyncio.Queue(ANSWERS_MAX)
        self._count = MessageCount()
        self.is_ending = self.is_paused = False
        try:
            async with asyncio.timeout(ANSWER_MS_MAX / 1_000):
                await self._send(connection, conf(_FLAGS))
                granted = await self._answer(_CONF)
                self._check(granted)
                if granted.flags & _FLAGS != _FLAGS:
                    raise NotReady("BITFINEX does not number and date the messages of the connection")
                await self._log_in(connection)
        except TimeoutError:
            raise NotReady("the log-in was not answered") from None
        if self.is_paused:
            raise NotReady("BITFINEX is in maintenance")

    def is_answer(self, data: bytes) -> bool:
        """Take a message that is not news. One that cannot be read is news."""
        if not data.lstrip().startswith(b"{"):
            return False
        try:
            word = decode(_SocketWord, data)
        except UnreadablePayload:
            return False
        if word.event in (_CONF, _AUTH, "error") and not self._answers.full():
            self._answers.put_nowait(word)
        if word.event == "info":
            self.is_ending = self.is_ending or word.code in (RECONNECT, MAINTENANCE_ENDS)
            self.is_paused = word.code == MAINTENANCE_BEGINS or not word.platform.status
        return True

    def continues(self, number: int) -> bool:
        """Take note of the number of a message. False when one is missing before it."""
        return self._count.continues(number)

    async def _log_in(self, connection: StreamConnection) -> None:
        """The nonce is drawn in the line of the key's requests, and the next one leaves when this is answered."""
        turn = await self._rest.line(self._key)
        if isinstance(turn, NotSent):
            raise NotReady("requests of the key hold the log-in up")
        with turn:
            try:
                nonce = await self._key.nonce()
            except (DatabaseUnavailable, MemoryTakenOver, VenueUnavailable) as error:
                raise NotReady(f"the log-in got no nonce: {why_no_nonce(error)}") from error
            await self._send(connection, _encode(self._key.signer.login(nonce)).decode())
            self._check(await self._answer(_AUTH))

    async def _answer(self, event: str) -> _SocketWord:
        while True:
            word = await self._answers.get()
            if word.event in (event, "error"):
                return word

    async def _send(self, connection: StreamConnection, text: str) -> None:
        sent = await connection.send(text, self._clock.monotonic_ms() + ANSWER_MS_MAX)
        if not isinstance(sent, Sent):
            raise NotReady("the log-in could not be sent")

    def _check(self, answer: _SocketWord) -> None:
        if answer.status == _OK:
            return
        if answer.event == _AUTH and answer.code in REFUSED_LOGINS and answer.code != NONCE:
            self.refused = f"{answer.code} {answer.text}".strip()
        raise NotReady(f"BITFINEX refused {answer.event}: {answer.code} {answer.text}")
