"""The job that deletes what ended long ago."""

from collections.abc import Mapping
from typing import Any

from cadenza.application.identity.policy import IdentityPolicy
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage

PURGE_JOB = "purge"
PURGE_INTERVAL_MS = 3_600_000
PURGE_ROWS_MAX = 10_000
MASS_CANCEL_ROUNDS_MAX = 50
"""Transactions an hour that delete mass cancels, each up to `PURGE_ROWS_MAX` orders of their lists."""


class PurgeEnded:
    """Deletes sessions, invitations, tokens and sent mails that ended longer ago than the retention, and entries of the
    audit log, API keys and finished mass cancels that are older than that of the audit log. It enqueues itself for an
    hour later. `schedule` starts the chain. It may be called at every start, because at most one such job waits."""

    def __init__(self, *, storage: Storage, clock: Clock, policy: IdentityPolicy) -> None:
        self._storage = storage
        self._clock = clock
        self._policy = policy

    async def schedule(self) -> None:
        async with self._storage.begin() as uow:
            await uow.jobs.enqueue(PURGE_JOB, {}, dedupe_key="next")
            await uow.commit()

    async def __call__(self, payload: Mapping[str, Any]) -> None:
        now_ms = self._clock.now_ms()
        hour = now_ms // PURGE_INTERVAL_MS + 1
        audit_from_ms = now_ms - self._policy.audit_retention_ms
        async with self._storage.begin() as uow:
            await uow.identity.purge(now_ms - self._policy.retention_ms, rows_max=PURGE_ROWS_MAX)
            await uow.audit.purge(audit_from_ms, rows_max=PURGE_ROWS_MAX)
            # Under a key of its own: this very job still counts as running.
            await uow.jobs.enqueue(PURGE_JOB, {}, run_at_ms=hour * PURGE_INTERVAL_MS, dedupe_key=f"hour {hour}")
            await uow.commit()
        for _ in range(MASS_CANCEL_ROUNDS_MAX):
            async with self._storage.begin() as uow:
                deleted = await uow.brake.purge(audit_from_ms, rows_max=PURGE_ROWS_MAX)
                await uow.commit()
            if not deleted:
                break
