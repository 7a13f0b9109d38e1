"""Whose payloads are read, and what one message of a user stream says: what spot, margin and USD-M have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

from cadenza.adapters.venues.kit.words import UnknownMember
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.trading.reports import BalanceReport, Report


@dataclass(frozen=True, slots=True)
class AccountScope:
    """Whose payloads these are: our account, and the instruments of its market by the venue's symbols. Spot and USD-M
    use the same symbols for different instruments, so each has a scope of its own."""

    account_id: TradingAccountId
    instruments: Mapping[str, InstrumentId]

    def instrument_id(self, symbol: str) -> InstrumentId:
        """Raises `UnknownMember` for a symbol that is not in the catalogue (yet)."""
        try:
            return self.instruments[symbol]
        except KeyError:
            raise UnknownMember("symbol", symbol) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserNews:
    """What one message of a user stream says.

    `wants_snapshot`: money moved, and the message does not state what it came to, so the account has to be read.
    `wants_margin`: the message states its subject, but not how much margin is in use or what is owed afterwards, so the
    account is read too. `stated` are words that lack what is owed: they are compared with readings, and not reported.
    `is_stream_over`: nothing more comes on this subscription.

    `follows_algo` and `triggered` are ids at the venue. `follows_algo`: the message is about the order with this id,
    which a conditional order has become. `triggered`: the message says which conditional order has become the order of
    this id. The session delivers its reports before those of any message with the same id in `follows_algo`
    (`OrderLinks`).
    """

    reports: tuple[Report, ...] = ()
    stated: tuple[BalanceReport, ...] = ()
    wants_snapshot: bool = False
    wants_margin: bool = False
    is_stream_over: bool = False
    follows_algo: str | None = None
    triggered: str | None = None
