"""/openapi.json and /docs."""

from collections.abc import Sequence

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp

from cadenza.adapters.http.openapi import openapi_bytes
from cadenza.adapters.http.reference import reference_page

_CACHE = "public, max-age=300"
_CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def page_routes() -> Sequence[HTTPRouteHandler]:
    """Return the handlers of the documents."""

    @get("/openapi.json")
    async def show_openapi() -> ASGIApp:
        return ASGIResponse(body=openapi_bytes(), media_type="application/json", headers={"cache-control": _CACHE})

    @get("/docs")
    async def show_reference() -> ASGIApp:
        headers = {"cache-control": _CACHE, "content-security-policy": _CONTENT_POLICY}
        return ASGIResponse(body=reference_page(), media_type="text/html", headers=headers)

    return [show_openapi, show_reference]
