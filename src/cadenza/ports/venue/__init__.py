"""A venue, as the application sees it: a connector, its sessions, and what they report.

A connector never calls the application. It answers with reports, or delivers them to the sink that it was given. The
reply to a request, the stream, polling, lookups and replays all make the same reports (`domain/trading/reports.py`).
`VenueSpec` (`domain/trading/venue_spec.py`) says what the venue can do; its author fills it in first.
`docs/concepts/venues.md` belongs to these ports: it shows for each of the ten venues which books, ids, fences, lookups,
replays and reports its connector uses.
"""

from cadenza.ports.venue.connector import (
    Connectors,
    KeyRights,
    ListedInstruments,
    MarketSink,
    UnreadableInstrument,
    VenueCondition,
    VenueConnector,
    VenueStatus,
    VerifiedKey,
)
from cadenza.ports.venue.memory import MemoryTakenOver, VenueMemories, VenueMemory
from cadenza.ports.venue.session import (
    REPLAY_REPORTS_MAX,
    AccountSnapshot,
    ExecutionSession,
    ReplayPiece,
    SessionSink,
)

__all__ = [
    "AccountSnapshot",
    "Connectors",
    "ExecutionSession",
    "KeyRights",
    "ListedInstruments",
    "MarketSink",
    "MemoryTakenOver",
    "REPLAY_REPORTS_MAX",
    "ReplayPiece",
    "SessionSink",
    "UnreadableInstrument",
    "VenueCondition",
    "VenueConnector",
    "VenueMemories",
    "VenueMemory",
    "VenueStatus",
    "VerifiedKey",
]
