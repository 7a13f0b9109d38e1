"""Users and sessions, as Supabase Auth speaks of them."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.application.identity.views import IssuedSession
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.user import ROLE
from cadenza.domain.identity.user import User as DomainUser
from cadenza.wire.base import NEVER_SENT, NULLABLE, DateTime, Instant, Request, Response
from cadenza.wire.values import optional_rfc3339, rfc3339

METADATA_DEPTH_MAX = 8
METADATA_ITEMS_MAX = 200

Email = Annotated[str, Meta(examples=["user@example.com"], extra_json_schema={"format": "email", "maxLength": 254})]
Password = Annotated[str, Meta(examples=["correct horse battery staple"])]
NewPassword = Annotated[Password, Meta(extra_json_schema={"minLength": 8, "maxLength": 256})]
UserMetadata = Annotated[dict[str, Any], Meta(description="Free facts of the client's, shown as `userMetadata`")]


class AuthSignupRequest(Request, kw_only=True, frozen=True):
    """A new user. It becomes the admin of a tenant of its own, or joins one by invitation."""

    email: Email
    password: NewPassword
    metadata: UserMetadata | None = None

    def invitation(self) -> str | None:
        """Return the invitation code, which travels as `metadata.invitation`."""
        code = (self.metadata or {}).get("invitation")
        if code is not None and not isinstance(code, str):
            raise InvalidRequest("metadata.invitation: expected text", {"field": "metadata.invitation"})
        return code

    def facts(self) -> dict[str, Any]:
        """Return the metadata to keep; the invitation is used up, not kept."""
        return {key: value for key, value in checked_metadata(self.metadata or {}).items() if key != "invitation"}


class AuthLoginRequest(Request, kw_only=True, frozen=True):
    """E-mail and password."""

    email: Email
    password: Password


class AuthRefreshTokenRequest(Request, kw_only=True, frozen=True):
    """The newest refresh token. Using it answers the next one. Within 10 s its predecessor answers 200 too, with the
    same next token; any older one ends the session."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=4096)]


class AuthUpdateUserRequest(Request, kw_only=True, frozen=True):
    """What to change."""

    email: Email | None = None
    password: NewPassword | None = None
    metadata: UserMetadata | None = None


class AuthRecoverRequest(Request, kw_only=True, frozen=True):
    """The address of a recovery mail. The answer is the same whether a user has this address or not."""

    email: Email


class AppMetadata(Response, kw_only=True, frozen=True):
    """What the server knows of the user."""

    tenant_id: Annotated[str, NULLABLE]
    environments: Annotated[list[str], Meta(description="What the tenant may use: live, uat, paper")]


class AuthUser(Response, kw_only=True, frozen=True):
    """A user."""

    id: UUID
    email: Annotated[str, Meta(extra_json_schema={"format": "email"})] | UnsetType = UNSET
    phone: Annotated[str, NULLABLE, NEVER_SENT] | UnsetType = UNSET
    email_confirmed_at: Annotated[DateTime, NULLABLE] | UnsetType = UNSET
    phone_confirmed_at: Annotated[DateTime, NULLABLE, NEVER_SENT] | UnsetType = UNSET
    last_sign_in_at: Annotated[DateTime, NULLABLE] | UnsetType = UNSET
    role: str
    created_at: DateTime
    updated_at: DateTime
    app_metadata: AppMetadata
    user_metadata: dict[str, Any]


class AuthSession(Response, kw_only=True, frozen=True):
    """Tokens. `expiresIn` in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    expires_at: Instant
    user: AuthUser


def checked_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata; raise `InvalidRequest` when it is too deep, too big or holds characters no store keeps."""
    left = [METADATA_ITEMS_MAX]
    _check_item(metadata, METADATA_DEPTH_MAX, left)
    return metadata


def _check_item(item: Any, depth_left: int, items_left: list[int]) -> None:
    items_left[0] -= 1
    if depth_left < 0 or items_left[0] < 0:
        raise InvalidRequest(
            f"metadata: at most {METADATA_ITEMS_MAX} values, {METADATA_DEPTH_MAX} deep", {"field": "metadata"}
        )
    if isinstance(item, str) and "\x00" in item:
        raise InvalidRequest("metadata: the character U+0000 is not allowed", {"field": "metadata"})
    if isinstance(item, dict):
        for key, value in item.items():
            _check_item(key, depth_left, items_left)
            _check_item(value, depth_left - 1, items_left)
    elif isinstance(item, list):
        for value in item:
            _check_item(value, depth_left - 1, items_left)


def auth_user(user: DomainUser) -> AuthUser:
    return AuthUser(
        id=user.id,
        email=UNSET if user.email is None else user.email,
        email_confirmed_at=optional_rfc3339(user.email_confirmed_at_ms),
        last_sign_in_at=optional_rfc3339(user.last_sign_in_at_ms),
        role=ROLE,
        created_at=rfc3339(user.created_at_ms),
        updated_at=rfc3339(user.updated_at_ms),
        app_metadata=AppMetadata(tenant_id=str(user.tenant_id), environments=sorted(a.value for a in user.access)),
        user_metadata=dict(user.metadata),
    )


def auth_session(session: IssuedSession) -> AuthSession:
    return AuthSession(
        access_token=session.access_token,
        refresh_token=session.refresh_token,
        token_type="bearer",  # noqa: S106 - a kind, not a secret
        expires_in=session.expires_in_s,
        expires_at=session.expires_at_ms,
        user=auth_user(session.user),
    )
