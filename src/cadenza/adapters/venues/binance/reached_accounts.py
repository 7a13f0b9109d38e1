"""Which accounts a key reaches, and what it may do there."""

from cadenza.adapters.venues.binance.classify import BinanceMarket
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import (
    KEY_RESTRICTIONS,
    MARGIN,
    SPOT,
    USDM_ACCOUNT_CONFIG,
    USDM_BALANCE,
    BinanceEndpoint,
)
from cadenza.adapters.venues.binance.models import (
    BinanceKeyRestrictions,
    BinanceMarginAccount,
    BinanceSpotAccount,
    T,
    decode,
    decode_list,
)
from cadenza.adapters.venues.binance.models_usdm import UsdmAccountConfig, UsdmBalance
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType, CollateralMode, ExternalAccount, PositionMode
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.ports.venue import KeyRights, VerifiedKey

MARGIN_LEVERAGE_MAX = 20
"""The most that a cross margin account can be set to (margin/max-leverage). The venue refuses what exceeds the
account's own setting, which it does not show."""


class ReachableAccounts:
    """Asks the venue whose accounts a key reaches. An account is named by the number of its user and its market; where
    spot does not know the key, as in the test environment, USD-M's own code stands for the number."""

    def __init__(self, rest: BinanceRest) -> None:
        self._rest = rest

    async def reached(self, signer: BinanceSigner) -> VerifiedKey:
        """Return the accounts and the key's rights. Raises `CredentialRejected` when it reaches no account, and
        `VenueUnavailable`."""
        found: list[ExternalAccount] = []
        refusal: CredentialRejected | None = None
        stated = await self._stated(signer)
        for type in self._allowed_types(stated):
            try:
                found.append(await self.of_type(type, signer))
            except CredentialRejected as error:
                refusal = error
        if not found:
            raise refusal or CredentialRejected("the key reaches no account")
        return VerifiedKey(found, None if stated is None else _rights(stated))

    async def of_type(self, type: AccountType, signer: BinanceSigner) -> ExternalAccount:
        """Return the account of a type. Raises `CredentialRejected` when the key does not reach it, and
        `VenueUnavailable`."""
        if type is AccountType.SPOT:
            number = await self._user(signer)
            return ExternalAccount(external_id=f"{number}:SPOT", type=type, external_type="SPOT")
        if type is AccountType.MARGIN and self._rest.has(BinanceMarket.MARGIN):
            _decoded(BinanceMarginAccount, await self._read(BinanceMarket.MARGIN, signer, MARGIN.account))
            return ExternalAccount(
                external_id=f"{await self._user(signer)}:MARGIN",
                type=type,
                external_type="CROSS_MARGIN",
                position_mode=PositionMode.NETTING,
                collateral_mode=CollateralMode.CROSS,
                max_leverage=MARGIN_LEVERAGE_MAX,
            )
        if type is not AccountType.FUTURES:
            raise CredentialRejected(f"BINANCE has no {type.value} accounts here")
        config = _decoded(UsdmAccountConfig, await self._read(BinanceMarket.USDM, signer, USDM_ACCOUNT_CONFIG))
        return ExternalAccount(
            external_id=f"{await self._futures_user(signer)}:USDM",
            type=type,
            external_type="USDM",
            position_mode=PositionMode.HEDGE if config.is_hedged else PositionMode.NETTING,
        )

    async def _futures_user(self, signer: BinanceSigner) -> str:
        try:
            return str(await self._user(signer))
        except CredentialRejected:
            body = await self._read(BinanceMarket.USDM, signer, USDM_BALANCE)
        try:
            balances = decode_list(UsdmBalance, body)
        except UnreadablePayload as error:
            raise VenueUnavailable(f"BINANCE answered with no balances: {error}") from error
        if not balances:
            raise VenueUnavailable("BINANCE did not say whose account the key reaches")
        return balances[0].alias

    async def _user(self, signer: BinanceSigner) -> int:
        account = _decoded(BinanceSpotAccount, await self._read(BinanceMarket.SPOT, signer, SPOT.account))
        if account.uid is None:
            raise VenueUnavailable("BINANCE did not say whose account the key reaches")
        return account.uid

    async def _stated(self, signer: BinanceSigner) -> BinanceKeyRestrictions | None:
        """Return what the venue says that the key may do; the test environment does not say it. Raises
        `CredentialRejected` for a key that may not read."""
        if not self._rest.has(BinanceMarket.MARGIN):
            return None
        body = await self._read(BinanceMarket.MARGIN, signer, KEY_RESTRICTIONS)
        rights = _decoded(BinanceKeyRestrictions, body)
        if not rights.can_read:
            raise CredentialRejected("the key may not read: enable reading in BINANCE's API management")
        return rights

    def _allowed_types(self, rights: BinanceKeyRestrictions | None) -> list[AccountType]:
        """Return the account types that the key's rights allow; all where they are not stated."""
        futures = [AccountType.FUTURES] if self._rest.has(BinanceMarket.USDM) else []
        if rights is None:
            return [AccountType.SPOT, *futures]
        margin = [AccountType.MARGIN] if rights.can_trade_margin else []
        return [AccountType.SPOT, *margin, *(futures if rights.can_trade_futures else [])]

    async def _read(self, market: BinanceMarket, signer: BinanceSigner, endpoint: BinanceEndpoint) -> bytes:
        return await self._rest.read_signed(market, signer, endpoint, {})


def _rights(stated: BinanceKeyRestrictions) -> KeyRights:
    may_trade = stated.can_trade_spot or stated.can_trade_margin or stated.can_trade_futures
    return KeyRights(stated.can_withdraw, stated.is_bound_to_addresses, may_trade)


def _decoded(type: type[T], body: bytes) -> T:
    """Return an answer as a value of `type`. Raises `VenueUnavailable` for one that is something else."""
    try:
        return decode(type, body)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"BINANCE answered with something else: {error}") from error
