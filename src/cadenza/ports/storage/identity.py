"""Tenants, users, sessions, invitations, one-time tokens and the mail outbox."""

from collections.abc import Sequence
from typing import Protocol

from cadenza.domain.identity.actor import Scope
from cadenza.domain.identity.invitation import Invitation, InvitationId, OneTimeToken, TokenPurpose
from cadenza.domain.identity.mail import Mail, MailId
from cadenza.domain.identity.session import Session, SessionState
from cadenza.domain.identity.user import Tenant, User
from cadenza.domain.ids import Access, SessionId, TenantId, UserId


class IdentityRepository(Protocol):
    """Law: only digests of tokens and hashes of passwords are stored, never a token or a password. The text of a mail
    in the outbox is the one exception. `lock=True` locks the row until the transaction ends."""

    # --- tenants

    async def add_tenant(self, tenant: Tenant) -> None: ...

    async def get_tenant(self, tenant_id: TenantId) -> Tenant | None: ...

    async def set_access(self, tenant_id: TenantId, access: frozenset[Access]) -> None: ...

    # --- users: one that was removed is found by no method

    async def add_user(self, user: User, *, password_hash: str) -> None:
        """Insert a user with a password. Raises `EmailTaken`."""

    async def add_external_user(self, user: User, *, issuer: str, subject: str) -> None:
        """Insert a user of an issuer. Raises `InvalidToken` when the subject was removed."""

    async def update_user(self, user: User) -> None:
        """Write e-mail, confirmation, metadata, last sign-in and `updated_at`. Raises `EmailTaken`."""

    async def set_scopes(self, user_id: UserId, scopes: frozenset[Scope], now_ms: int) -> None: ...

    async def remove_user(self, user_id: UserId, now_ms: int) -> None:
        """From now on the user, its sessions and its API keys are not live. The row stays."""

    async def set_password_hash(self, user_id: UserId, password_hash: str) -> None: ...

    async def get_user(self, user_id: UserId, *, lock: bool = False) -> User | None: ...

    async def find_login(self, email: str, *, lock: bool = False) -> tuple[User, str] | None:
        """Return the user with that address and a password, and the password's hash."""

    async def find_external_user(self, issuer: str, subject: str) -> User | None: ...

    async def lock_external_user(self, issuer: str, subject: str) -> None:
        """Make every other transaction that would create the same external user wait until this one ends."""

    async def list_users(self, *, offset: int, limit: int) -> Sequence[User]:
        """Return users of all tenants, newest first."""

    # --- sessions

    async def add_session(self, session: Session) -> None: ...

    async def update_session(self, session: Session) -> None: ...

    async def get_session(self, session_id: SessionId, *, lock: bool = False) -> Session | None: ...

    async def find_external_session(self, external_key: str) -> Session | None: ...

    async def get_session_state(self, session_id: SessionId, now_ms: int) -> SessionState | None:
        """Return the state of a log-in, or of the API key with this id."""

    async def revoke_sessions(
        self, user_id: UserId, now_ms: int, *, keep: SessionId | None = None
    ) -> Sequence[SessionId]:
        """Revoke the user's live sessions except `keep`; return their ids."""

    # --- invitations and one-time tokens

    async def add_invitation(self, invitation: Invitation, digest: bytes) -> None: ...

    async def find_invitation(self, digest: bytes) -> Invitation | None:
        """Return the invitation, locked."""

    async def mark_invitation_used(self, invitation_id: InvitationId, now_ms: int) -> None: ...

    async def put_one_time_token(self, token: OneTimeToken) -> None:
        """Insert the token; it replaces the user's earlier one for the same purpose."""

    async def take_one_time_token(self, digest: bytes, purpose: TokenPurpose, now_ms: int) -> UserId | None:
        """Delete an unexpired token and return its user. Of two concurrent callers only one gets it."""

    # --- mail

    async def add_mail(self, mail: Mail) -> None: ...

    async def get_mail(self, mail_id: MailId, *, lock: bool = False) -> Mail | None: ...

    async def mark_mail_sent(self, mail_id: MailId, now_ms: int, *, keeps_text: bool) -> None: ...

    async def list_mails(self, *, offset: int, limit: int) -> Sequence[Mail]:
        """Return the outbox, newest first."""

    # --- housekeeping

    async def purge(self, before_ms: int, *, rows_max: int) -> int:
        """Delete sessions, invitations, tokens and sent mails that ended before the instant, at most `rows_max` of
        each. Return how many were deleted."""
