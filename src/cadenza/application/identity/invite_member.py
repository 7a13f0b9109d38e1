"""Invite a person to the caller's tenant."""

from cadenza.application.identity.letters import Letters, new_token
from cadenza.application.identity.policy import IdentityPolicy
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.invitation import Invitation, InvitationId
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage


class InviteMember:
    """Mails an invitation. It can be used once, and only with the invited address."""

    def __init__(self, *, storage: Storage, letters: Letters, clock: Clock, ids: Ids, policy: IdentityPolicy) -> None:
        self._storage = storage
        self._letters = letters
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def __call__(
        self, actor: Actor, *, email: str, scopes: frozenset[Scope], ttl_ms: int | None = None
    ) -> Invitation:
        """`ttl_ms` None means the policy's, which is also the maximum. Raises `InsufficientScope`, `InvalidRequest`,
        `KeyNotAllowed`."""
        actor.require_log_in()
        actor.require(Scope.ADMIN)
        if not scopes:
            raise InvalidRequest("scopes: at least one")
        longest_ms = self._policy.invitation_ttl_ms
        lifetime_ms = longest_ms if ttl_ms is None else ttl_ms
        if not 0 < lifetime_ms <= longest_ms:
            raise InvalidRequest(f"ttl: more than 0 and at most {longest_ms} ms")
        now_ms = self._clock.now_ms()
        token, digest = new_token(self._ids)
        invitation = Invitation(
            id=InvitationId(self._ids.new()),
            tenant_id=actor.tenant_id,
            email=normalise_email(email),
            scopes=scopes,
            created_by=actor.user_id,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + lifetime_ms,
        )
        async with self._storage.begin() as uow:
            await uow.identity.add_invitation(invitation, digest)
            await self._letters.invitation(uow, invitation.email, token, lifetime_ms)
            await uow.commit()
        return invitation
