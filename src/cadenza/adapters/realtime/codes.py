"""The codes that clients get: errors in replies, and why a subscription or a connection ended.

They are Centrifugo's, so its clients know what to do: they try again after a `temporary` error, they subscribe again
after an unsubscribe code from 2500 on, and they do not come back by themselves after a disconnect code of 3500-3999 or
4500-4999.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An error in the reply to one command; `message` is the protocol's own word for the code."""

    code: int
    message: str
    temporary: bool = False


INTERNAL = ErrorCode(100, "internal server error", temporary=True)
UNAUTHORIZED = ErrorCode(101, "unauthorized")
UNKNOWN_CHANNEL = ErrorCode(102, "unknown channel")
PERMISSION_DENIED = ErrorCode(103, "permission denied")
METHOD_NOT_FOUND = ErrorCode(104, "method not found")
ALREADY_SUBSCRIBED = ErrorCode(105, "already subscribed")
LIMIT_EXCEEDED = ErrorCode(106, "limit exceeded")
BAD_REQUEST = ErrorCode(107, "bad request")
NOT_AVAILABLE = ErrorCode(108, "not available")
TOKEN_EXPIRED = ErrorCode(109, "token expired")
EXPIRED = ErrorCode(110, "expired")
TOO_MANY_REQUESTS = ErrorCode(111, "too many requests", temporary=True)
UNRECOVERABLE_POSITION = ErrorCode(112, "unrecoverable position")
CONCURRENT_PAGINATION = ErrorCode(113, "concurrent pagination", temporary=True)

ERRORS = (
    INTERNAL,
    UNAUTHORIZED,
    UNKNOWN_CHANNEL,
    PERMISSION_DENIED,
    METHOD_NOT_FOUND,
    ALREADY_SUBSCRIBED,
    LIMIT_EXCEEDED,
    BAD_REQUEST,
    NOT_AVAILABLE,
    TOKEN_EXPIRED,
    EXPIRED,
    TOO_MANY_REQUESTS,
    UNRECOVERABLE_POSITION,
    CONCURRENT_PAGINATION,
)


class Refusal(Exception):
    """A command that is answered with an error; the connection goes on."""

    def __init__(self, error: ErrorCode) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """Why the server ended a subscription."""

    code: int
    reason: str


SERVER_UNSUBSCRIBE = Unsubscribed(2000, "server unsubscribe")
INSUFFICIENT_STATE_OF_CHANNEL = Unsubscribed(2500, "insufficient state")
SUBSCRIPTION_EXPIRED = Unsubscribed(2501, "subscription expired")
STATE_INVALIDATED_OF_CHANNEL = Unsubscribed(2502, "state invalidated")

UNSUBSCRIBES = (
    SERVER_UNSUBSCRIBE,
    INSUFFICIENT_STATE_OF_CHANNEL,
    SUBSCRIPTION_EXPIRED,
    STATE_INVALIDATED_OF_CHANNEL,
)


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Why the server closes a connection: the code and reason of the WebSocket close frame (under 124 bytes)."""

    code: int
    reason: str

    @property
    def is_final(self) -> bool:
        """The client must not reconnect by itself."""
        return 3500 <= self.code < 4000 or 4500 <= self.code < 5000


NORMAL = Disconnect(1000, "")
PROTOCOL_ERROR = Disconnect(1002, "protocol error")
INVALID_UTF8 = Disconnect(1007, "text that is not UTF-8")
MESSAGE_TOO_BIG = Disconnect(1009, "message too big")
CONNECTION_CLOSED = Disconnect(3000, "connection closed")
SHUTDOWN = Disconnect(3001, "shutdown")
SERVER_ERROR = Disconnect(3004, "internal server error")
CONNECTION_EXPIRED = Disconnect(3005, "connection expired")
EXPIRED_SUBSCRIPTION = Disconnect(3006, "subscription expired")
SLOW = Disconnect(3008, "slow")
WRITE_ERROR = Disconnect(3009, "write error")
INSUFFICIENT_STATE = Disconnect(3010, "insufficient state")
FORCE_RECONNECT = Disconnect(3011, "force reconnect")
NO_PONG = Disconnect(3012, "no pong")
TOO_MANY_COMMANDS = Disconnect(3013, "too many requests")
STATE_INVALIDATED = Disconnect(3014, "state invalidated")
INVALID_TOKEN = Disconnect(3500, "invalid token")
BAD_COMMAND = Disconnect(3501, "bad request")
STALE = Disconnect(3502, "stale")
FORCE_DISCONNECT = Disconnect(3503, "force disconnect")
CONNECTION_LIMIT = Disconnect(3504, "connection limit")
CHANNEL_LIMIT = Disconnect(3505, "channel limit")
INAPPROPRIATE_PROTOCOL = Disconnect(3506, "inappropriate protocol")
FORBIDDEN = Disconnect(3507, "permission denied")
UNAVAILABLE = Disconnect(3508, "not available")
TOO_MANY_ERRORS = Disconnect(3509, "too many errors")

DISCONNECTS = (  # all of the protocol's, so that none gets another meaning; docs/websocket.md says which are sent
    CONNECTION_CLOSED,
    SHUTDOWN,
    SERVER_ERROR,
    CONNECTION_EXPIRED,
    EXPIRED_SUBSCRIPTION,
    SLOW,
    WRITE_ERROR,
    INSUFFICIENT_STATE,
    FORCE_RECONNECT,
    NO_PONG,
    TOO_MANY_COMMANDS,
    STATE_INVALIDATED,
    INVALID_TOKEN,
    BAD_COMMAND,
    STALE,
    FORCE_DISCONNECT,
    CONNECTION_LIMIT,
    CHANNEL_LIMIT,
    INAPPROPRIATE_PROTOCOL,
    FORBIDDEN,
    UNAVAILABLE,
    TOO_MANY_ERRORS,
)


class Closing(Exception):
    """A command that ends the connection."""

    def __init__(self, disconnect: Disconnect) -> None:
        super().__init__(disconnect.reason)
        self.disconnect = disconnect
