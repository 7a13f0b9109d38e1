"""Which accounts a key reaches, and what it may do there."""

import msgspec

from cadenza.adapters.venues.bitfinex.endpoints import PERMISSIONS, USER, WALLETS, RestEndpoint
from cadenza.adapters.venues.bitfinex.names import is_of
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.spec import TYPES
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import (
    AccountType,
    CollateralMode,
    ExternalAccount,
    PositionMode,
    TradingAccount,
)
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.ids import Environment, VenueId
from cadenza.ports.venue import KeyRights, VerifiedKey

LEVERAGE_MAX = 100
"""The most that an order of a derivative takes."""

_ORDERS, _WALLETS, _WITHDRAW = "orders", "wallets", "withdraw"


class _Permission(msgspec.Struct, frozen=True, array_like=True):
    """What a key may do with one part of the account: 1 for what it may."""

    scope: str
    read: int
    write: int


class _Wallet(msgspec.Struct, frozen=True, array_like=True):
    type: str
    currency: str


class ReachableAccounts:
    """Asks the venue whose account a key reaches.

    The venue has one account of a user, or of a sub-account, for everything. Here it is one for each type, named by the
    number of the user and the type.
    """

    def __init__(self, rest: BitfinexRest, venue_id: VenueId) -> None:
        self._rest = rest
        self._venue_id = venue_id

    async def reached(self, key: PrivateKey) -> VerifiedKey:
        """Return the accounts and the key's rights. Raises `VenueUnavailable`, and `CredentialRejected`, also when the
        wallets show that the key is one of the other environment."""
        user = await self._user(key)
        try:
            rows = decode(list[_Permission], await self._asked(key, PERMISSIONS))
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BITFINEX did not say what the key may do: {error}") from error
        if any(row.scope == _WALLETS and row.read for row in rows):
            await self._check_environment(key)
        may = {row.scope for row in rows if row.write}
        rights = KeyRights(may_withdraw=_WITHDRAW in may, is_bound_to_addresses=False, may_trade=_ORDERS in may)
        return VerifiedKey([_external(user, type) for type in TYPES], rights)

    async def again(self, account: TradingAccount, key: PrivateKey) -> ExternalAccount:
        """Return an account of ours as the key reaches it now. Raises `CredentialRejected` when the key reaches another
        one, and `VenueUnavailable`."""
        found = _external(await self._user(key), account.external.type)
        if found.external_id != account.external.external_id:
            raise CredentialRejected("the key belongs to another account")
        return found

    async def _check_environment(self, key: PrivateKey) -> None:
        """Both environments have the same hosts. A paper account has paper currencies, and no other account has any.
        The wallets of an account that holds nothing do not show its environment, so its key is taken. Raises
        `CredentialRejected`."""
        try:
            currencies = [decode(_Wallet, row).currency for row in await self._rest.rows(key, WALLETS, {})]
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BITFINEX did not say what the account has: {error}") from error
        if currencies and not any(is_of(self._venue_id.environment, each) for each in currencies):
            is_paper = self._venue_id.environment is Environment.LIVE
            other = VenueId(self._venue_id.venue, Environment.UAT if is_paper else Environment.LIVE)
            raise CredentialRejected(
                f"the account has {'paper' if is_paper else 'real'} currencies only: the key is one of {other}, and "
                f"not of {self._venue_id}"
            )

    async def _user(self, key: PrivateKey) -> int:
        try:
            fields = decode(list[msgspec.Raw], await self._asked(key, USER))
            user = decode(int, fields[0])
        except (UnreadablePayload, IndexError) as error:
            raise VenueUnavailable(f"BITFINEX did not say whose account the key reaches: {error}") from error
        self._rest.note_user(key, str(user))
        return user

    async def _asked(self, key: PrivateKey, endpoint: RestEndpoint) -> bytes:
        return await self._rest.asked(key, endpoint, {})


def _external(user: int, type: AccountType) -> ExternalAccount:
    is_margined = type is not AccountType.SPOT
    return ExternalAccount(
        external_id=f"{user}:{type.value}",
        type=type,
        external_type=type.value,
        position_mode=PositionMode.NETTING if is_margined else None,
        collateral_mode=CollateralMode.CROSS if is_margined else None,
        max_leverage=LEVERAGE_MAX if type is AccountType.FUTURES else 1,
    )
