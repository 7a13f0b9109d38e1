"""Commands of clients and replies to them, as JSON lines.

Centrifugo's own clients write `presence_stats`, the reference of this API `presenceStats`: both are read, and the reply
comes in the spelling of the command.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from cadenza.adapters.realtime.codes import ErrorCode, Unsubscribed

ID_MAX = 2**32 - 1
OFFSET_MAX = 2**63 - 1
REJECT_UNRECOVERED_FLAG = 2
"""In `subscribe.flag`: answer error 112 rather than `recovered: false`."""

Offset = Annotated[int, Meta(ge=0, le=OFFSET_MAX)]


class MalformedFrame(Exception):
    """The frame is not a sequence of commands."""


class Connect(Struct, gc=False):
    token: str = ""
    name: str = ""
    version: str = ""


class Subscribe(Struct, gc=False):
    channel: str = ""
    recover: bool = False
    epoch: str = ""
    offset: Offset = 0
    flag: int = 0
    join_leave: bool = False
    join_leave_camel: bool = field(default=False, name="joinLeave")

    @property
    def wants_join_leave(self) -> bool:
        """Whether the client asks for joins and leaves."""
        return self.join_leave or self.join_leave_camel


class OfChannel(Struct, gc=False):
    """What names a channel and nothing else of interest."""

    channel: str = ""


class SubRefresh(Struct, gc=False):
    channel: str = ""
    token: str = ""


class Since(Struct, gc=False):
    offset: Offset = 0
    epoch: str = ""


class History(Struct, gc=False):
    channel: str = ""
    limit: Annotated[int, Meta(ge=-1, le=2**31 - 1)] = 0
    since: Since | None = None
    reverse: bool = False


class Rpc(Struct, gc=False):
    method: str = ""
    data: Raw = Raw(b"{}")


class Refresh(Struct, gc=False):
    token: str = ""


class Nothing(Struct, gc=False, frozen=True):
    """A request without fields that count."""


class Command(Struct, gc=False):
    """One command: an id and one of the requests. Without either it is the answer to a ping."""

    id: Annotated[int, Meta(ge=0, le=ID_MAX)] = 0
    connect: Connect | None = None
    subscribe: Subscribe | None = None
    unsubscribe: OfChannel | None = None
    publish: OfChannel | None = None
    presence: OfChannel | None = None
    presence_stats: OfChannel | None = None
    presence_stats_camel: OfChannel | None = field(default=None, name="presenceStats")
    history: History | None = None
    ping: Nothing | None = None
    send: Nothing | None = None
    rpc: Rpc | None = None
    refresh: Refresh | None = None
    sub_refresh: SubRefresh | None = None
    sub_refresh_camel: SubRefresh | None = field(default=None, name="subRefresh")

    @property
    def is_pong(self) -> bool:
        """Whether the command is `{}`."""
        return self == _PONG

    @property
    def methods(self) -> list[str]:
        """The requests in the command as spelled; a sound command has one."""
        return [spelled for name, spelled in _METHODS if getattr(self, name) is not None]


_PONG = Command()
_METHODS = tuple((f.name, f.encode_name) for f in msgspec.structs.fields(Command) if f.name != "id")
_DECODER = msgspec.json.Decoder(Command)


def decode_commands(frame: bytes) -> Sequence[Command]:
    """Return the commands of a frame (JSON objects, one a line). Raises `MalformedFrame`."""
    try:
        commands = _DECODER.decode_lines(frame)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedFrame(str(error)) from None
    if not commands:
        raise MalformedFrame("the frame is empty")
    return commands


# --- replies


class ConnectResult(Struct, gc=False):
    """`ping` in seconds, `ttl` in seconds until the token expires, `time` in Unix ms."""

    client: str
    version: str
    expires: bool
    ttl: int
    ping: int
    pong: bool
    session: str
    node: str
    time: int


class SubscribeResult(Struct, gc=False):
    """`recovered` and `was_recovering` are there when the client asked to recover."""

    recoverable: bool
    positioned: bool
    epoch: str
    offset: int
    was_recovering: bool | UnsetType = UNSET
    recovered: bool | UnsetType = UNSET
    publications: list[Raw] | UnsetType = UNSET


class HistoryResult(Struct, gc=False):
    publications: list[Raw]
    epoch: str
    offset: int


class RefreshResult(Struct, gc=False):
    client: str
    version: str
    expires: bool
    ttl: int


class ClientInfo(Struct, gc=False):
    user: str
    client: str


class SubRefreshResult(Struct, gc=False):
    """Our subscriptions do not expire."""

    expires: bool = False
    ttl: int = 0


class RpcResult(Struct, gc=False):
    data: Raw


class PresenceResult(Struct, gc=False):
    presence: dict[str, ClientInfo]


_encode = msgspec.json.Encoder().encode

PING = b"{}"


def reply(id: int, method: str, result: Any) -> bytes:
    """Return the reply to command `id`."""
    return b'{"id":%d,"%s":%s}' % (id, method.encode(), _encode(result))


def error_reply(id: int, error: ErrorCode) -> bytes:
    """Return the reply that refuses command `id`."""
    shown: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.temporary:
        shown["temporary"] = True
    return b'{"id":%d,"error":%s}' % (id, _encode(shown))


def stats_result(clients: int, users: int, *, is_camel: bool) -> dict[str, int]:
    """Return the result of `presence_stats` in the client's spelling."""
    return {"numClients": clients, "numUsers": users} if is_camel else {"num_clients": clients, "num_users": users}


# --- pushes


def push_head(channel: str) -> bytes:
    """Return how every publication on the channel begins."""
    return b'{"push":{"channel":' + _encode(channel) + b',"pub":'


PUSH_TAIL = b"}}"


def publication(data: bytes, offset: int) -> bytes:
    """Return a publication around its encoded data. Made once, used in pushes and replies of every client."""
    return b'{"data":%s,"offset":%d}' % (data, offset)


def view_publication(data: bytes) -> bytes:
    """Return a publication without an offset: it does not move the client's position."""
    return b'{"data":%s}' % data


def unsubscribe_push(channel: str, unsubscribed: Unsubscribed) -> bytes:
    """Return the push that ends a subscription."""
    why = {"code": unsubscribed.code, "reason": unsubscribed.reason}
    return b'{"push":{"channel":%s,"unsubscribe":%s}}' % (_encode(channel), _encode(why))


def presence_push(channel: str, event: str, info: ClientInfo) -> bytes:
    """Return the push that says which client came (`join`) or went (`leave`)."""
    return b'{"push":{"channel":%s,"%s":{"info":%s}}}' % (_encode(channel), event.encode(), _encode(info))
