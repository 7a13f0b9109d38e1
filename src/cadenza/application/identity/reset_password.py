"""Set a new password with a mailed token."""

from dataclasses import replace

from cadenza.application.identity.letters import Letters, digest_of
from cadenza.application.identity.session_states import SessionStates
from cadenza.application.identity.throttle import Throttle
from cadenza.domain.errors import InvalidOneTimeToken
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.invitation import TokenPurpose
from cadenza.domain.identity.origin import Origin
from cadenza.domain.identity.password import check_new_password
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.ports.vault import PasswordHasher


class ResetPassword:
    """Ends all sessions of the user; API keys go on. The token came by mail, so the address counts as confirmed."""

    def __init__(
        self,
        *,
        storage: Storage,
        hasher: PasswordHasher,
        sessions: SessionStates,
        letters: Letters,
        throttle: Throttle,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._storage = storage
        self._hasher = hasher
        self._sessions = sessions
        self._letters = letters
        self._throttle = throttle
        self._clock = clock
        self._ids = ids

    async def __call__(self, *, token: str, password: str, client: str) -> None:
        """Raises `InvalidOneTimeToken`, `WeakPassword`, `RateLimited`, `Overloaded`."""
        check_new_password(password)
        self._throttle.check(client)
        password_hash = await self._hasher.hash(password)
        now_ms = self._clock.now_ms()
        async with self._storage.begin() as uow:
            user_id = await uow.identity.take_one_time_token(digest_of(token), TokenPurpose.RECOVERY, now_ms)
            user = None if user_id is None else await uow.identity.get_user(user_id, lock=True)
            if user is None or user.email is None:
                raise InvalidOneTimeToken("the token is unknown, used, replaced by a newer one, or expired")
            confirmed_at_ms = user.email_confirmed_at_ms or now_ms
            await uow.identity.update_user(replace(user, updated_at_ms=now_ms, email_confirmed_at_ms=confirmed_at_ms))
            await uow.identity.set_password_hash(user.id, password_hash)
            ended = await uow.identity.revoke_sessions(user.id, now_ms)
            await self._letters.password_changed(uow, user.email)
            entry = AuditEntry(
                id=AuditId(self._ids.new()),
                tenant_id=user.tenant_id,
                kind=AuditKind.PASSWORD_CHANGED,
                at_ms=now_ms,
                origin=Origin(user_id=user.id, key_id=None, request_id="", client=client),
                subject=str(user.id),
            )
            await uow.audit.add(entry)
            await uow.commit()
        self._sessions.mark_revoked(ended)
