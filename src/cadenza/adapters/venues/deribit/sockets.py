"""What all sockets of DERIBIT have in common: their path, their limits, and the messages of JSON-RPC."""

from collections.abc import Mapping, Sequence

import msgspec

from cadenza.network.pace_windows import WindowLimit
from cadenza.network.stream_events import StreamLimits

SOCKET_PATH = "/ws/api/v2"

SOCKETS_MAX, SOCKETS_FOR_BOOKS = 32, 2
"""Connections that the venue takes of an address (and 16 of a key), and how many of them no account may have. One
carries 300 channels of books and trades."""

CONNECTS = WindowLimit(5, 5_000)
"""The venue limits open connections (`SOCKETS_MAX`) and the credits of the requests that open them, and not the pace
itself."""

SUBSCRIPTIONS = (WindowLimit(10, 3_100),)
"""A pool of ten that grows by 3.3 a second."""

HEARTBEAT_S = 15
"""The venue sends a heartbeat so often, and asks in between whether we are there."""

STREAM_LIMITS = StreamLimits(message_silence_ms=50_000)
"""A connection without so much as a heartbeat for three intervals is dead."""

HEARTBEAT_ID, TEST_ID = 1_000_000_001, 1_000_000_002
"""The ids of requests whose answers say nothing."""

TEST_REQUEST = "test_request"

Parameters = Mapping[str, str | int | Sequence[str]]

_encode = msgspec.json.Encoder().encode


def rpc_text(id: int, method: str, params: Parameters) -> str:
    """Return a request."""
    return _encode({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).decode()


SET_HEARTBEAT = rpc_text(HEARTBEAT_ID, "public/set_heartbeat", {"interval": HEARTBEAT_S})
TEST = rpc_text(TEST_ID, "public/test", {})
"""The answer to the venue's question whether we are there. Without it the venue ends the connection."""
