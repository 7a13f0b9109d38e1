"""Show the candles of several instruments."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.keep_candles import MINUTE_MS, KeepCandles
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.candle import Candle

INSTRUMENTS_PER_REQUEST_MAX = 100
INTERVAL_DEFAULT = "1m"
INTERVALS_MS: Mapping[str, int] = MappingProxyType(
    {
        "1m": MINUTE_MS,
        "5m": 5 * MINUTE_MS,
        "15m": 15 * MINUTE_MS,
        "30m": 30 * MINUTE_MS,
        "1h": 60 * MINUTE_MS,
        "4h": 240 * MINUTE_MS,
    }
)


class ListKlines:
    """The use case: what was traded since the instrument's feed was opened, by the interval; all or nothing, in the
    request's order. An instrument that was not traded, or whose feed is not open, has none."""

    def __init__(self, *, catalogue: Catalogue, candles: KeepCandles) -> None:
        self._catalogue = catalogue
        self._candles = candles

    async def __call__(
        self, actor: Actor, instrument_ids: Sequence[InstrumentId], interval: str
    ) -> Sequence[tuple[InstrumentId, Sequence[Candle]]]:
        actor.require(Scope.READ)
        if interval not in INTERVALS_MS:
            raise InvalidRequest(f"interval: one of {', '.join(INTERVALS_MS)}", {"field": "interval"})
        if len(instrument_ids) > INSTRUMENTS_PER_REQUEST_MAX:
            raise InvalidRequest(f"instrumentIds: at most {INSTRUMENTS_PER_REQUEST_MAX}", {"field": "instrumentIds"})
        for instrument_id in instrument_ids:
            actor.require_access(self._catalogue.for_tenant(actor.tenant_id, instrument_id).venue_id)
        return [(each, self._candles.candles(each, INTERVALS_MS[interval])) for each in instrument_ids]
