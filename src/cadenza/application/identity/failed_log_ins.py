"""Failed log-ins, written to the audit log after the answer.

They are not written before it: a log-in with an unknown address writes nothing, and the time of the answer must not
show which addresses have a user.
"""

from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.origin import Origin
from cadenza.domain.identity.user import User
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage

WAITING_MAX = 1_000
"""Failures that wait to be written. Beyond it they are not written; the limits on log-ins keep them far below it."""


class FailedLogIns:
    """Guarantee: `note` neither waits nor fails."""

    def __init__(self, *, storage: Storage, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._waiting: list[AuditEntry] = []

    def note(self, user: User, client: str, request_id: str) -> None:
        """Take note that somebody tried to log in as the user, with a wrong password."""
        if len(self._waiting) >= WAITING_MAX:
            return
        entry = AuditEntry(
            id=AuditId(self._ids.new()),
            tenant_id=user.tenant_id,
            kind=AuditKind.LOG_IN_FAILED,
            at_ms=self._clock.now_ms(),
            origin=Origin(user_id=user.id, key_id=None, request_id=request_id, client=client),
            subject=str(user.id),
        )
        self._waiting.append(entry)

    async def tick(self) -> None:
        """Write what was noted. While the database does not answer, it is kept for the next time."""
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        try:
            async with self._storage.begin() as uow:
                for entry in entries:
                    await uow.audit.add(entry)
                await uow.commit()
        except DatabaseUnavailable:
            self._waiting = entries + self._waiting
            raise
