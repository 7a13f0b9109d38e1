"""A whole reply: its status, headers and body, sent in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import MediaType, Response
from litestar.types import Send


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply in JSON. `headers` (lower case) are further ones."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(self, scope: Any, send: Send) -> None:
        """Send it; to HEAD without the body."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body))]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def to_response(self, method: str) -> Response[bytes]:
        """Return it as the framework wants it."""
        body = b"" if method == "HEAD" else self.body
        return Response(body, status_code=self.status, headers=dict(self.headers), media_type=MediaType.JSON)
