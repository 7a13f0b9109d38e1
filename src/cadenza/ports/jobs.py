"""Background work that survives a crash."""

from collections.abc import Mapping
from typing import Protocol

PAYLOAD_BYTES_MAX = 64 * 1024
"""Most bytes of one job's payload as JSON."""


class Jobs(Protocol):
    """Law: a job exists when, and only when, the transaction it was enqueued in commits. It is run at least once, also
    after a crash in its midst, so handlers are idempotent. One that keeps failing is kept and shown, never dropped."""

    async def enqueue(
        self,
        name: str,
        payload: Mapping[str, object],
        *,
        run_at_ms: int | None = None,
        dedupe_key: str | None = None,
    ) -> None:
        """Add a job for the handler `name`, to be run at once or not before `run_at_ms`.

        `payload` must be JSON. While a job with the same `dedupe_key` waits or runs, this does nothing.
        """
