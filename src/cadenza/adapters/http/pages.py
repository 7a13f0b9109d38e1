"""/openapi.json and /docs: made once at start-up, sent from memory."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from gzip import compress
from hashlib import sha256
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Method

from cadenza.adapters.http.openapi import openapi_bytes
from cadenza.adapters.http.reference import content_policy, reference_page

_CACHE = "public, max-age=300"
_METHODS: list[Method] = ["GET", "HEAD"]


class StaticDocument:
    """A document that never changes while we run. It is sent zipped to clients that accept that, and not at all to
    those that have it."""

    def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self._plain = body
        self._zipped = compress(body, mtime=0)
        self._media_type = media_type
        self._tag = urlsafe_b64encode(sha256(body).digest()[:12]).decode()
        self._headers = {"cache-control": _CACHE, "vary": "accept-encoding", **headers}

    def answer(self, method: str, given: Mapping[str, str]) -> ASGIResponse:
        """Return the reply to a request with these headers."""
        is_zipped = _takes_gzip(given.get("accept-encoding", ""))
        body = self._zipped if is_zipped else self._plain
        tag = f'"{self._tag}{"-gzip" if is_zipped else ""}"'
        headers = {**self._headers, "etag": tag}
        if self._tag in given.get("if-none-match", ""):
            return ASGIResponse(body=b"", status_code=304, media_type=self._media_type, headers=headers)
        if is_zipped:
            headers["content-encoding"] = "gzip"
        is_head = method == "HEAD"
        return ASGIResponse(
            body=b"" if is_head else body,
            media_type=self._media_type,
            headers=headers,
            is_head_response=is_head,
        )


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().replace(" ", "").split(","):
        name, _, weight = coding.partition(";q=")
        if name in ("gzip", "*"):
            return weight.strip("0.") != "" or weight == ""
    return False


def page_routes() -> Sequence[HTTPRouteHandler]:
    """Return the handlers of the documents."""
    reference_headers = {"content-security-policy": content_policy(), "referrer-policy": "no-referrer"}
    return [
        _route("/openapi.json", StaticDocument(openapi_bytes(), "application/json", {})),
        _route("/docs", StaticDocument(reference_page().encode(), "text/html", reference_headers)),
    ]


def _route(path: str, page: StaticDocument) -> HTTPRouteHandler:
    async def show(request: Request[Any, Any, Any]) -> ASGIApp:
        return page.answer(request.method, request.headers)

    return HTTPRouteHandler(path, http_method=_METHODS, name=path, status_code=200)(show)
