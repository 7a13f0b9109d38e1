"""What became of a call or a frame: not sent, answered or sent, or unknown.

The line between `NotSent` and `OutcomeUnknown` is a fact about bytes, never a guess from the kind of an error: as soon
as the first byte of a request is handed to a connection that was open, the request may have arrived.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class NotSentCause(Enum):
    """Why no byte left. Each one is proof that the other side saw nothing of it."""

    DEADLINE = "deadline"
    """The deadline passed before a byte was written."""
    FULL = "full"
    """As many calls as may wait were waiting already."""
    CLOSED = "closed"
    """The client was closed."""
    DNS = "dns"
    """The name of the host could not be resolved."""
    CONNECT = "connect"
    """No connection came about: refused, unreachable, or not within the limit for connecting."""
    TLS = "tls"
    """The handshake failed: unknown authority, wrong name, expired certificate, no common protocol."""
    PROXY = "proxy"
    """The proxy could not be reached, or refused the tunnel."""
    NOT_CONNECTED = "not-connected"
    """There was no connection, or it was closed before the first byte."""


class UnknownCause(Enum):
    """What happened after bytes may have left."""

    DEADLINE = "deadline"
    """The deadline passed without a complete answer."""
    CLOSED = "closed"
    """This side closed the client meanwhile."""
    DISCONNECTED = "disconnected"
    """The connection was reset or ended before an answer had begun."""
    TOO_LONG = "too-long"
    """The body of the answer exceeds the limit."""
    UNREADABLE = "unreadable"
    """The answer was cut off, is not HTTP, cannot be decompressed, or nothing marks the end of its body."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Law: no byte of the request or frame left this process. Sending it again cannot do it twice."""

    cause: NotSentCause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A complete answer, whatever its status: a 500 is an answer too, and what it says about the request is for the
    caller to judge.

    `body` is complete and decompressed. `headers` has names in lower case; the values of a header that came more than
    once are joined with ", ".
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """Bytes may have left and no complete answer came: the other side may have acted on the request or not.

    `status` is that of an answer whose headers were read and whose body was not complete, else None.
    """

    cause: UnknownCause
    detail: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The whole frame was handed to an open connection. Only an answer proves that it arrived."""


Outcome = NotSent | Answered | OutcomeUnknown
SendOutcome = NotSent | Sent | OutcomeUnknown
