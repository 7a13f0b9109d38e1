"""What the PAPER venue asks of a market."""

from collections.abc import Sequence
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.matching import MarketTrade, ResetMarket, SetLevel

MarketCommand = ResetMarket | SetLevel | MarketTrade
"""What a market does to a matching engine: integer ticks of the instrument's pip size, lots of its lot size."""

CATCH_UP_MAX_MS = 60_000
"""A step of the caller's clock that is longer than this is a pause (the machine slept, the clock was set): the market
stood still meanwhile. So no call has to make up for more than this."""


class MarketSource(Protocol):
    """A market that is asked, not listened to; it has no clock of its own.

    Law: made with the same arguments and asked for the same times, it answers the same commands, however the way to
    a time is cut into steps of at most `CATCH_UP_MAX_MS`. The first answer starts with a `ResetMarket` of every
    instrument. Commands come in the order of `at_ms`, each after the call's predecessor and at most `to_ms`. Applied
    one after another they never show a crossed book; a print comes before the change it makes to its level.
    """

    @property
    def instruments(self) -> Sequence[Instrument]: ...

    @property
    def securities(self) -> Sequence[Security]: ...

    def advance(self, to_ms: int) -> Sequence[tuple[InstrumentId, MarketCommand]]:
        """Return what the market did since the last call, up to and including `to_ms`; nothing when time went back."""
