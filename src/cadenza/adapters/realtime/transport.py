"""What a connection needs of the wire."""

from typing import Protocol

from cadenza.adapters.realtime.codes import Disconnect


class Transport(Protocol):
    """One client's wire. Law: never blocks, never fails; what is sent after `close` is dropped.

    A transport that cannot take more at once calls `Connection.on_blocked`, and `on_drained` when it can again.
    Between the two it still takes what it is given, without bound: it is the writer that stops.
    """

    def send(self, payload: bytes) -> None:
        """Send one text message."""

    def close(self, disconnect: Disconnect) -> None:
        """Send the close frame after what was sent; the wire is cut when the client does not answer in time."""
