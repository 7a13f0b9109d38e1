"""Whose payloads are read, and how lists of them are: each line by itself, so that one that cannot be read leaves the
others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.adapters.venues.okx import mapping
from cadenza.adapters.venues.okx.models import SUCCESS, OkxReply
from cadenza.adapters.venues.okx.parse_instruments import ContractTerms
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import UnreadableReport

L = TypeVar("L")


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


def read_lines(
    lines: Iterable[msgspec.Raw], scope: AccountScope, read: Callable[[msgspec.Raw], L | None]
) -> list[L | UnreadableReport]:
    """Read lines one by one. `read` returns None for a line that is not about the account."""
    found: list[L | UnreadableReport] = []
    for line in lines:
        try:
            one = read(line)
        except UnreadablePayload as error:
            found.append(unreadable(scope.account_id, bytes(line), error))
        else:
            if one is not None:
                found.append(one)
    return found
