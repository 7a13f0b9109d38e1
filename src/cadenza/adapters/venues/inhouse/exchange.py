"""What a venue that runs in this process must supply: the exchange that executes its orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.trading.order import Order
from cadenza.exchange.back_office import BackOffice
from cadenza.exchange.records import VenueChanges, VenueOrder, VenueState


class AckDelivery(StrEnum):
    """How the result of a submit is delivered. SENT: the reply carries it. LOST: neither the reply nor the stream
    carries what happened so far. DOUBLED: both carry it. FILLS_FIRST: the stream delivers the fills before the reply
    delivers the acceptance."""

    SENT = "SENT"
    LOST = "LOST"
    DOUBLED = "DOUBLED"
    FILLS_FIRST = "FILLS_FIRST"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """How the reply to a submit is delivered: `after_ms` after the order took effect."""

    delivery: AckDelivery = AckDelivery.SENT
    after_ms: int = 0


SENT = Acknowledgement()


class SimulatedExchange(Protocol):
    """Executes orders, in memory and without waiting. Law: the result depends only on the calls and their times. Every
    change goes through `office`, so that it is stored and reported. The times of calls never go back. What falls due by
    the clock (an expiry, a scripted fill) is recorded with its own instant, however late `advance` is called, and in
    time order."""

    office: BackOffice

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]: ...

    @property
    def securities(self) -> Sequence[Security]: ...

    def open(self, at_ms: int) -> None:
        """Open the exchange. Called once, after `restore` and before anything else."""

    def restore(self, state: VenueState) -> None:
        """Replace orders and money with that state. Market data continue unchanged."""

    def advance(self, to_ms: int) -> None:
        """Let the market and the clock run until `to_ms`."""

    def next_due_ms(self) -> int | None:
        """Return when the runner must call `advance` next, if that may be sooner than the next tick; else None."""

    def delay_ms(self, order: Order, *, is_cancel: bool) -> int:
        """Return how long the request takes to arrive."""

    def submit(self, order: VenueOrder, at_ms: int) -> Acknowledgement: ...

    def cancel(self, order: VenueOrder, at_ms: int) -> None:
        """Cancel an open order."""

    def take_changes(self) -> VenueChanges: ...

    def take_trades(self) -> list[MarketTrade]:
        """Return the trades since the last call, including trades between other participants."""

    def take_changed_books(self) -> set[InstrumentId]:
        """Return the instruments whose book may have changed since the last call."""

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        """Whether the instrument's market is not known just now. Its book is stale then."""

    def depth(self, instrument_id: InstrumentId, side: Side, levels_max: int) -> list[tuple[int, int]]:
        """Return (ticks, lots) in the instrument's pip and lot size, best first."""
