"""Whose payloads are read, and the rows of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.models import SUCCESS, OkxReply
from cadenza.adapters.venues.okx.parse_instruments import ContractTerms
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import TradingAccountId


@dataclass(frozen=True, slots=True)
class AccountScope:
    """Whose payloads these are: our account, its type, and the instruments' terms by the venue's names."""

    account_id: TradingAccountId
    account_type: AccountType
    instruments: Mapping[str, ContractTerms]

    def instrument(self, name: str) -> ContractTerms:
        """Raises `UnknownMember` for a name that is not in the catalogue (yet)."""
        try:
            return self.instruments[name]
        except KeyError:
            raise UnknownMember("instrument", name) from None

    def covers(self, kind: str, trade_mode: str = "") -> bool:
        """Return whether a row of this `instType` and `tdMode` is about our account: the venue has one account for all
        that Cadenza has an account for each of. Raises `UnknownMember`."""
        return mapping.trades_kind(self.account_type, kind, trade_mode)


def rows_of(body: bytes) -> list[msgspec.Raw]:
    """Return the rows of an answer to a question. Raises `UnreadablePayload` for an answer that is no success."""
    reply = decode(OkxReply, body)
    if reply.code != SUCCESS:
        raise UnreadablePayload(f"the venue answered {reply.code[:16]}")
    return reply.data
