"""Log in with e-mail and password."""

from dataclasses import replace

from cadenza.application.identity.failed_log_ins import FailedLogIns
from cadenza.application.identity.issuing import SessionIssuer
from cadenza.application.identity.policy import IdentityPolicy
from cadenza.application.identity.throttle import Throttle
from cadenza.application.identity.views import IssuedSession
from cadenza.domain.errors import InvalidCredentials
from cadenza.domain.identity.audit import AuditEntry, AuditId, AuditKind
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.origin import Origin
from cadenza.domain.identity.password import is_possible_password
from cadenza.domain.identity.session import Session
from cadenza.domain.identity.user import User
from cadenza.domain.ids import SessionId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.vault import PasswordHasher

_CLIENT_CHARS_MAX = 64


class LogIn:
    """Opens a session. An unknown address and a wrong password look alike, in the answer and in the time it takes."""

    def __init__(
        self,
        *,
        storage: Storage,
        hasher: PasswordHasher,
        issuer: SessionIssuer,
        throttle: Throttle,
        failed: FailedLogIns,
        clock: Clock,
        ids: Ids,
        policy: IdentityPolicy,
    ) -> None:
        self._storage = storage
        self._hasher = hasher
        self._issuer = issuer
        self._throttle = throttle
        self._failed = failed
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def __call__(self, *, email: str, password: str, client: str, request_id: str = "") -> IssuedSession:
        """Raises `InvalidCredentials`, `RateLimited`, `InvalidRequest` (no e-mail address), `Overloaded`."""
        email = normalise_email(email)
        self._throttle.check(client, email)
        if not is_possible_password(password):
            raise _mismatch()
        async with self._storage.read() as uow:
            found = await uow.identity.find_login(email)
        password_hash = None if found is None else found[1]
        if not await self._hasher.verify(password, password_hash) or password_hash is None:
            if found is not None:
                self._failed.note(found[0], client, request_id)
            raise _mismatch()
        newer_hash = await self._hasher.hash(password) if self._hasher.needs_rehash(password_hash) else None
        async with self._storage.begin() as uow:
            # Again under a lock: the password may have been changed while we hashed, and that ends every session.
            found = await uow.identity.find_login(email, lock=True)
            if found is None or found[1] != password_hash:
                raise _mismatch()
            if newer_hash is not None:
                await uow.identity.set_password_hash(found[0].id, newer_hash)
            session, user = await self._open(uow, found[0], client)
            await uow.audit.add(self._entry(user, session, client, request_id))
            await uow.commit()
        return self._issuer.issue(session, user, session.created_at_ms)

    async def _open(self, uow: UnitOfWork, user: User, client: str) -> tuple[Session, User]:
        now_ms = self._clock.now_ms()
        session = Session(
            id=SessionId(self._ids.new()),
            user_id=user.id,
            created_at_ms=now_ms,
            refreshed_at_ms=now_ms,
            expires_at_ms=now_ms + self._policy.refresh_token_ttl_ms,
            client=client[:_CLIENT_CHARS_MAX],
        )
        user = replace(user, last_sign_in_at_ms=now_ms)
        await uow.identity.add_session(session)
        await uow.identity.update_user(user)
        return session, user

    def _entry(self, user: User, session: Session, client: str, request_id: str) -> AuditEntry:
        return AuditEntry(
            id=AuditId(self._ids.new()),
            tenant_id=user.tenant_id,
            kind=AuditKind.LOG_IN,
            at_ms=session.created_at_ms,
            origin=Origin(user_id=user.id, key_id=None, request_id=request_id, client=client),
            subject=str(user.id),
        )


def _mismatch() -> InvalidCredentials:
    return InvalidCredentials("e-mail and password do not match")
