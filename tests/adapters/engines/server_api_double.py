"""Centrifugo's server API as far as publishing needs it: idempotent, and failing when told to."""

import asyncio
import fnmatch
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from cadenza.adapters.engines.centrifugo.server_api import (
    ApiCommand,
    ApiError,
    ApiFailed,
    HistoryRemove,
    Publish,
    ServerApi,
)


class ServerApiDouble(ServerApi):
    """`published` has what was published, by channel. `refuse` names publications that fail alone, `is_down` fails all;
    `loses_answers` publishes and does not say so; `gate` holds every request back."""

    def __init__(self) -> None:
        super().__init__("http://nowhere", key="", timeout_ms=1)
        self.published: dict[str, list[Publish]] = defaultdict(list)
        self.forgotten: list[str] = []
        self.listened: set[str] = set()
        self.refuse: Callable[[Publish], bool] = lambda publish: False
        self.is_down = False
        self.loses_answers = False
        self.gate: asyncio.Event | None = None
        self.requests: list[Sequence[ApiCommand]] = []
        self._keys: set[tuple[str, str]] = set()

    async def batch(self, commands: Sequence[ApiCommand]) -> Sequence[ApiError | None]:
        self.requests.append(commands)
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.is_down:
            raise ApiFailed("down")
        replies = [self._do(command) for command in commands]
        if self.loses_answers:
            raise ApiFailed("the answer is lost")
        return replies

    async def channels(self, pattern: str) -> frozenset[str]:
        if self.is_down:
            raise ApiFailed("down")
        return frozenset(fnmatch.filter(self.listened, pattern))

    def data(self, channel: str) -> list[object]:
        return [msgspec.json.decode(publish.data) for publish in self.published[channel]]

    def _do(self, command: ApiCommand) -> ApiError | None:
        if isinstance(command.history_remove, HistoryRemove):
            self.forgotten.append(command.history_remove.channel)
            return None
        publish = command.publish
        assert publish is not UNSET
        if self.refuse(publish):
            return ApiError(100, "internal server error")
        key = (publish.channel, publish.idempotency_key)
        if publish.idempotency_key == "" or key not in self._keys:
            self._keys.add(key)
            self.published[publish.channel].append(publish)
        return None


async def until(is_so: Callable[[], bool], within_s: float = 10) -> None:
    """Wait on a condition of this loop."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - conditions of many kinds, polled
            await asyncio.sleep(0)
