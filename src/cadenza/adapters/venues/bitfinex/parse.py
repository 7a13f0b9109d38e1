"""Whose payloads are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cadenza.adapters.venues.bitfinex import mapping
from cadenza.adapters.venues.bitfinex.spec import MARK_BITS, PAPER_PREFIX, TYPES
from cadenza.adapters.venues.kit.words import UnknownMember
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.market.instrument import Instrument, InstrumentType

_ACCOUNT_BITS = MARK_BITS - 2


@dataclass(frozen=True, slots=True)
class AccountScope:
    """Whose payloads these are: our account, its type, and the instruments by the venue's names. `asset` returns our
    name of a currency. `is_paper`: the account is of the environment whose currencies are paper ones."""

    account_id: TradingAccountId
    account_type: AccountType
    instruments: Mapping[str, Instrument]
    asset: Callable[[str], str]
    is_paper: bool

    @property
    def mark(self) -> int:
        """What distinguishes the ids that our account gives: its type, and some bits of its own id."""
        return TYPES.index(self.account_type) << _ACCOUNT_BITS | self.account_id.int & (1 << _ACCOUNT_BITS) - 1

    def cid(self, number: int) -> int:
        """Return the id at the venue of the order to which our account has given this number."""
        return number << MARK_BITS | self.mark

    def sent_id(self, cid: int | None) -> str | None:
        """Return our id of an order by its id at the venue; None for one that our account has not given. Such an id is
        not stated: it could be taken for a number of ours."""
        if not cid or cid & (1 << MARK_BITS) - 1 != self.mark:
            return None
        return str(cid >> MARK_BITS) if cid >> MARK_BITS else None

    def instrument(self, symbol: str) -> Instrument:
        """Raises `UnknownMember` for a symbol that is not in the catalogue (yet)."""
        try:
            return self.instruments[symbol]
        except KeyError:
            raise UnknownMember("symbol", symbol) from None

    def covers_order(self, symbol: str, type: str) -> bool:
        """Return whether an order or execution of this type is our account's: the venue has one account for all that
        Cadenza has an account for each of. Raises `UnknownMember`."""
        if not self._is_of_environment(symbol.removeprefix("t")):
            return False
        if type.startswith(mapping.ON_EXCHANGE):
            return self.account_type is AccountType.SPOT
        return self.covers_position(symbol)

    def covers_position(self, symbol: str) -> bool:
        """Return whether a position is our account's. Raises `UnknownMember`."""
        if self.account_type is AccountType.SPOT or not self._is_of_environment(symbol.removeprefix("t")):
            return False
        is_pair = self.instrument(symbol).type is InstrumentType.SPOT
        return is_pair is (self.account_type is AccountType.MARGIN)

    def covers_wallet(self, wallet: str, currency: str) -> bool:
        """Return whether what a wallet has of a currency is our account's. Raises `UnknownMember`."""
        if self.account_type not in mapping.WALLETS.of(wallet) or not self._is_of_environment(currency):
            return False
        if self.account_type is AccountType.SPOT:
            return True
        return currency.endswith(mapping.COLLATERAL_SUFFIX) is (self.account_type is AccountType.FUTURES)

    def _is_of_environment(self, code: str) -> bool:
        return code.startswith(PAPER_PREFIX) is self.is_paper
