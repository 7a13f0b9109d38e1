"""What the PAPER venue needs from a market."""

from collections.abc import Sequence
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.exchange import PublicTrade, ResetMarket, SetLevel

MarketCommand = ResetMarket | SetLevel | PublicTrade
"""A market's commands to a matching engine, in ticks of the instrument's pip size and lots of its lot size."""

CATCH_UP_MAX_MS = 60_000
"""A longer step of the caller's clock is a pause (the machine slept, or the clock was set), and the market stood still
during it. So no call has to catch up with more than this."""


class MarketSource(Protocol):
    """A market that the venue polls. It has no clock of its own.

    Law: with the same arguments and times it answers the same commands, however a period is divided into steps of at
    most `CATCH_UP_MAX_MS`. The first answer starts with a `ResetMarket` of every instrument. Commands are in the order
    of `at_ms`; each `at_ms` is later than the previous call's `to_ms` and at most this call's. Applied one after
    another they never show a crossed book. A public trade comes before the change that it makes to its level.
    """

    @property
    def instruments(self) -> Sequence[Instrument]: ...

    @property
    def securities(self) -> Sequence[Security]: ...

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        """Whether the instrument has no market just now, as of the last call of `advance`. That begins with a
        `ResetMarket` without levels, and ends with another one."""

    def advance(self, to_ms: int) -> Sequence[tuple[InstrumentId, MarketCommand]]:
        """Return what the market did since the last call, up to and including `to_ms`; nothing when time went back."""
