"""Credentials. Secret material comes in and never goes out."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cadenza.domain.accounts.credential import Credential, CredentialStatus
from cadenza.domain.errors import InvalidRequest
from cadenza.wire import enums as e
from cadenza.wire.base import (
    IDS_MAX,
    DateTime,
    Instant,
    NicknameOrEmpty,
    Query,
    Request,
    Response,
    Secret,
    SecretOrEmpty,
    absent_when_empty,
)
from cadenza.wire.values import optional, optional_rfc3339, rfc3339
from cadenza.wire.venues import VenueIn, VenueOut

_FILTER_TEXTS = [*e.CREDENTIAL_STATUS.texts, *(t for t in e.ACCOUNT_STATUS.texts if t not in e.CREDENTIAL_STATUS.texts)]


class CreateTradingAccountCredentialRequest(Request, kw_only=True, frozen=True):
    """A key of a venue. Which fields are needed depends on venue and type; they are stored sealed. Where the venue's
    credentials have further fields, `apiPassphrase` is a JSON object with them."""

    venue: VenueIn
    nickname: NicknameOrEmpty | None = None
    credential_type: e.CredentialTypeIn
    api_key: SecretOrEmpty | None = None
    api_secret: SecretOrEmpty | None = None
    api_passphrase: SecretOrEmpty | None = None

    def __post_init__(self) -> None:
        absent_when_empty(self, "nickname", "api_key", "api_secret", "api_passphrase")


class RevokeTradingAccountCredentialRequest(Request, kw_only=True, frozen=True):
    """A credential to revoke. It signs nothing any more."""

    credential_id: UUID


class RotateTradingAccountCredentialRequest(Request, kw_only=True, frozen=True):
    """New secrets for a credential, in the form of a new one. The old ones stay in use when the venue refuses these."""

    credential_id: UUID
    api_key: Secret
    api_secret: SecretOrEmpty | None = None
    api_passphrase: SecretOrEmpty | None = None

    def __post_init__(self) -> None:
        absent_when_empty(self, "api_secret", "api_passphrase")


class VerifyTradingAccountCredentialRequest(Request, kw_only=True, frozen=True):
    """The credentials to verify: the venue is asked which accounts they reach."""

    credential_ids: Annotated[list[UUID], Meta(min_length=1, max_length=IDS_MAX)]


class ListTradingAccountCredentialsQuery(Query, kw_only=True, frozen=True):
    credential_type: e.CredentialTypeFilter | None = None
    credential_status: (
        Annotated[
            str,
            e.enum_received([*_FILTER_TEXTS, *e.ACCOUNT_STATUS.also_listed], refused=e.ACCOUNT_STATUS.also_listed),
            Meta(
                description="CREATED or REVOKED. Account statuses are taken too: "
                "ACTIVE means CREATED, no credential has the others"
            ),
        ]
        | None
    ) = None
    credential_ids: Annotated[list[UUID], Meta(max_length=IDS_MAX)] | None = None

    def statuses(self) -> frozenset[CredentialStatus]:
        """Return the requested statuses; the list may be empty."""
        text = self.credential_status
        if text is None:
            return frozenset(CredentialStatus)
        if text in e.CREDENTIAL_STATUS.texts:
            return frozenset({e.CREDENTIAL_STATUS.read("credentialStatus", text)})
        if text in e.ACCOUNT_STATUS.texts:
            return frozenset({CredentialStatus.CREATED}) if text == "ACTIVE" else frozenset()
        raise InvalidRequest(
            f"credentialStatus: {text[:64]!r} is not one of {', '.join(_FILTER_TEXTS)}", {"field": "credentialStatus"}
        )


class TradingAccountCredential(Response, kw_only=True, frozen=True):
    """The part of a credential that may be shown."""

    credential_id: UUID
    venue: VenueOut
    credential_type: e.CredentialTypeOut
    nickname: str
    status: e.CredentialStatusOut
    created_at: Instant
    created_at_date_time: DateTime
    updated_at: Instant
    updated_at_date_time: DateTime
    revoked_at: Instant | UnsetType = UNSET
    revoked_at_date_time: DateTime | UnsetType = UNSET


def trading_account_credential(credential: Credential) -> TradingAccountCredential:
    return TradingAccountCredential(
        credential_id=credential.id,
        venue=str(credential.venue_id),
        credential_type=e.CREDENTIAL_TYPE.write(credential.type),
        nickname=credential.nickname,
        status=e.CREDENTIAL_STATUS.write(credential.status),
        created_at=credential.created_at_ms,
        created_at_date_time=rfc3339(credential.created_at_ms),
        updated_at=credential.updated_at_ms,
        updated_at_date_time=rfc3339(credential.updated_at_ms),
        revoked_at=optional(credential.revoked_at_ms),
        revoked_at_date_time=optional_rfc3339(credential.revoked_at_ms),
    )
