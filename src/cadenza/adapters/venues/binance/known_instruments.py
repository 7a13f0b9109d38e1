"""The instruments of a connector's catalogue: by our ids, and by the venue's symbols within a market."""

from collections.abc import Iterable, Mapping

from cadenza.adapters.venues.binance.classify import BinanceMarket
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument


class KnownInstruments:
    """What was listed last. Spot and margin trade the same instruments. An instrument that is not listed any more stays
    known, because orders and trades of the past name it."""

    def __init__(self) -> None:
        self._by_id: dict[InstrumentId, Instrument] = {}
        spot: dict[str, InstrumentId] = {}
        self._symbols = {BinanceMarket.SPOT: spot, BinanceMarket.MARGIN: spot, BinanceMarket.USDM: {}}

    def keep(self, market: BinanceMarket, instruments: Iterable[Instrument]) -> None:
        """Take over a market's list."""
        for instrument in instruments:
            self._by_id[instrument.id] = instrument
            self._symbols[market][instrument.external_symbol] = instrument.id

    def instrument(self, id: InstrumentId) -> Instrument | None:
        return self._by_id.get(id)

    def traded(self, market: BinanceMarket, id: InstrumentId) -> Instrument | None:
        """Return the instrument if the market trades it."""
        instrument = self._by_id.get(id)
        if instrument is None or self._symbols[market].get(instrument.external_symbol) != id:
            return None
        return instrument

    def symbols(self, market: BinanceMarket) -> Mapping[str, InstrumentId]:
        """Return the market's instruments by symbol; the mapping follows later lists."""
        return self._symbols[market]
