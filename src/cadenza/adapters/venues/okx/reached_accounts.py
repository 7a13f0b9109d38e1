"""Which accounts a key reaches, and what it may do there."""

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import CONFIG
from cadenza.adapters.venues.okx.mapping import AccountMode
from cadenza.adapters.venues.okx.models import OkxAccountConfig
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.accounts.trading_account import (
    AccountType,
    CollateralMode,
    ExternalAccount,
    MarginMode,
    PositionMode,
    TradingAccount,
)
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.ports.venue import KeyRights, VerifiedKey

_READ, _TRADE, _WITHDRAW = "read_only", "trade", "withdraw"


class ReachableAccounts:
    """Asks the venue whose accounts a key reaches.

    The venue has one account of a user for everything. Here it is one for each type that its mode trades, named by the
    number of the user and the type; all of them show the same money.
    """

    def __init__(self, rest: OkxRest) -> None:
        self._rest = rest

    async def reached(self, signer: OkxSigner) -> VerifiedKey:
        """Return the accounts and the key's rights. Raises `CredentialRejected` and `VenueUnavailable`."""
        config = await self._config(signer)
        mode = _mode(config)
        words = {word.strip() for word in config.permissions.split(",")}
        rights = KeyRights(
            may_withdraw=_WITHDRAW in words,
            is_bound_to_addresses=bool(config.addresses),
            may_trade=_TRADE in words,
        )
        return VerifiedKey([_account(config, mode, type) for type in mapping.ACCOUNT_TYPES[mode]], rights)

    async def again(self, account: TradingAccount, signer: OkxSigner) -> ExternalAccount:
        """Return an account of ours as the key reaches it now. Raises `CredentialRejected` when the key reaches another
        one, or when the account's mode does not trade that type any more, and `VenueUnavailable`."""
        config = await self._config(signer)
        type, mode = account.external.type, _mode(config)
        found = _account(config, mode, type)
        if found.external_id != account.external.external_id:
            raise CredentialRejected("the key belongs to another account")
        if type not in mapping.ACCOUNT_TYPES[mode]:
            raise CredentialRejected(refusal_of(mode, type))
        return found

    async def _config(self, signer: OkxSigner) -> OkxAccountConfig:
        rows = await self._rest.rows(signer, CONFIG, {})
        try:
            (row,) = rows
            config = decode(OkxAccountConfig, row)
        except (ValueError, UnreadablePayload) as error:
            raise VenueUnavailable(f"OKX did not say whose account the key reaches: {error}") from error
        self._rest.note_user(signer, config.user)
        return config


def refusal_of(mode: AccountMode, type: AccountType) -> str:
    """Return in words why an account of that mode has no account of that type."""
    taken = ", ".join(each.value for each in mapping.ACCOUNT_TYPES[mode])
    return f"the account mode at OKX is {mode.value}, which trades {taken} accounts and not {type.value}"


def _mode(config: OkxAccountConfig) -> AccountMode:
    try:
        return mapping.ACCOUNT_MODES.of(config.mode)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"OKX has an account mode that is not known here: {error}") from error


def _account(config: OkxAccountConfig, mode: AccountMode, type: AccountType) -> ExternalAccount:
    is_margined = type is not AccountType.SPOT
    return ExternalAccount(
        external_id=f"{config.user}:{type.value}",
        type=type,
        external_type=mode.value,
        position_mode=_position_mode(config, type) if is_margined else None,
        collateral_mode=CollateralMode.CROSS if is_margined else None,
        margin_mode=MarginMode.PORTFOLIO if mode is AccountMode.PORTFOLIO and is_margined else None,
    )


def _position_mode(config: OkxAccountConfig, type: AccountType) -> PositionMode:
    """Options and pairs are netted whatever the account's position mode is."""
    if type is not AccountType.FUTURES:
        return PositionMode.NETTING
    try:
        return mapping.POSITION_MODES.of(config.position_mode)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"OKX has a position mode that is not known here: {error}") from error
