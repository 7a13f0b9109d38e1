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
    """By code; 1000 is a client that left by itself, whatever it said."""
