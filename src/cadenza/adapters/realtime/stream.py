"""The numbered publications of one channel, with the newest of them in memory."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

import structlog

from cadenza.adapters.realtime.commands import publication

log = structlog.get_logger(__name__)


class Unencodable(Exception):
    """A publication that cannot be encoded."""


class Publication:
    """One publication. It is encoded when it is first needed, and only once.

    One that cannot be encoded (our defect) is sent to nobody: its subscribers subscribe again and read by REST.
    """

    __slots__ = ("_encode", "_encoded", "at_ms", "offset")

    def __init__(self, offset: int, at_ms: int, encode: Callable[[], bytes]) -> None:
        self.offset = offset
        self.at_ms = at_ms
        self._encode: Callable[[], bytes] | None = encode
        self._encoded = b""

    @property
    def encoded(self) -> bytes:
        """The publication as in pushes and replies: `{"data":…,"offset":…}`. Raises `Unencodable`."""
        if not self._encoded and not self.is_sound:
            raise Unencodable(f"offset {self.offset}")
        return self._encoded

    @property
    def is_sound(self) -> bool:
        """Whether it can be encoded. That it cannot is logged once."""
        if self._encode is not None:
            encode, self._encode = self._encode, None
            try:
                self._encoded = publication(encode(), self.offset)
            except Exception:  # a defect in one encoding must not stop the channel
                log.exception("a publication cannot be encoded", offset=self.offset)
        return bool(self._encoded)


class Stream:
    """A channel's position and memory. Law: what is in memory ends at `top` and has no gap.

    Positions are only comparable within an `epoch`: a stream that cannot go on numbering takes a new epoch.
    """

    __slots__ = ("_items", "_items_max", "epoch", "loading", "top", "used_at_ms", "version")

    def __init__(self, epoch: str, top: int, *, items_max: int, now_ms: int) -> None:
        self.epoch = epoch
        self.top = top
        self.used_at_ms = now_ms
        self.version: tuple[int, int] | None = None
        """The version of what was published last, where that has versions."""
        self.loading = asyncio.Lock()
        self._items: deque[Publication] = deque()
        self._items_max = items_max

    @property
    def first(self) -> int:
        """The offset of the oldest publication in memory, or the one that comes next."""
        return self.top - len(self._items) + 1

    @property
    def newest(self) -> Publication | None:
        return self._items[-1] if self._items else None

    def append(self, at_ms: int, encode: Callable[[], bytes]) -> Publication:
        """Add the next publication; the oldest beyond `items_max` is forgotten."""
        self.top += 1
        added = Publication(self.top, at_ms, encode)
        self._items.append(added)
        if len(self._items) > self._items_max:
            self._items.popleft()
        return added

    def prepend(self, older: Sequence[Publication]) -> None:
        """Remember older ones, as far as they join without a gap and there is room."""
        for item in reversed(older):
            if len(self._items) >= self._items_max:
                return
            if item.offset == self.first - 1:
                self._items.appendleft(item)

    def forget_before(self, at_ms: int) -> None:
        """Forget what was published before the instant."""
        while self._items and self._items[0].at_ms < at_ms:
            self._items.popleft()

    def since(self, offset: int) -> list[Publication] | None:
        """Return all publications after `offset`; None when memory does not reach so far or `offset` is to come."""
        missing = self.top - offset
        if not 0 <= missing <= len(self._items):
            return None
        return list(islice(reversed(self._items), missing))[::-1]
