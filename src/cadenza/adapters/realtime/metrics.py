"""What is counted of the socket."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class RealtimeCounts:
    """Counters that only grow, since the start of the process."""

    connections_total: int = 0
    commands_total: int = 0
    received_bytes_total: int = 0
    publications_total: int = 0
    rpcs_total: int = 0
    unsubscribes_total: int = 0
    disconnects_total: Counter[int] = field(default_factory=Counter)
    """By the code that we closed with."""
    left_total: int = 0
    """Connections that the client ended, or that were cut."""
