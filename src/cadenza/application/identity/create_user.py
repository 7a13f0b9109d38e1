"""Create a user from the command line."""

from cadenza.application.identity.policy import IdentityPolicy
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.password import check_new_password
from cadenza.domain.identity.user import OWNER_SCOPES, Tenant, User
from cadenza.domain.ids import Access, TenantId, UserId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage
from cadenza.ports.vault import PasswordHasher


class CreateUser:
    """For the administrator of the machine, so it takes no actor. It works although sign-up is closed, and it is the
    only way to create an operator. The user gets a new tenant."""

    def __init__(
        self, *, storage: Storage, hasher: PasswordHasher, clock: Clock, ids: Ids, policy: IdentityPolicy
    ) -> None:
        self._storage = storage
        self._hasher = hasher
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def __call__(
        self, *, email: str, password: str, is_operator: bool, access: frozenset[Access] | None = None
    ) -> User:
        """`access` None means the default of a new tenant. Raises `EmailTaken`, `WeakPassword`, `InvalidRequest`."""
        email = normalise_email(email)
        check_new_password(password)
        password_hash = await self._hasher.hash(password)
        now_ms = self._clock.now_ms()
        tenant = Tenant(
            id=TenantId(self._ids.new()),
            name=email,
            access=self._policy.new_tenant_access if access is None else access,
            created_at_ms=now_ms,
        )
        user = User(
            id=UserId(self._ids.new()),
            tenant_id=tenant.id,
            email=email,
            scopes=OWNER_SCOPES,
            access=tenant.access,
            is_operator=is_operator,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        async with self._storage.begin() as uow:
            await uow.identity.add_tenant(tenant)
            await uow.identity.add_user(user, password_hash=password_hash)
            await uow.commit()
        return user
