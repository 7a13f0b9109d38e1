"""What a venue that runs in this process must bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.market.order_book import MarketTrade
from cadenza.domain.matching.back_office import BackOffice
from cadenza.domain.matching.records import VenueChanges, VenueOrder, VenueState
from cadenza.domain.trading.order import Order


class Reply(StrEnum):
    """How the reply to a submit fares. LOST: neither reply nor stream tell what happened so far. DOUBLED: both do.
    FILLS_FIRST: the stream has told the fills before the reply tells that the order was accepted."""

    SENT = "SENT"
    LOST = "LOST"
    DOUBLED = "DOUBLED"
    FILLS_FIRST = "FILLS_FIRST"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The reply to a submit; it is under way for `after_ms`, while the order is at work already."""

    reply: Reply = Reply.SENT
    after_ms: int = 0


SENT = Acknowledgement()


class Floor(Protocol):
    """Executes orders, in memory and without waiting. Law: what happens depends on the calls and their times only; it
    goes through `office`, so that it is written down and told. Times never go back."""

    office: BackOffice

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]: ...

    @property
    def securities(self) -> Sequence[Security]: ...

    def open(self, at_ms: int) -> None:
        """The venue opens; called once, before anything else but `restore`."""

    def restore(self, state: VenueState) -> None:
        """Become that state; market data go on as they were."""

    def advance(self, to_ms: int) -> None:
        """Let the market and the clock run."""

    def next_due_ms(self) -> int | None:
        """When something is due by the clock alone, sooner than the next tick perhaps; None when nothing is."""

    def delay_ms(self, order: Order, *, is_cancel: bool) -> int:
        """How long the request is under way."""

    def submit(self, order: VenueOrder, at_ms: int) -> Acknowledgement: ...

    def cancel(self, order: VenueOrder, at_ms: int) -> None:
        """Take off an open order."""

    def take_changes(self) -> VenueChanges: ...

    def take_trades(self) -> list[MarketTrade]:
        """What was traded since the last call, the public's trades among it."""

    def take_changed_books(self) -> set[InstrumentId]:
        """Instruments whose book may have changed since the last call."""

    def depth(self, instrument_id: InstrumentId, side: Side, levels_max: int) -> list[tuple[int, int]]:
        """(ticks, lots) of the instrument's pip and lot size, best first."""
