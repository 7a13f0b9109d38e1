"""Pages of lists, and opaque keyset cursors."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from cadenza.domain.errors import InvalidCursor

T = TypeVar("T")

_DIGEST_BYTES = 12
_BODY_BYTES = 8 + 16
_CURSOR_CHARS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Part of a list: `total` counts the whole list; `next_cursor` is None on lists without cursors or at their end."""

    items: Sequence[T]
    total: int
    offset: int
    limit: int
    has_next: bool
    next_cursor: str | None = None


class CursorCodec:
    """Writes a position (instant, id) as an opaque text bound to the filters it was made under.

    Guarantee: a text that was changed, or is used under other filters, is refused (`InvalidCursor`).
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, at_ms: int, id: UUID, filters: str) -> str:
        body = at_ms.to_bytes(8, "big") + id.bytes
        return urlsafe_b64encode(body + self._digest(body, filters)).decode()

    def decode(self, cursor: str, filters: str) -> tuple[int, UUID]:
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii")) if len(cursor) == _CURSOR_CHARS else b""
        except ValueError:
            raw = b""
        body, digest = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
        if len(body) != _BODY_BYTES or not hmac.compare_digest(digest, self._digest(body, filters)):
            raise InvalidCursor("the cursor is not one of ours, or belongs to other filters")
        return int.from_bytes(body[:8], "big"), UUID(bytes=body[8:])

    def _digest(self, body: bytes, filters: str) -> bytes:
        return hmac.new(self._key, body + filters.encode(), hashlib.sha256).digest()[:_DIGEST_BYTES]


def page_of(found: Sequence[T], *, total: int, offset: int = 0, limit: int, cursor_of: Callable[[T], str]) -> Page[T]:
    """Return the page of what a repository found when it was asked for one more than `limit`. That one is left out; it
    shows that there is a next page, whose cursor is made of the last item of this one."""
    has_next = len(found) > limit
    items = found[:limit]
    return Page(
        items=items,
        total=total,
        offset=offset,
        limit=limit,
        has_next=has_next,
        next_cursor=cursor_of(items[-1]) if has_next else None,
    )
