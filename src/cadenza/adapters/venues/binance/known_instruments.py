"""The instruments of a connector's catalogue: by our ids, and by the venue's symbols within a market."""

from collections.abc import Iterable, Mapping

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.parse_instruments import RefusedSymbol
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument


class KnownInstruments:
    """What was listed last. Spot and margin trade the same instruments. An instrument that is not listed any more stays
    known, because orders and trades of the past name it. Of one that could not be read, the symbol is known: that is
    enough to cancel its orders, to ask about them and to read their news."""

    def __init__(self) -> None:
        self._by_id: dict[InstrumentId, Instrument] = {}
        spot: dict[str, InstrumentId] = {}
        self._ids = {BinanceMarket.SPOT: spot, BinanceMarket.MARGIN: spot, BinanceMarket.USDM: {}}
        spot_symbols: dict[InstrumentId, str] = {}
        self._symbols = {
            BinanceMarket.SPOT: spot_symbols,
            BinanceMarket.MARGIN: spot_symbols,
            BinanceMarket.USDM: {},
        }

    def keep(self, market: BinanceMarket, instruments: Iterable[Instrument], refused: Iterable[RefusedSymbol]) -> None:
        """Take over a market's list."""
        for instrument in instruments:
            self._by_id[instrument.id] = instrument
            self._name(market, instrument.id, instrument.external_symbol)
        for each in refused:
            if each.id is not None and each.symbol is not None and each.id not in self._symbols[market]:
                self._name(market, each.id, each.symbol)

    def instrument(self, id: InstrumentId) -> Instrument | None:
        """Return an instrument that could be read."""
        return self._by_id.get(id)

    def traded(self, market: BinanceMarket, id: InstrumentId) -> Instrument | None:
        """Return the instrument if it could be read and the market trades it."""
        return self._by_id.get(id) if id in self._symbols[market] else None

    def symbol(self, market: BinanceMarket, id: InstrumentId) -> str | None:
        """Return the market's symbol of an instrument; None when it is not known to trade it."""
        return self._symbols[market].get(id)

    def symbols(self, market: BinanceMarket) -> Mapping[str, InstrumentId]:
        """Return the market's instruments by symbol; the mapping follows later lists."""
        return self._ids[market]

    def _name(self, market: BinanceMarket, id: InstrumentId, symbol: str) -> None:
        self._ids[market][symbol] = id
        self._symbols[market][id] = symbol
