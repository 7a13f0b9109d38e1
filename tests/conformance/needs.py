"""What a case may need of a venue's spec. A case that needs more is skipped at that venue, and the reason names it."""

from collections.abc import Callable

from cadenza.domain.market.enums import OrderType, TimeInForce
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


def cancels_all(spec: VenueSpec) -> bool:
    """One request can cancel all orders of an instrument."""
    return bool(spec.cancels_all)


def has_news(spec: VenueSpec) -> bool:
    """The session reports by itself what happens."""
    return spec.account_news is not NewsSource.REPLY


def has_replay(spec: VenueSpec) -> bool:
    """The venue can be asked what happened."""
    return spec.replay is not None


def takes(type: OrderType, time_in_force: TimeInForce) -> Callable[[VenueSpec], bool]:
    """The venue itself takes such orders, of some instrument."""

    def takes_it(spec: VenueSpec) -> bool:
        return any(spec.support_of(kind, type, time_in_force) is Support.NATIVE for kind in spec.orders)

    takes_it.__doc__ = f"The venue takes {type.value} orders as {time_in_force.value}."
    return takes_it
