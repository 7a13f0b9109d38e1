"""What assets are worth, for limits: they value every asset of an account at each of its orders."""

from decimal import Decimal

from cadenza.application.orders.portfolios import PortfolioBuilder
from cadenza.domain.ids import VenueId
from cadenza.ports.clock import Clock

RATE_AGE_MS_MAX = 1_000
"""How old a rate may be."""

RATES_MAX = 10_000
"""The most rates that are remembered within that time; then they are found again."""


class RecentRates:
    """Remembers rates for a moment. An asset without a price is looked at again each time."""

    def __init__(self, *, portfolios: PortfolioBuilder, clock: Clock) -> None:
        self._portfolios = portfolios
        self._clock = clock
        self._since_ms = 0
        self._rates: dict[tuple[VenueId, str, str], Decimal] = {}

    def __call__(self, venue_id: VenueId, asset: str, currency: str) -> Decimal | None:
        """Return units of the currency per unit of the asset; None without a path of fresh prices."""
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._since_ms >= RATE_AGE_MS_MAX or len(self._rates) >= RATES_MAX:
            self._rates.clear()
            self._since_ms = now_ms
        key = (venue_id, asset, currency)
        known = self._rates.get(key)
        if known is not None:
            return known
        found = self._portfolios.valuation(venue_id, currency).rate(asset)
        if found is not None:
            self._rates[key] = found
        return found
