"""A venue, as the application sees it: a connector, its sessions, and what they report.

A connector never calls the application. It answers with reports, or delivers them to the sink that it was given. The
reply to a request, the stream, polling, lookups and replays all make the same reports (`domain/trading/reports.py`).
`VenueSpec` (`domain/trading/venue_spec.py`) says what the venue can do; its author fills it in first.
`limits.py` says how long the application waits for each call.
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
from cadenza.ports.venue.limits import (
    ANSWER_MS_MAX,
    BOOK_OPEN_MS_MAX,
    CATALOGUE_MS_MAX,
    COMPARED_WITHIN_MS,
    CONNECTOR_START_MS_MAX,
    MARK_AGE_MS_MAX,
    ORDERS_PER_LOOKUP_MAX,
    REPORTED_WITHIN_MS,
    SESSION_CLOSE_MS_MAX,
    SESSION_OPEN_MS_MAX,
    VERIFY_MS_MAX,
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
    "ANSWER_MS_MAX",
    "AccountSnapshot",
    "BOOK_OPEN_MS_MAX",
    "CATALOGUE_MS_MAX",
    "COMPARED_WITHIN_MS",
    "CONNECTOR_START_MS_MAX",
    "Connectors",
    "ExecutionSession",
    "MARK_AGE_MS_MAX",
    "KeyRights",
    "ListedInstruments",
    "MarketSink",
    "MemoryTakenOver",
    "ORDERS_PER_LOOKUP_MAX",
    "REPLAY_REPORTS_MAX",
    "REPORTED_WITHIN_MS",
    "ReplayPiece",
    "SESSION_CLOSE_MS_MAX",
    "SESSION_OPEN_MS_MAX",
    "SessionSink",
    "UnreadableInstrument",
    "VERIFY_MS_MAX",
    "VenueCondition",
    "VenueConnector",
    "VenueMemories",
    "VenueMemory",
    "VenueStatus",
    "VerifiedKey",
]
