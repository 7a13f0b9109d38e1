"""Users of an external issuer: they are created with their first token."""

from dataclasses import replace

from cadenza.application.identity.policy import IdentityPolicy
from cadenza.domain.identity.session import Session
from cadenza.domain.identity.user import OWNER_SCOPES, Tenant, User
from cadenza.domain.ids import SessionId, TenantId, UserId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.vault import ExternalClaims


class ExternalUsers:
    """Rule: the first token of a subject creates a user with a new tenant, whose owner it is, as a sign-up would. A
    subject is never merged with a user that has a password, whatever e-mail address the token carries. A log-in at the
    issuer is one session of ours, so after a log-out its tokens are refused at once although the issuer still accepts
    them.
    """

    def __init__(self, *, storage: Storage, clock: Clock, ids: Ids, policy: IdentityPolicy) -> None:
        self._storage = storage
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def session_of(self, claims: ExternalClaims) -> SessionId:
        """Return the session of a verified token. A new session or user is created first."""
        external_key = f"{claims.issuer} {claims.session_key}"
        async with self._storage.begin() as uow:
            await uow.identity.lock_external_user(claims.issuer, claims.subject)
            user = await uow.identity.find_external_user(claims.issuer, claims.subject)
            if user is None:
                user = await self._make_user(uow, claims)
            session = await uow.identity.find_external_session(external_key)
            if session is None:
                session = self._new_session(user, claims, external_key)
                await uow.identity.add_session(session)
            elif session.expires_at_ms < claims.expires_at_ms:
                await uow.identity.update_session(replace(session, expires_at_ms=claims.expires_at_ms))
            await uow.commit()
        return session.id

    async def _make_user(self, uow: UnitOfWork, claims: ExternalClaims) -> User:
        now_ms = self._clock.now_ms()
        tenant = Tenant(
            id=TenantId(self._ids.new()),
            name=claims.email or claims.subject,
            access=self._policy.new_tenant_access,
            created_at_ms=now_ms,
        )
        user = User(
            id=UserId(self._ids.new()),
            tenant_id=tenant.id,
            email=claims.email,
            scopes=OWNER_SCOPES,
            access=tenant.access,
            is_operator=False,
            is_external=True,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        await uow.identity.add_tenant(tenant)
        await uow.identity.add_external_user(user, issuer=claims.issuer, subject=claims.subject)
        return user

    def _new_session(self, user: User, claims: ExternalClaims, external_key: str) -> Session:
        now_ms = self._clock.now_ms()
        return Session(
            id=SessionId(self._ids.new()),
            user_id=user.id,
            created_at_ms=now_ms,
            refreshed_at_ms=now_ms,
            expires_at_ms=claims.expires_at_ms,
            external_key=external_key,
        )
