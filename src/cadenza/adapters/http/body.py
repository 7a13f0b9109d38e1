"""Reading a request's body within a limit."""

from typing import Any

from litestar import Request

from cadenza.domain.errors import InvalidRequest, PayloadTooLarge


async def read_bounded(request: Request[Any, Any, Any], bytes_max: int) -> bytes:
    """Return the body of a JSON request.

    Raises `PayloadTooLarge` as soon as it is known to be over the limit, without reading the rest.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("", "application/json"):
        raise InvalidRequest(f"Content-Type: {media_type[:64]!r} is not application/json", {"field": "Content-Type"})
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:19]) > bytes_max:
        raise _too_large(bytes_max)
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the connection was closed before the body had arrived")
        body += message["body"]
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        if not message["more_body"]:
            return bytes(body)


def _too_large(bytes_max: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {bytes_max} bytes", {"bytesMax": bytes_max})
