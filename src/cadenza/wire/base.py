"""The bases of the wire's models, and the kinds of text and number in them.

Requests refuse fields they do not list. Responses leave out optional fields that have no value (`UNSET`).
"""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

INSTANT_MS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999: no instant after it can be written as RFC 3339."""

OFFSET_MAX = 2**53 - 1
"""The largest integer that every JSON client keeps exactly."""

PAGE_ITEMS_MAX = 1000
PAGE_ITEMS_DEFAULT = 50
IDS_MAX = 100
"""Identifiers or symbols in one list."""

DECIMAL_PATTERN = r"^-?\d+(\.\d+)?$"

NEVER_SENT_KEY = "x-never-sent"
"""In a schema: true at a field that this server never sends; at an enum, the members that it never sends."""

REFUSED_KEY = "x-refused"
"""In a schema: the members of an enum that the interface lists and this server refuses."""

SEVERAL_KEY = "x-several"
"""In a schema: true at a text of a query in which several values may be given, repeated or joined by commas. The
interface lists one value there, so it is no array."""

NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f])"
"""No control characters. A plain `^[^…]*$` would let a last newline through, because `$` matches before it."""


class Request(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of a request."""


def absent_when_empty(request: Request, *names: str) -> None:
    """Read an empty text in these optional fields as not given, for clients whose language has no absent text. Call it
    in `__post_init__`. An empty text in any other field is an error."""
    for name in names:
        if getattr(request, name) == "":
            force_setattr(request, name, None)


class Query(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The query string of a request."""


class Response(Struct, rename="camel", kw_only=True, frozen=True, gc=False):
    """An object in a reply."""


def _text(length_max: int, description: str, example: str, length_min: int | None = 1) -> Meta:
    return Meta(
        min_length=length_min,
        max_length=length_max,
        pattern=NO_CONTROLS,
        description=description,
        examples=[example],
    )


NULLABLE = Meta(extra_json_schema={"nullable": True})
"""Marks a field that may be null in the interface. This server leaves such a field out where it has no value."""

NEVER_SENT = Meta(extra_json_schema={NEVER_SENT_KEY: True})
"""Marks a field that the interface lists and that never has a value here."""

DecimalText = Annotated[str, Meta(examples=["1234.5678"], extra_json_schema={"pattern": DECIMAL_PATTERN})]
DecimalIn = Annotated[
    str,
    Meta(
        description="A plain decimal: at most 38 digits, 18 of them after the point",
        examples=["1234.5678"],
        extra_json_schema={"pattern": DECIMAL_PATTERN, "maxLength": 40},
    ),
]
Instant = Annotated[
    int,
    Meta(
        ge=0,
        le=INSTANT_MS_MAX,
        description="Unix time, ms",
        examples=[1632933600000],
        extra_json_schema={"format": "int64"},
    ),
]
DateTime = Annotated[str, Meta(examples=["2021-09-29T16:40:00.000Z"], extra_json_schema={"format": "date-time"})]
Nickname = Annotated[str, _text(100, "A name for people", "Main desk")]
Key = Annotated[str, _text(128, "An opaque key", "order-2026-0001")]
NicknameOrEmpty = Annotated[str, _text(100, 'A name for people; `""` means not given', "Main desk", None)]
KeyOrEmpty = Annotated[str, _text(128, 'An opaque key; `""` means not given', "order-2026-0001", None)]
InstrumentIdText = Annotated[str, _text(100, "`{VENUE}:{BASE}/{QUOTE}`", "PAPER:BTC/USDT")]
SecurityIdText = Annotated[str, _text(100, "`{VENUE}:{ASSET}`", "PAPER:BTC")]
Symbol = Annotated[str, _text(100, "`{BASE}/{QUOTE}`", "BTC/USDT")]
ExternalId = Annotated[str, _text(200, "An identifier of the venue's", "paper-spot-1")]
Secret = Annotated[str, Meta(min_length=1, max_length=8192, examples=["your-secret"])]
SecretOrEmpty = Annotated[str, Meta(max_length=8192, description='`""` means not given', examples=["your-secret"])]
Cursor = Annotated[
    str, Meta(max_length=512, description="A `pagination.cursor` of an earlier page; wins over `offset`")
]
Limit = Annotated[int, Meta(ge=1, le=PAGE_ITEMS_MAX, description="Items of a page")]
Offset = Annotated[int, Meta(ge=0, le=OFFSET_MAX, description="Items to skip")]
Depth = Annotated[int, Meta(ge=1, le=1000, description="Levels of each side")]
