"""Whose payloads are read."""

from collections.abc import Mapping
from dataclasses import dataclass

from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.kit.words import UnknownMember
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.market.instrument import Instrument


@dataclass(frozen=True, slots=True)
class AccountScope:
    """Whose payloads these are: our account, its type, and the instruments by the venue's names."""

    account_id: TradingAccountId
    account_type: AccountType
    instruments: Mapping[str, Instrument]

    @property
    def kind(self) -> str:
        """The venue's word for the instruments that the account trades."""
        return mapping.KIND_WORDS[self.account_type]

    def instrument(self, name: str) -> Instrument:
        """Raises `UnknownMember` for a name that is not in the catalogue (yet)."""
        try:
            return self.instruments[name]
        except KeyError:
            raise UnknownMember("instrument", name) from None

    def covers(self, name: str) -> bool:
        """Return whether an instrument is one that our account trades: the venue has one account for all that Cadenza
        has an account for each of. Raises `UnknownMember`."""
        return mapping.KINDS_OF.get(self.instrument(name).type) == self.kind
