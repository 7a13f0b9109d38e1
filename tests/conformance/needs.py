"""What a case may need of a venue's spec. A case that needs more is skipped at that venue, and the reason names it."""

from collections.abc import Callable
from dataclasses import dataclass

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.venue_spec import Books, NewsSource, Support, VenueSpec


def has_balances(spec: VenueSpec) -> bool:
    """The venue shows balances and positions."""
    return spec.snapshots


def has_lookup(spec: VenueSpec) -> bool:
    """The venue can be asked about one order."""
    return spec.lookup is not None


def has_proof(spec: VenueSpec) -> bool:
    """Asking can prove that an order never arrived."""
    return spec.lookup is not None and spec.fence is not None


def believes_balances(spec: VenueSpec) -> bool:
    """A balance that the session reports replaces the one that is known."""
    return spec.snapshots and (spec.balances_follow_fills or Books.OURS not in spec.books.values())


def keeps_books(spec: VenueSpec) -> bool:
    """The venue's word of balances and positions is the truth."""
    return spec.snapshots and Books.VENUE in spec.books.values()


def has_news(spec: VenueSpec) -> bool:
    """The session reports by itself what happens."""
    return spec.account_news is not NewsSource.REPLY


def has_replay(spec: VenueSpec) -> bool:
    """The venue can be asked what happened."""
    return spec.replay is not None


@dataclass(frozen=True, slots=True)
class NeedOfAccount:
    """What a case needs of the accounts under test, by their type, and of the kind of instruments that they trade.
    `lack` says why a case does not run without it."""

    lack: str
    is_met: Callable[[VenueSpec, AccountType, InstrumentType], bool]


CANCELS_ALL = NeedOfAccount(
    "no request cancels all orders of an instrument", lambda spec, type, kind: type in spec.cancels_all
)
TAKES_GTD = NeedOfAccount(
    "the venue does not take LIMIT orders as GTD", lambda spec, type, kind: _takes(spec, kind, TimeInForce.GTD)
)
TAKES_AN_END = NeedOfAccount(
    "the venue does not take LIMIT orders as GTD or DAY",
    lambda spec, type, kind: _takes(spec, kind, TimeInForce.GTD) or _takes(spec, kind, TimeInForce.DAY),
)
TAKES_STOPS = NeedOfAccount(
    "the connector sends no stops in such instruments",
    lambda spec, type, kind: spec.support_of(kind, OrderType.STOP, TimeInForce.GTC) is not None,
)


def _takes(spec: VenueSpec, kind: InstrumentType, time_in_force: TimeInForce) -> bool:
    return spec.support_of(kind, OrderType.LIMIT, time_in_force) is Support.NATIVE
