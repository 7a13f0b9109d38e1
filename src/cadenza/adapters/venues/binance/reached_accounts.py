"""Which accounts a key reaches, and what it may do there."""

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import (
    KEY_RESTRICTIONS,
    MARGIN,
    SPOT,
    USDM_ACCOUNT_CONFIG,
    USDM_BALANCE,
    BinanceEndpoint,
    BinanceMarket,
)
from cadenza.adapters.venues.binance.models import (
    BinanceKeyRestrictions,
    BinanceMarginAccount,
    BinanceSpotAccount,
)
from cadenza.adapters.venues.binance.models_usdm import UsdmAccountConfig, UsdmBalance
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.payloads import T, decode, decode_list
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import (
    AccountType,
    CollateralMode,
    ExternalAccount,
    PositionMode,
    TradingAccount,
)
from cadenza.domain.errors import CredentialRejected, DatabaseUnavailable, VenueUnavailable
from cadenza.ports.venue import KeyRights, MemoryTakenOver, VenueMemories, VerifiedKey

MARGIN_LEVERAGE_MAX = 20
"""The most that a cross margin account can be set to (margin/max-leverage). The venue refuses what exceeds the
account's own setting, which it does not show."""


_CODE = "usdm code"
"""Under this key an account remembers its own code of USD-M."""


class ReachableAccounts:
    """Asks the venue whose accounts a key reaches.

    An account is named by the number of its user and its market. Spot alone states that number; USD-M has a code of its
    own for each account. In the test environment, spot and USD-M have different keys, so the code stands for the number
    there."""

    def __init__(self, rest: BinanceRest, memories: VenueMemories) -> None:
        self._rest = rest
        self._memories = memories

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
        mode = await self._position_mode(signer)
        user = await self._user(signer) if self._has_one_key else await self._usdm_code(signer)
        return _usdm_account(f"{user}:USDM", mode)

    async def again(self, account: TradingAccount, signer: BinanceSigner) -> ExternalAccount:
        """Return an account of ours as the key reaches it now. Raises `CredentialRejected` when the key reaches another
        one or none, and `VenueUnavailable`.

        An account of USD-M remembers its code durably as soon as spot has stated the user's number once. From then on
        it is known by its code, and needs spot no more."""
        known = account.external
        if known.type is not AccountType.FUTURES or not self._has_one_key:
            found = await self.of_type(known.type, signer)
            _require_same(known, found)
            return found
        mode, code = await self._position_mode(signer), await self._usdm_code(signer)
        try:
            memory = await self._memories.open(f"usdm code of {account.id}")
            if await memory.get(_CODE) == code:
                return _usdm_account(known.external_id, mode)
            found = _usdm_account(f"{await self._user(signer)}:USDM", mode)
            _require_same(known, found)
            await memory.put(_CODE, code)
        except DatabaseUnavailable as error:
            raise VenueUnavailable(f"the code of the account cannot be remembered: {error}") from error
        except MemoryTakenOver as error:
            raise VenueUnavailable("another process opens the account") from error
        return found

    @property
    def _has_one_key(self) -> bool:
        """Whether one key reaches all markets. The test environment, which has keys of their own, has no margin."""
        return self._rest.has(BinanceMarket.MARGIN)

    async def _position_mode(self, signer: BinanceSigner) -> PositionMode:
        config = _decoded(UsdmAccountConfig, await self._read(BinanceMarket.USDM, signer, USDM_ACCOUNT_CONFIG))
        return PositionMode.HEDGE if config.is_hedged else PositionMode.NETTING

    async def _usdm_code(self, signer: BinanceSigner) -> str:
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


def _usdm_account(external_id: str, mode: PositionMode) -> ExternalAccount:
    return ExternalAccount(external_id=external_id, type=AccountType.FUTURES, external_type="USDM", position_mode=mode)


def _require_same(known: ExternalAccount, found: ExternalAccount) -> None:
    if found.external_id != known.external_id:
        raise CredentialRejected("the key belongs to another account")


def _rights(stated: BinanceKeyRestrictions) -> KeyRights:
    may_trade = stated.can_trade_spot or stated.can_trade_margin or stated.can_trade_futures
    return KeyRights(stated.can_withdraw, stated.is_bound_to_addresses, may_trade)


def _decoded(type: type[T], body: bytes) -> T:
    """Return an answer as a value of `type`. Raises `VenueUnavailable` for one that is something else."""
    try:
        return decode(type, body)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"BINANCE answered with something else: {error}") from error
