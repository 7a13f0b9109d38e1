"""Naming the assets and positions that no fresh price values: portfolios are shown without them."""

from collections.abc import Mapping

from cadenza.application.orders.portfolios import Valuation
from cadenza.domain.ids import VenueId
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.clock import Clock

UNPRICED_AGAIN_MS = 3_600_000
"""How long the alarm about an asset without a price is not repeated."""

NAMED_ASSETS_MAX = 1_000
"""Alarms that are remembered, so that they are not repeated. When there are more, all are forgotten."""


class UnpricedAssets:
    """Sounds an alarm for each asset and each position of a shown portfolio that no fresh price values, at most once in
    `UNPRICED_AGAIN_MS` for each of them, venue and currency, whoever was shown it."""

    def __init__(self, *, alarms: Alarms, clock: Clock) -> None:
        self._alarms = alarms
        self._clock = clock
        self._named_ms: dict[tuple[VenueId, str, str], int] = {}

    def name(self, portfolio: Portfolio, valuation: Valuation) -> bool:
        """Sound the alarms of a portfolio that was built with the valuation. Return whether it lacks prices that may
        come in a moment, because their books are being opened: these sound nothing yet."""
        is_early = False
        for asset in portfolio.summary.unpriced:
            if valuation.is_awaited(asset):
                is_early = True
            else:
                self._name(portfolio, valuation, asset, {"without_fresh_price": list(valuation.needed(asset))})
        for instrument_id in portfolio.summary.unmarked:
            if valuation.may_come(instrument_id):
                is_early = True
            else:
                self._name(portfolio, valuation, instrument_id, {"without_fresh_price": [instrument_id]})
        return is_early

    def _name(self, portfolio: Portfolio, valuation: Valuation, asset: str, facts: Mapping[str, object]) -> None:
        """`asset` is the instrument of a position, or an asset that is held."""
        now_ms = self._clock.monotonic_ms()
        key = (portfolio.account.venue_id, asset, valuation.currency)
        if now_ms < self._named_ms.get(key, now_ms):
            return
        if len(self._named_ms) >= NAMED_ASSETS_MAX:
            self._named_ms.clear()
        self._named_ms[key] = now_ms + UNPRICED_AGAIN_MS
        about = {
            "venue": portfolio.account.venue_id,
            "asset": asset,
            "currency": valuation.currency,
            "account_id": portfolio.account.id,
        }
        self._alarms.sound(Alarm.ASSET_UNPRICED, {**about, **facts})
