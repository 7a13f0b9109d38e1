"""Sign up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cadenza.application.identity.letters import digest_of
from cadenza.application.identity.policy import IdentityPolicy, SignupMode
from cadenza.application.identity.throttle import Throttle
from cadenza.domain.errors import InvalidInvitation, SignupClosed
from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.invitation import Invitation
from cadenza.domain.identity.metadata import merge_metadata
from cadenza.domain.identity.password import check_new_password
from cadenza.domain.identity.user import OWNER_SCOPES, Tenant, User
from cadenza.domain.ids import TenantId, UserId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage, UnitOfWork
from cadenza.ports.vault import PasswordHasher


@dataclass(frozen=True, slots=True)
class _Membership:
    tenant: Tenant
    scopes: frozenset[Scope]


class SignUp:
    """Creates a user: the owner of a new tenant, or a member of the tenant that invited it."""

    def __init__(
        self,
        *,
        storage: Storage,
        hasher: PasswordHasher,
        throttle: Throttle,
        clock: Clock,
        ids: Ids,
        policy: IdentityPolicy,
    ) -> None:
        self._storage = storage
        self._hasher = hasher
        self._throttle = throttle
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def __call__(
        self,
        *,
        email: str,
        password: str,
        metadata: Mapping[str, Any] | None,
        client: str,
        invitation: str | None = None,
    ) -> User:
        """Raises `SignupClosed`, `InvalidInvitation`, `EmailTaken`, `WeakPassword`, `InvalidRequest`, `RateLimited`,
        `Overloaded`."""
        email = normalise_email(email)
        check_new_password(password)
        user_metadata = merge_metadata({}, metadata or {})
        self._throttle.check(client, email)
        if self._policy.signup is SignupMode.CLOSED:
            raise SignupClosed("sign-up is closed")
        if self._policy.signup is SignupMode.INVITATION and invitation is None:
            raise SignupClosed("sign-up needs an invitation")
        password_hash = await self._hasher.hash(password)
        now_ms = self._clock.now_ms()
        async with self._storage.begin() as uow:
            invited = None if invitation is None else await self._redeem(uow, invitation, email, now_ms)
            membership = await self._membership(uow, invited, email, now_ms)
            user = User(
                id=UserId(self._ids.new()),
                tenant_id=membership.tenant.id,
                email=email,
                scopes=membership.scopes,
                access=membership.tenant.access,
                is_operator=False,
                created_at_ms=now_ms,
                updated_at_ms=now_ms,
                email_confirmed_at_ms=None if invited is None else now_ms,  # the invitation came to that mailbox
                metadata=user_metadata,
            )
            await uow.identity.add_user(user, password_hash=password_hash)
            await uow.commit()
        return user

    async def _redeem(self, uow: UnitOfWork, token: str, email: str, now_ms: int) -> Invitation:
        invitation = await uow.identity.find_invitation(digest_of(token))
        if invitation is None or not invitation.admits(email, now_ms):
            raise InvalidInvitation("the invitation is unknown, used, expired or for another address")
        await uow.identity.mark_invitation_used(invitation.id, now_ms)
        return invitation

    async def _membership(self, uow: UnitOfWork, invited: Invitation | None, email: str, now_ms: int) -> _Membership:
        if invited is not None and invited.tenant_id is not None:
            tenant = await uow.identity.get_tenant(invited.tenant_id)
            if tenant is None:
                raise InvalidInvitation("the tenant that invited does not exist any more")
            return _Membership(tenant, invited.scopes)
        tenant = Tenant(
            id=TenantId(self._ids.new()), name=email, access=self._policy.new_tenant_access, created_at_ms=now_ms
        )
        await uow.identity.add_tenant(tenant)
        return _Membership(tenant, OWNER_SCOPES)
