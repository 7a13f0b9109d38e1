"""The origin of a change: its author, and the address of the client."""

from dataclasses import dataclass
from enum import StrEnum

from cadenza.domain.ids import ApiKeyId, UserId


class OriginKind(StrEnum):
    """USER: a user's command. OPERATOR: the command line of the installation. PLATFORM: the platform acted by itself,
    such as an expiry. VENUE: the venue reported it."""

    USER = "USER"
    OPERATOR = "OPERATOR"
    PLATFORM = "PLATFORM"
    VENUE = "VENUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The author of a change. Only a USER has the other fields: the user, the API key that was used (None for a
    log-in), the id of the request and the client's network address. `request_id` is the `X-Request-Id` of a REST
    request; of an RPC it names the connection and the command. `client` is empty where the address is not known."""

    kind: OriginKind = OriginKind.USER
    user_id: UserId | None = None
    key_id: ApiKeyId | None = None
    request_id: str = ""
    client: str = ""


OPERATOR = Origin(kind=OriginKind.OPERATOR)
PLATFORM = Origin(kind=OriginKind.PLATFORM)
VENUE = Origin(kind=OriginKind.VENUE)
