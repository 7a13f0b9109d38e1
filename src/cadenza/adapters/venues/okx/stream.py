"""The private sockets of a session: login, subscriptions, and what they say of themselves.

Orders, balances and positions come on one socket, orders of the algo service on another. Both log in and subscribe
again on each connection.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.models import OkxFrame
from cadenza.adapters.venues.okx.sockets import (
    BUSINESS_PATH,
    GOING_DOWN,
    PRIVATE_PATH,
    SUCCESS_CODE,
    StreamChannel,
    subscription,
)
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.network.outcomes import Sent
from cadenza.network.stream_connection import StreamConnection
from cadenza.network.stream_events import NotReady, StreamTarget
from cadenza.ports.clock import Clock

ANSWER_MS_MAX = 8_000
"""How long a login and the subscriptions may take together."""

ORDERS, ACCOUNT, POSITIONS, ALGO_ORDERS, ADVANCED_ALGO_ORDERS = (
    "orders",
    "account",
    "positions",
    "orders-algo",
    "algo-advance",
)
_CHANGES_ONLY = '{"updateInterval":"0"}'
"""Balances and positions are pushed when they change, and not every few seconds besides."""

PRIVATE_CHANNELS = (
    StreamChannel(ORDERS, instrument_kind="ANY"),
    StreamChannel(ACCOUNT, further=_CHANGES_ONLY),
    StreamChannel(POSITIONS, instrument_kind="ANY", further=_CHANGES_ONLY),
)
BUSINESS_CHANNELS = (
    StreamChannel(ALGO_ORDERS, instrument_kind="ANY"),
    StreamChannel(ADVANCED_ALGO_ORDERS, instrument_kind="ANY"),
)

ANSWERS_MAX = 32
"""Answers that are kept for whoever waits for them. More than a login and the subscriptions have are dropped."""

REFUSED_LOGINS = frozenset({"60005", "60007", "60009", "60024", "60032"})
"""Codes of a login whose key, signature or passphrase the venue does not accept."""
LATE_LOGINS = frozenset({"60004", "60006"})
"""Codes of a login whose timestamp the venue does not accept."""

_LOGIN = "login"
_ANSWERS = frozenset({_LOGIN, "subscribe", "error", "channel-conn-count-error"})
_encode = msgspec.json.Encoder().encode


def has_algo_orders(type: AccountType) -> bool:
    """Return whether an account of that type has orders in the algo service."""
    return type is not AccountType.OPTIONS


class PrivateSocket:
    """How one private socket is opened: `target` and `subscribe` of `UserStream`. `is_answer` takes the messages that
    answer a login or a subscription, or speak of the connection; all others are news."""

    def __init__(
        self,
        base: str,
        *,
        signer: OkxSigner,
        venue_clock: VenueClock,
        connects: ConnectPace,
        clock: Clock,
        is_business: bool = False,
    ) -> None:
        self._url = f"{base}{BUSINESS_PATH if is_business else PRIVATE_PATH}"
        self._channels: Sequence[StreamChannel] = BUSINESS_CHANNELS if is_business else PRIVATE_CHANNELS
        self._signer = signer
        self._venue_clock = venue_clock
        self._connects = connects
        self._clock = clock
        self._answers: asyncio.Queue[OkxFrame] = asyncio.Queue(ANSWERS_MAX)
        self.refused: str | None = None
        """Why the venue does not accept the key, when it has said so."""
        self.is_going_down = False
        """Whether the venue has said that it will end the present connection."""

    async def target(self) -> StreamTarget:
        return StreamTarget(self._url, turn=await self._connects.turn("private"))

    async def subscribe(self, connection: StreamConnection) -> None:
        """Log in, and subscribe to the channels. Raises `NotReady`."""
        self._answers = asyncio.Queue(ANSWERS_MAX)
        self.is_going_down = False
        now = self._venue_clock.usable()
        if now is None:
            raise NotReady("the venue's time is not known")
        try:
            async with asyncio.timeout(ANSWER_MS_MAX / 1_000):
                login = _encode({"op": _LOGIN, "args": [self._signer.login(now.venue_ms)]}).decode()
                await self._send(connection, login)
                self._check_login(await self._answers.get())
                await self._send(connection, subscription(list(self._channels), 1))
                for _ in self._channels:
                    self._check_subscription(await self._answers.get())
        except TimeoutError:
            raise NotReady("the login or the subscription was not answered") from None

    def is_answer(self, data: bytes) -> bool:
        """Take a message that is not news. One that cannot be read is news."""
        try:
            frame = decode(OkxFrame, data)
        except UnreadablePayload:
            return False
        if frame.event in _ANSWERS:
            if not self._answers.full():
                self._answers.put_nowait(frame)
        elif frame.event == "notice" and frame.code == GOING_DOWN:
            self.is_going_down = True
        return frame.event != ""

    async def _send(self, connection: StreamConnection, text: str) -> None:
        sent = await connection.send(text, self._clock.monotonic_ms() + ANSWER_MS_MAX)
        if not isinstance(sent, Sent):
            raise NotReady("the login or the subscription could not be sent")

    def _check_login(self, answer: OkxFrame) -> None:
        if answer.event == _LOGIN and answer.code == SUCCESS_CODE:
            return
        if answer.code in LATE_LOGINS:
            self._venue_clock.doubt()
        elif answer.code in REFUSED_LOGINS:
            self.refused = f"{answer.code} {answer.msg}".strip()
        raise NotReady(f"OKX refused the login: {answer.code} {answer.msg}")

    def _check_subscription(self, answer: OkxFrame) -> None:
        if answer.event != "subscribe":
            raise NotReady(f"OKX refused a subscription: {answer.code} {answer.msg}")
