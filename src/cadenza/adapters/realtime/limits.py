"""What one connection, one user and the whole node may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeLimits:
    """The limits of the socket. What happens at each is said beside it; the codes are in `codes`."""

    frame_bytes_max: int = 65_536
    """A longer message of a client closes its connection with 1009."""
    commands_per_frame_max: int = 1_024
    """More commands in one frame, or waiting to be handled, close the connection with 3013."""
    commands_per_second_max: int = 1_000
    """Mean rate of a connection, with bursts of `commands_per_frame_max`; beyond it the connection closes with 3013.
    Frames that carry no command (pings, parts of a message) count as one each."""
    rpcs_in_flight_max: int = 32
    """One more RPC of the connection is answered with error 111."""
    channels_per_connection_max: int = 512
    """One more subscription is answered with error 106."""
    connections_per_user_max: int = 100
    """One more connection of a user is closed with 3504."""
    connections_max: int = 20_000
    """One more handshake with this process is answered 503, after which clients try again later."""
    queue_bytes_max: int = 1_048_576
    """More bytes waiting for a client that does not read close its connection with 3008; what waited is dropped."""
    history_items_max: int = 1_000
    """Publications of a channel kept in memory, recovered, or answered by one `history`."""
    history_bytes_max: int = 524_288
    """A longer gap is not recovered (`recovered: false`), and a reply to `history` ends there: clients limit their
    frames to 1 MiB."""
    history_age_ms_max: int = 300_000
    """Publications are forgotten after this time (those of accounts are read from the log again when they are needed),
    and a channel when nobody listened for so long."""
    channels_max: int = 50_000
    """Channels remembered by this process; when none is idle, one more is answered with error 106."""
    presence_clients_max: int = 1_000
    """Clients listed by one `presence`."""
    connect_timeout_ms: int = 15_000
    """A connection that has not authenticated itself by then is closed with 3502."""
    ping_interval_ms: int = 25_000
    pong_timeout_ms: int = 8_000
    """A client that answers no ping in this time is closed with 3012."""
    expiry_delay_ms: int = 25_000
    """A connection lives so much longer than its token, so that a refresh may come; then it is closed with 3005."""
    close_timeout_ms: int = 5_000
    """A client that does not answer the close frame in this time is cut off, as is one that does not take the answer to
    its own."""
    session_check_ms: int = 5_000
    """Pause between two looks at the sessions of all connections: one that was ended elsewhere is closed with 3500."""
