"""The job behind `Recover`."""

from collections.abc import Mapping
from typing import Any

from cadenza.application.identity.letters import Letters, new_token
from cadenza.application.identity.policy import IdentityPolicy
from cadenza.domain.identity.invitation import OneTimeToken, TokenPurpose
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage


class SendRecovery:
    """Mails a one-time token to the user with that address, if there is one. A newer token replaces an older one."""

    def __init__(self, *, storage: Storage, letters: Letters, clock: Clock, ids: Ids, policy: IdentityPolicy) -> None:
        self._storage = storage
        self._letters = letters
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def __call__(self, payload: Mapping[str, Any]) -> None:
        async with self._storage.begin() as uow:
            found = await uow.identity.find_login(payload["email"])
            if found is None:
                return
            now_ms, ttl_ms = self._clock.now_ms(), self._policy.recovery_ttl_ms
            token, digest = new_token(self._ids)
            await uow.identity.put_one_time_token(
                OneTimeToken(
                    digest=digest,
                    user_id=found[0].id,
                    purpose=TokenPurpose.RECOVERY,
                    created_at_ms=now_ms,
                    expires_at_ms=now_ms + ttl_ms,
                )
            )
            await self._letters.recovery(uow, payload["email"], token, ttl_ms)
            await uow.commit()
