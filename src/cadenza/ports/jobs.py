"""Background work that survives a crash."""

from collections.abc import Mapping
from typing import Protocol

PAYLOAD_BYTES_MAX = 64 * 1024
"""Most bytes of one job's payload as JSON."""


class Jobs(Protocol):
    """Law: a job exists if, and only if, the transaction that enqueued it commits. It runs at least once, even if the
    process crashes while it runs, so handlers must be idempotent. A job that keeps failing is kept and shown, never
    dropped."""

    async def enqueue(
        self,
        name: str,
        payload: Mapping[str, object],
        *,
        run_at_ms: int | None = None,
        dedupe_key: str | None = None,
    ) -> bool:
        """Add a job for the handler `name`, to be run at once or not before `run_at_ms`.

        `payload` must be JSON. While a job with the same `dedupe_key` waits or runs, this does nothing and returns
        False.
        """
