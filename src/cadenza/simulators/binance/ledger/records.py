"""Lines of the ledger of truth."""

from __future__ import annotations

from dataclasses import dataclass

from cadenza.simulators.binance.spot.records import SpotRow
from cadenza.simulators.binance.usdm.records import FuturesRow
from cadenza.simulators.binance.wire.markets import VenueMarket


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A trading request and what became of it: `OK`, or the refusal's code and text."""

    market: VenueMarket
    account: str
    name: str
    parameters: dict[str, str]
    outcome: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """One line of the ledger of truth: what one request or one movement of the market changed, market by market."""

    at_ms: int
    request: RequestRow | None = None
    spot: SpotRow | None = None
    usdm: FuturesRow | None = None

    @property
    def is_empty(self) -> bool:
        return self.request is None and self.spot is None and self.usdm is None
