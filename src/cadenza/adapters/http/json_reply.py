"""A whole reply: its status, headers and body, sent in one go."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from litestar import MediaType, Response
from litestar.types import Send
from msgspec import Struct

_NONE: Mapping[str, str] = MappingProxyType({})
_JSON = (b"content-type", b"application/json")


class JsonReply(Struct, frozen=True):
    """A reply in JSON. `headers` (lower case) are further ones."""

    status: int
    body: bytes
    headers: Mapping[str, str] = _NONE

    async def send(self, scope: Any, send: Send) -> None:
        """Send it; to HEAD without the body."""
        headers = [_JSON, (b"content-length", b"%d" % len(self.body))]
        if self.headers:
            headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def to_response(self, method: str) -> Response[bytes]:
        """Return it as the framework wants it."""
        body = b"" if method == "HEAD" else self.body
        return Response(body, status_code=self.status, headers=dict(self.headers), media_type=MediaType.JSON)
