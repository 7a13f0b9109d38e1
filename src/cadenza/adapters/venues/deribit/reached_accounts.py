"""Which accounts a key reaches, and what it may do there."""

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.models import AccountSummaries, CurrencyFunds, GrantedAccess
from cadenza.adapters.venues.deribit.requests import RequestPool, RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.deribit.spec import TYPES
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
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

_TRADE, _WITHDRAW = "trade:read_write", "wallet:read_write"
SUMMARIES = RpcMessage("private/get_account_summaries", {"extended": True})


class ReachableAccounts:
    """Asks the venue whose account a key reaches.

    The venue has one account of a user, or of a subaccount, for everything. Here it is one for each type, named by its
    number and the type; all of them show the same money.
    """

    def __init__(self, rest: DeribitRest) -> None:
        self._rest = rest

    async def reached(self, signer: DeribitSigner) -> VerifiedKey:
        """Return the accounts and the key's rights. Raises `CredentialRejected` and `VenueUnavailable`."""
        number, model = await self._account(signer)
        words = (await self._scope(signer)).split()
        rights = KeyRights(may_withdraw=_WITHDRAW in words, is_bound_to_addresses=False, may_trade=_TRADE in words)
        return VerifiedKey([_external(number, model, type) for type in TYPES], rights)

    async def again(self, account: TradingAccount, signer: DeribitSigner) -> ExternalAccount:
        """Return an account of ours as the key reaches it now. Raises `CredentialRejected` when the key reaches another
        one, and `VenueUnavailable`."""
        number, model = await self._account(signer)
        found = _external(number, model, account.external.type)
        if found.external_id != account.external.external_id:
            raise CredentialRejected("the key belongs to another account")
        return found

    async def _account(self, signer: DeribitSigner) -> tuple[int, str]:
        """Return the account's number, and how its margins are computed."""
        result = await self._rest.asked(signer, SUMMARIES)
        try:
            found = decode(AccountSummaries, result)
            models = {decode(CurrencyFunds, line).margin_model for line in found.summaries}
        except UnreadablePayload as error:
            raise VenueUnavailable(f"DERIBIT did not say whose account the key reaches: {error}") from error
        if found.id is None:
            raise VenueUnavailable("DERIBIT did not say whose account the key reaches")
        self._rest.note_user(signer, str(found.id))
        return found.id, next(iter(sorted(models)), "")

    async def _scope(self, signer: DeribitSigner) -> str:
        """Return what the key may do, as the venue states it with an access."""
        now = self._rest.clock.usable()
        if now is None:
            raise VenueUnavailable("the venue's time is not known")
        login = signer.login(venue_ms=now.venue_ms, nonce=self._rest.nonce())
        result = await self._rest.asked(signer, RpcMessage("public/auth", login, RequestPool.NON_MATCHING))
        try:
            return decode(GrantedAccess, result).scope
        except UnreadablePayload as error:
            raise VenueUnavailable(f"DERIBIT did not say what the key may do: {error}") from error


def _external(number: int, model: str, type: AccountType) -> ExternalAccount:
    return ExternalAccount(
        external_id=f"{number}:{type.value}",
        type=type,
        external_type=model,
        position_mode=PositionMode.NETTING,
        collateral_mode=CollateralMode.CROSS,
        margin_mode=_margin_mode(model),
    )


def _margin_mode(model: str) -> MarginMode:
    try:
        return mapping.MARGIN_MODES.of(model)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"DERIBIT has a margin model that is not known here: {error}") from error
