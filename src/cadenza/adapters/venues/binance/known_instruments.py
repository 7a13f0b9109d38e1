"""The instruments of a connector's catalogue: by our ids, and by the venue's symbols within a market."""

from collections.abc import Iterable, Mapping

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.parse_instruments import RefusedSymbol
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument, InstrumentType


class KnownInstruments:
    """What was listed last. Spot and margin trade the same instruments. An instrument that is not listed any more stays
    known, because orders and trades of the past name it. Of one that could not be read, or that was taken off the list
    before this process began (`remember`), the symbol is known: that is enough to cancel its orders, to ask about them
    and to read their news."""

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
        spot_listed: set[str] = set()
        self._listed = {
            BinanceMarket.SPOT: spot_listed,
            BinanceMarket.MARGIN: spot_listed,
            BinanceMarket.USDM: set[str](),
        }

    def keep(self, market: BinanceMarket, instruments: Iterable[Instrument], refused: Iterable[RefusedSymbol]) -> None:
        """Take over a market's list."""
        listed = self._listed[market]
        listed.clear()
        for instrument in instruments:
            listed.add(instrument.external_symbol)
            self._by_id[instrument.id] = instrument
            self._name(market, instrument.id, instrument.external_symbol)
        for each in refused:
            if each.symbol is not None:
                listed.add(each.symbol)
            if each.id is not None and each.symbol is not None and each.id not in self._symbols[market]:
                self._name(market, each.id, each.symbol)

    def remember(self, instruments: Iterable[Instrument]) -> None:
        """Take over what a former process knew, unless a list names it."""
        for each in instruments:
            market = BinanceMarket.SPOT if each.type is InstrumentType.SPOT else BinanceMarket.USDM
            self.remember_symbol(market, each.id, each.external_symbol)

    def remember_symbol(self, market: BinanceMarket, id: InstrumentId, symbol: str) -> None:
        """Take over the symbol of an instrument that a former process traded, unless the market's list names it."""
        if id not in self._symbols[market] and symbol not in self._ids[market]:
            self._name(market, id, symbol)

    def unlist(self, market: BinanceMarket, symbol: str) -> None:
        """The market does not know this symbol any more. The list that is read next decides again."""
        self._listed[market].discard(symbol)

    def is_off_list(self, market: BinanceMarket, symbol: str | None) -> bool:
        """Whether the market's list was read and does not have the symbol; None is that of an instrument which the
        market is not known to trade."""
        listed = self._listed[market]
        return bool(listed) and symbol not in listed

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
