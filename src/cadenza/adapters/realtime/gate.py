"""Decides which clients may connect, and to which channels each of them may subscribe."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cadenza.adapters.realtime.channels import Channel, ChannelKind
from cadenza.adapters.realtime.codes import (
    INTERNAL,
    INVALID_TOKEN,
    PERMISSION_DENIED,
    TOKEN_EXPIRED,
    UNKNOWN_CHANNEL,
    Closing,
    Refusal,
)
from cadenza.domain.errors import Forbidden, TokenExpired, TooManyRequests, Unauthenticated, Unavailable
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, TradingAccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Checks tokens and channels. What a tenant may not see does not exist for it: a foreign channel is unknown."""

    authenticate: Callable[[str, str], Awaitable[Actor]]
    may_see_account: Callable[[Actor, TradingAccountId], Awaitable[bool]]
    instrument_exists: Callable[[Actor, InstrumentId], bool]

    async def admit(self, token: str, client: str) -> Actor:
        """Return the holder of the token, whose network address is `client`.

        An expired token is refused with 109: the client gets a new one. Any other bad token ends the connection for
        good (3500). When the token cannot be checked now, the client tries again (100).
        """
        try:
            return await self.authenticate(token, client)
        except TokenExpired:
            raise Refusal(TOKEN_EXPIRED) from None
        except (Unauthenticated, TooManyRequests):  # only refused keys count, so a good one never meets this limit
            raise Closing(INVALID_TOKEN) from None
        except Unavailable:
            raise Refusal(INTERNAL) from None

    async def authorise(self, actor: Actor, channel: Channel) -> None:
        """Raise unless the actor may subscribe to the channel."""
        try:
            actor.require(Scope.READ)
        except Forbidden:
            raise Refusal(PERMISSION_DENIED) from None
        try:
            is_seen = (
                await self.may_see_account(actor, channel.account_id)
                if channel.kind is ChannelKind.ACCOUNT
                else self.instrument_exists(actor, channel.instrument_id)
            )
        except Unavailable:
            raise Refusal(INTERNAL) from None
        if not is_seen:
            raise Refusal(UNKNOWN_CHANNEL)
