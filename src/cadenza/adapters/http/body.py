"""Reading a request's body within a limit."""

from collections.abc import Mapping

from litestar.types import Receive

from cadenza.domain.errors import InvalidRequest, PayloadTooLarge


async def read_bounded(headers: Mapping[bytes, bytes], receive: Receive, bytes_max: int) -> bytes:
    """Return the body of a JSON request.

    Raises `PayloadTooLarge` as soon as it is known to be over the limit, without reading the rest.
    """
    content_type = headers.get(b"content-type", b"")
    if content_type != b"application/json":
        _check_media_type(content_type)
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:19]) > bytes_max:
        raise _too_large(bytes_max)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the connection was closed before the body had arrived")
        body += message["body"]
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        if not message["more_body"]:
            return bytes(body)


def _check_media_type(content_type: bytes) -> None:
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type not in (b"", b"application/json"):
        shown = media_type[:64].decode("latin-1")
        raise InvalidRequest(f"Content-Type: {shown!r} is not application/json", {"field": "Content-Type"})


def _too_large(bytes_max: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {bytes_max} bytes", {"bytesMax": bytes_max})
