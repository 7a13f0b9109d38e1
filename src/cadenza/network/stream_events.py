"""What a stream delivers, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from cadenza.network.pacing import PaceTicket
from cadenza.network.patience import RetryPauses


class LostCause(Enum):
    """Why a stream is not live."""

    CONNECT = "connect"
    """No connection came about: name, refusal, TLS, proxy, or no complete handshake within the limit."""
    HANDSHAKE = "handshake"
    """The server answered the handshake with something else: `status` and `headers` hold it."""
    NOT_READY = "not-ready"
    """The owner could not say where to connect, or could not subscribe."""
    PEER_CLOSED = "peer-closed"
    """The server closed by a frame: its code and reason are in `detail`."""
    DISCONNECTED = "disconnected"
    """The connection was reset or ended without a close frame."""
    SILENCE = "silence"
    """The connection was open and said nothing for longer than the limit."""
    UNREADABLE = "unreadable"
    """A frame broke the protocol or was over the limit."""
    RENEWAL = "renewal"
    """This side closed it because of its age, to open another one at once."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message. `connection` says on which of the stream's connections it came, `at_ms` is the monotonic instant.

    `data` of a text message is what came, not checked to be UTF-8: whatever parses it does that.
    """

    connection: int
    data: bytes
    is_text: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class StreamLive:
    """The connection is open and its owner has subscribed. `replaced` is the older connection of a renewal in which
    the stream was never lost: its last messages may still come after this, and both connections may have delivered the
    same."""

    connection: int
    replaced: int | None = None


@dataclass(frozen=True, slots=True)
class StreamLost:
    """The stream is not live any more, or a try to make it live failed. Messages may have been missed from here to the
    next `StreamLive`."""

    connection: int
    cause: LostCause
    detail: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """Nothing follows."""


StreamEvent = Received | StreamLive | StreamLost | StreamClosed


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """Where to connect. `url` is absolute, ws or wss, percent-encoded, and sent as it is. `turn` is the right to open
    this connection: the stream settles it when the connection is live, or has failed."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    turn: PaceTicket | None = None


class NotReady(Exception):
    """Raised by a stream's owner that cannot connect or subscribe now. The stream tries again after a pause."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Connecting with TLS and handshake may take `connect_ms`, subscribing `prepare_ms`, closing `closing_ms`.

    A ping goes out every `ping_ms`, and with it the text `ping_text` where a server asks for one; the text `pong_text`
    that it answers with is not delivered. A connection on which nothing came for longer than `silence_ms`, not even a
    pong, is lost; so is one without a message for longer than `message_silence_ms`, where the owner knows that there
    always are some. Time in which this side did not read, because its reader had not taken what came before, does not
    count.

    After a failure it connects again after a pause, by `pauses`. The longest is 10 s by default, so that a server that
    is back is soon reached; a server that counts connects is not connected to more often than its limit, whatever the
    pauses are.

    A connection is renewed when it is `renew_after_ms` old: with `is_renewed_by_overlap` the new one is made live
    before the old one is closed, else the old one is closed first.

    At most `waiting_items_max` events and `waiting_bytes_max` bytes of messages wait for the reader; then nothing more
    is read from the socket. A message over `message_bytes_max` loses the connection. `sends_waiting_max` frames may
    wait while one is being written; when more than `unsent_bytes_max` wait for a server that does not read, no further
    frame is sent.
    """

    connect_ms: int = 10_000
    prepare_ms: int = 10_000
    closing_ms: int = 2_000
    ping_ms: int = 15_000
    ping_text: str | None = None
    pong_text: str | None = None
    silence_ms: int = 40_000
    message_silence_ms: int | None = None
    renew_after_ms: int | None = None
    is_renewed_by_overlap: bool = True
    waiting_items_max: int = 10_000
    waiting_bytes_max: int = 32 * 1024 * 1024
    message_bytes_max: int = 8 * 1024 * 1024
    sends_waiting_max: int = 1_000
    unsent_bytes_max: int = 1024 * 1024
    pauses: RetryPauses = field(default=RetryPauses(first_ms=500, most_ms=10_000))

    def __post_init__(self) -> None:
        if not 0 < self.ping_ms < self.silence_ms:
            raise ValueError("ping_ms must be positive and less than silence_ms")
        if self.message_bytes_max > self.waiting_bytes_max:
            raise ValueError("message_bytes_max must not exceed waiting_bytes_max")
