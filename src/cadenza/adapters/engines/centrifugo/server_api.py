"""Centrifugo's server API over HTTP: the same in its versions 5 and 6."""

from collections.abc import Mapping, Sequence

import aiohttp
import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

_OK = 200


class ApiFailed(Exception):
    """Centrifugo did not answer, or refused. Whether it did what was asked is not known: ask again."""


class Publish(Struct, gc=False, omit_defaults=True):
    """One publication. A repeated `idempotency_key` of the channel is answered and not published, for 5 minutes. With
    `skip_history` it gets no offset and is not remembered: only those that are subscribed now receive it."""

    channel: str
    data: Raw
    idempotency_key: str = ""
    skip_history: bool = False
    tags: Mapping[str, str] | UnsetType = UNSET


class HistoryRemove(Struct, gc=False):
    """Forget the publications of a channel."""

    channel: str


class ApiCommand(Struct, gc=False):
    """One of the fields."""

    publish: Publish | UnsetType = UNSET
    history_remove: HistoryRemove | UnsetType = UNSET


class ApiError(Struct, gc=False):
    code: int
    message: str = ""


class _Batch(Struct, gc=False):
    commands: Sequence[ApiCommand]


class _Done(Struct, gc=False):
    error: ApiError | None = None


class _Replies(Struct, gc=False):
    replies: list[_Done]


class _Pattern(Struct, gc=False):
    pattern: str


class _Channels(Struct, gc=False):
    channels: dict[str, Raw]


class _ChannelsReply(Struct, gc=False):
    result: _Channels | None = None
    error: ApiError | None = None


_encode = msgspec.json.Encoder().encode
_BATCH = msgspec.json.Decoder(_Replies)
_CHANNELS = msgspec.json.Decoder(_ChannelsReply)


class ServerApi:
    """One keep-alive client. `url` is the address of the API, as `http://127.0.0.1:8000/api`."""

    def __init__(self, url: str, *, key: str, timeout_ms: int) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout_ms / 1000)
        self._session: aiohttp.ClientSession | None = None

    async def batch(self, commands: Sequence[ApiCommand]) -> Sequence[ApiError | None]:
        """Have the commands done one after another; return an error, or None, for each. Raises `ApiFailed`."""
        try:
            replies = _BATCH.decode(await self._post("batch", _encode(_Batch(commands)))).replies
        except msgspec.DecodeError as error:
            raise ApiFailed(f"an answer that is none: {error}") from None
        if len(replies) != len(commands):
            raise ApiFailed(f"{len(commands)} commands, {len(replies)} replies")
        return [reply.error for reply in replies]

    async def channels(self, pattern: str) -> frozenset[str]:
        """Return the channels of the pattern that have subscribers on any node. Raises `ApiFailed`."""
        try:
            reply = _CHANNELS.decode(await self._post("channels", _encode(_Pattern(pattern))))
        except msgspec.DecodeError as error:
            raise ApiFailed(f"an answer that is none: {error}") from None
        if reply.result is None:
            raise ApiFailed(f"channels: {reply.error}")
        return frozenset(reply.result.channels)

    async def ping(self) -> None:
        """Ask for a sign of life. Raises `ApiFailed`."""
        await self._post("info", b"{}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, method: str, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, headers={"X-API-Key": self._key, "Content-Type": "application/json"}
            )
        try:
            async with self._session.post(f"{self._url}/{method}", data=body) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiFailed(f"{self._url} does not answer: {error or type(error).__name__}") from None
        if response.status != _OK:
            raise ApiFailed(f"{self._url}/{method} answers {response.status}: {answer[:200].decode(errors='replace')}")
        return answer
