"""A line of the ledger of truth."""

from __future__ import annotations

from dataclasses import dataclass

from cadenza.simulators.binance.spot.records import SpotRow
from cadenza.simulators.binance.usdm.records import FuturesRow
from cadenza.simulators.kit.records import RequestRow


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
