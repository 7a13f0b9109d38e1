"""Change one's e-mail address, password or metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cadenza.application.identity.letters import Letters
from cadenza.application.identity.session_states import SessionStates
from cadenza.domain.errors import InvalidToken, ManagedByIssuer
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.metadata import merge_metadata
from cadenza.domain.identity.password import check_new_password
from cadenza.domain.identity.user import User
from cadenza.domain.ids import SessionId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.vault import PasswordHasher


class UpdateUser:
    """None leaves a value as it is. A new password ends the user's other sessions, and the user gets a mail about it.
    API keys go on: programs do not know the password.
    About a new address the old address gets a mail. `metadata` is merged key by key; a null removes its key."""

    def __init__(
        self,
        *,
        storage: Storage,
        hasher: PasswordHasher,
        sessions: SessionStates,
        letters: Letters,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._storage = storage
        self._hasher = hasher
        self._sessions = sessions
        self._letters = letters
        self._clock = clock
        self._ids = ids

    async def __call__(
        self,
        actor: Actor,
        *,
        email: str | None = None,
        password: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> User:
        """Raises `EmailTaken`, `WeakPassword`, `InvalidRequest`, `ManagedByIssuer`, `Overloaded`, and
        `KeyNotAllowed` for a caller with an API key."""
        actor.require_log_in()
        email = None if email is None else normalise_email(email)
        password_hash = None
        if password is not None:
            check_new_password(password)
            password_hash = await self._hasher.hash(password)
        async with self._storage.begin() as uow:
            user = await uow.identity.get_user(actor.user_id, lock=True)
            if user is None:
                raise InvalidToken("the user does not exist any more")
            if user.is_external and (email is not None or password is not None):
                raise ManagedByIssuer("e-mail and password are changed at the issuer")
            updated = await self._change(uow, user, email, metadata)
            ended: Sequence[SessionId] = ()
            if password_hash is not None:
                ended = await self._change_password(uow, updated, password_hash, actor)
            await uow.commit()
        self._sessions.mark_revoked(ended)
        return updated

    async def _change(self, uow: UnitOfWork, user: User, email: str | None, metadata: Mapping[str, Any] | None) -> User:
        updated = replace(user, updated_at_ms=self._clock.now_ms())
        if metadata is not None:
            updated = replace(updated, metadata=merge_metadata(user.metadata, metadata))
        if email is not None and email != user.email:
            updated = replace(updated, email=email, email_confirmed_at_ms=None)
            await self._letters.email_changed(uow, user.email or email, email)
        await uow.identity.update_user(updated)
        return updated

    async def _change_password(
        self, uow: UnitOfWork, user: User, password_hash: str, actor: Actor
    ) -> Sequence[SessionId]:
        await uow.identity.set_password_hash(user.id, password_hash)
        if user.email is not None:
            await self._letters.password_changed(uow, user.email)
        now_ms = self._clock.now_ms()
        entry = AuditEntry(
            id=AuditId(self._ids.new()),
            tenant_id=user.tenant_id,
            kind=AuditKind.PASSWORD_CHANGED,
            at_ms=now_ms,
            origin=actor.origin,
            subject=str(user.id),
        )
        await uow.audit.add(entry)
        return await uow.identity.revoke_sessions(user.id, now_ms, keep=actor.session_id)
