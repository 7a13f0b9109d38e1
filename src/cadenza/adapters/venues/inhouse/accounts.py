"""Which accounts a key reaches. Any key is accepted, and a key always reaches the same spot and margin account."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import (
    AccountType,
    CollateralMode,
    ExternalAccount,
    MarginMode,
    PositionMode,
)
from cadenza.domain.errors import InvalidCredential
from cadenza.exchange.records import VenueAccount

_ID_DIGITS = 12
_MILLION = Decimal(1_000_000)
DEPOSITS: Mapping[str, Decimal] = {
    "USDT": _MILLION,
    "USD": _MILLION,
    "EUR": _MILLION,
    "BTC": Decimal(10),
    "ETH": Decimal(100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """How accounts are opened: deposits (units of each asset), position mode and leverage. At most `accounts_max`
    accounts are opened; after that a new key gets `VenueUnavailable`. An account has at most `open_orders_max` open
    orders in an instrument, because all accounts share the venue's room."""

    deposits: Mapping[str, Decimal] = field(default_factory=lambda: DEPOSITS)
    position_mode: PositionMode = PositionMode.NETTING
    max_leverage: int = 20
    accounts_max: int = 20_000
    open_orders_max: int = 200


def check_secrets(secrets: Secrets) -> None:
    """Raise `InvalidCredential` when the key or the secret is empty. Anything else is accepted."""
    if not secrets.api_key or not secrets.api_secret:
        raise InvalidCredential("key and secret must not be empty; any others will do")


def accounts_of(secrets: Secrets, venue: str, settings: AccountSettings, at_ms: int) -> tuple[VenueAccount, ...]:
    """Return the two accounts of a key as they would be opened now."""
    digits = hashlib.sha256(secrets.api_key.encode()).hexdigest()[:_ID_DIGITS]
    return tuple(
        VenueAccount(
            external_id=f"{venue.lower()}-{type.value.lower()}-{digits}",
            type=type,
            position_mode=settings.position_mode,
            max_leverage=settings.max_leverage if type is AccountType.MARGIN else 1,
            opened_at_ms=at_ms,
        )
        for type in (AccountType.SPOT, AccountType.MARGIN)
    )


def to_external(account: VenueAccount) -> ExternalAccount:
    """Return the account as the application sees it. A spot account has no positions, so it has no modes."""
    return ExternalAccount(
        external_id=account.external_id,
        type=account.type,
        external_type=account.type.value.lower(),
        position_mode=account.position_mode if account.is_margined else None,
        collateral_mode=CollateralMode.CROSS if account.is_margined else None,
        margin_mode=MarginMode.STANDARD if account.is_margined else None,
        max_leverage=account.max_leverage,
    )
