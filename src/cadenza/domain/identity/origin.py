"""Where a command came from."""

from dataclasses import dataclass

from cadenza.domain.ids import ApiKeyId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who sent a command, and by which request. `key_id` is the API key that was used; None for a log-in.
    `request_id` is the `X-Request-Id` of a REST request, and of an RPC the ids of its connection and command. `client`
    is the client's network address."""

    user_id: UserId
    key_id: ApiKeyId | None
    request_id: str
    client: str
