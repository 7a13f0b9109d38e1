"""Invite a person to sign up with a new tenant, from the command line."""

from cadenza.application.identity.letters import Letters, new_token
from cadenza.application.identity.policy import IdentityPolicy
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.invitation import Invitation, InvitationId
from cadenza.domain.identity.user import OWNER_SCOPES
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage


class InviteTenant:
    """For the administrator of the machine: lets one address sign up where sign-up is by invitation. Mails the token
    and returns it too."""

    def __init__(self, *, storage: Storage, letters: Letters, clock: Clock, ids: Ids, policy: IdentityPolicy) -> None:
        self._storage = storage
        self._letters = letters
        self._clock = clock
        self._ids = ids
        self._policy = policy

    async def __call__(self, *, email: str) -> tuple[Invitation, str]:
        now_ms = self._clock.now_ms()
        token, digest = new_token(self._ids)
        invitation = Invitation(
            id=InvitationId(self._ids.new()),
            tenant_id=None,
            email=normalise_email(email),
            scopes=OWNER_SCOPES,
            created_by=None,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + self._policy.invitation_ttl_ms,
        )
        async with self._storage.begin() as uow:
            await uow.identity.add_invitation(invitation, digest)
            await self._letters.invitation(uow, invitation.email, token, self._policy.invitation_ttl_ms)
            await uow.commit()
        return invitation, token
