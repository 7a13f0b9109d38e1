"""What the platform books of a session's reports: the domain's own rules, over the account's real books."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import count
from uuid import UUID

from cadenza.domain.evolve import evolve
from cadenza.domain.trading.apply import apply_or_keep
from cadenza.domain.trading.events import BalanceCorrected
from cadenza.domain.trading.kept import KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.state import TradingState, World
from cadenza.domain.trading.venue_books import adopt_snapshot
from cadenza.domain.trading.venue_spec import Books
from cadenza.ports.venue import AccountSnapshot
from tests.conformance.harness import Capability, Trader


class Booked:
    """An account that goes on from a snapshot, with orders that were sent since."""

    def __init__(self, trader: Trader, start: AccountSnapshot, *orders: Order) -> None:
        spec = trader.venue.connector.spec
        instruments = {each.id: each for each in (trader.venue.spot, trader.venue.perpetual)}
        numbers = count(1)
        world = World(
            spec=lambda venue_id: spec,
            instrument=instruments.get,
            top=lambda id: None,
            book=lambda id: None,
            rate=lambda *_: None,
            new_id=lambda: UUID(int=next(numbers)),
            now_ms=trader.account.created_at_ms,
        )
        account = evolve(trader.account, adopted_at_ms=start.at_ms)
        sent = [order.submitted(order.created_at_ms, order.send_before_ms or order.created_at_ms) for order in orders]
        self.account_id = account.id
        self._trader = trader
        self._state = TradingState(world, [account], (), (), sent)
        self.is_ours = self._state.books_of(account) is Books.OURS
        """Our ledger keeps the books."""
        adopt_snapshot(self._state, account.id, start.balances, start.positions, as_of=start.as_of, at_ms=start.at_ms)

    def take(self, reports: Iterable[Report]) -> "Booked":
        for report in reports:
            apply_or_keep(self._state, report)
        return self

    def total(self, asset: str) -> Decimal:
        return self._state.balance(self.account_id, asset).total

    def held(self) -> Decimal:
        """Return how much of what is traded the account holds, in assets or as a position."""
        spot = self._trader.venue.spot
        if Capability.MOVES_ASSETS in self._trader.venue.capabilities:
            return self.total(spot.base_asset)
        positions = self._state.positions(self.account_id)
        return sum((each.quantity for each in positions if each.instrument_id == spot.id), Decimal(0))

    def order(self, order: Order) -> Order:
        found = self._state.order(order.id)
        assert found is not None
        return found

    @property
    def orders(self) -> list[Order]:
        """The orders that were placed elsewhere and became known, in the order in which they did."""
        return list(self._state.changed.created.values())

    @property
    def kept(self) -> list[KeptReport]:
        """The reports that could not be applied."""
        return self._state.changed.kept

    @property
    def corrections(self) -> list[BalanceCorrected]:
        """What the venue's reports changed in a ledger of ours although no fill explains it."""
        return [event.body for event in self._state.changed.events if isinstance(event.body, BalanceCorrected)]
