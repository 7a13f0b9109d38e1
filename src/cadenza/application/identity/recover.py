"""Ask for a password reset."""

from cadenza.application.identity.throttle import Throttle
from cadenza.domain.identity.email import normalise_email
from cadenza.ports.storage import Storage

RECOVERY_JOB = "identity.send_recovery"


class Recover:
    """Enqueues one job, whether a user has the address or not; only the job looks for the user (`SendRecovery`). So
    neither the answer nor its duration reveals which addresses have a user."""

    def __init__(self, *, storage: Storage, throttle: Throttle) -> None:
        self._storage = storage
        self._throttle = throttle

    async def __call__(self, *, email: str, client: str) -> None:
        """Raises `RateLimited`, `InvalidRequest` (no e-mail address)."""
        email = normalise_email(email)
        self._throttle.check(client, email)
        async with self._storage.begin() as uow:
            await uow.jobs.enqueue(RECOVERY_JOB, {"email": email}, dedupe_key=email)
            await uow.commit()
