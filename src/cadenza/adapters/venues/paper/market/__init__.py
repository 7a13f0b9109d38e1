"""Where the PAPER venue's market comes from: a synthetic market, or a recorded session that is played back."""

from cadenza.adapters.venues.paper.market.markets import (
    MarketKind,
    MarketSettings,
    open_market,
)
from cadenza.adapters.venues.paper.market.source import (
    CATCH_UP_MAX_MS,
    MarketCommand,
    MarketSource,
)

__all__ = [
    "CATCH_UP_MAX_MS",
    "MarketCommand",
    "MarketKind",
    "MarketSettings",
    "MarketSource",
    "open_market",
]
