"""Which accounts a key reaches, and what it may do there."""

import structlog

from cadenza.adapters.venues.binance.classify import BinanceMarket
from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import (
    KEY_RESTRICTIONS,
    SPOT,
    USDM_ACCOUNT_CONFIG,
    USDM_BALANCE,
    BinanceEndpoint,
)
from cadenza.adapters.venues.binance.models import BinanceKeyRestrictions, BinanceSpotAccount, T, decode, decode_list
from cadenza.adapters.venues.binance.models_usdm import UsdmAccountConfig, UsdmBalance
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import AccountType, ExternalAccount, PositionMode
from cadenza.domain.errors import CredentialRejected, VenueUnavailable


class ReachedAccounts:
    """Asks the venue whose accounts a key reaches. An account is named by the number of its user and its market; where
    spot does not know the key, as in the test environment, USD-M's own code stands for the number."""

    def __init__(self, rest: BinanceRest, log: structlog.stdlib.BoundLogger) -> None:
        self._rest = rest
        self._log = log

    async def reached(self, signer: BinanceSigner) -> list[ExternalAccount]:
        """Return the accounts. Raises `CredentialRejected` when there is none, and `VenueUnavailable`."""
        found: list[ExternalAccount] = []
        refusal: CredentialRejected | None = None
        may_trade_futures = await self._check_rights(signer)
        for type in (AccountType.SPOT, AccountType.FUTURES):
            if type is AccountType.FUTURES and not (may_trade_futures and self._rest.has(BinanceMarket.USDM)):
                continue
            try:
                found.append(await self.of_type(type, signer))
            except CredentialRejected as error:
                refusal = error
        if not found:
            raise refusal or CredentialRejected("the key reaches no account")
        return found

    async def of_type(self, type: AccountType, signer: BinanceSigner) -> ExternalAccount:
        """Return the account of a type. Raises `CredentialRejected` when the key does not reach it, and
        `VenueUnavailable`."""
        if type is AccountType.SPOT:
            number = await self._user(signer)
            return ExternalAccount(external_id=f"{number}:SPOT", type=type, external_type="SPOT")
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

    async def _check_rights(self, signer: BinanceSigner) -> bool:
        """Return whether the key may trade futures. Raises `CredentialRejected` for a key that may not read. The test
        environment does not say what a key may do."""
        if not self._rest.has(BinanceMarket.MARGIN):
            return True
        body = await self._read(BinanceMarket.MARGIN, signer, KEY_RESTRICTIONS)
        rights = _decoded(BinanceKeyRestrictions, body)
        if not rights.can_read:
            raise CredentialRejected("the key may not read: enable reading in BINANCE's API management")
        self._log.info(
            "credential_rights",
            can_trade_spot=rights.can_trade_spot,
            can_trade_futures=rights.can_trade_futures,
            can_withdraw=rights.can_withdraw,
            is_bound_to_addresses=rights.is_bound_to_addresses,
        )
        if rights.can_withdraw:
            self._log.warning("credential_may_withdraw", advice="make a key without the right to withdraw")
        return rights.can_trade_futures

    async def _read(self, market: BinanceMarket, signer: BinanceSigner, endpoint: BinanceEndpoint) -> bytes:
        return await self._rest.read_signed(market, signer, endpoint, {})


def _decoded(type: type[T], body: bytes) -> T:
    """Return an answer as a value of `type`. Raises `VenueUnavailable` for one that is something else."""
    try:
        return decode(type, body)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"BINANCE answered with something else: {error}") from error
