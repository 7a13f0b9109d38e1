"""The connections of this process."""

from collections import Counter
from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from cadenza.adapters.realtime.codes import CONNECTION_LIMIT, Closing, Disconnect
from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.domain.ids import SessionId


class Member(Protocol):
    """A connection, as the roster sees it."""

    @property
    def queued_bytes(self) -> int: ...

    def close(self, why: Disconnect) -> None: ...

    def end_session(self, session_ids: Collection[SessionId]) -> None:
        """Close the connection if its session is one of those that have ended."""

    async def check_session(self) -> None:
        """Close the connection if its session has ended."""


class Roster:
    """The open connections, and how many each user has. An API key counts by itself, apart from its user."""

    def __init__(self, limits: RealtimeLimits) -> None:
        self._limits = limits
        self._members: dict[Member, None] = {}
        self._users: Counter[UUID] = Counter()

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> list[Member]:
        return list(self._members)

    @property
    def users(self) -> int:
        """How many users are connected."""
        return len(self._users)

    @property
    def queued_bytes(self) -> int:
        """How much waits for clients that do not read."""
        return sum(member.queued_bytes for member in self._members)

    def has_room(self) -> bool:
        return len(self._members) < self._limits.connections_max

    def add(self, member: Member) -> None:
        """Add a connection whose user is not known yet."""
        self._members[member] = None

    def enter(self, user_id: UUID) -> None:
        """Count a connection for its user, or raise `Closing` (3504) when the user has too many."""
        if self._users[user_id] >= self._limits.connections_per_user_max:
            raise Closing(CONNECTION_LIMIT)
        self._users[user_id] += 1

    def remove(self, member: Member, user_id: UUID | None) -> None:
        """Forget a connection."""
        self._members.pop(member, None)
        if user_id is not None:
            self._users[user_id] -= 1
            if self._users[user_id] <= 0:
                del self._users[user_id]
