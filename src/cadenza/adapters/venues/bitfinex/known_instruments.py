"""The instruments of a connector's catalogue: by our ids, by the venue's names, and what its codes are called."""

from collections.abc import Iterable, Iterator, Mapping

from cadenza.adapters.venues.bitfinex.names import AssetNames
from cadenza.adapters.venues.bitfinex.parse_instruments import ReadInstruments
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument


class KnownInstruments(Mapping[str, Instrument]):
    """What was listed, by the venue's names. An instrument that is not listed any more stays known, because orders and
    executions of the past name it, also one that left the list before this process began (`remember`)."""

    def __init__(self) -> None:
        self._by_name: dict[str, Instrument] = {}
        self._by_id: dict[InstrumentId, Instrument] = {}
        self._names = AssetNames()

    def keep(self, read: ReadInstruments) -> None:
        """Take over a catalogue."""
        self._names = read.names
        for each in read.instruments:
            self._by_name[each.external_symbol] = each
            self._by_id[each.id] = each

    def remember(self, instruments: Iterable[Instrument]) -> None:
        """Take over what a former process knew, unless a list names it."""
        for each in instruments:
            self._by_name.setdefault(each.external_symbol, each)
            self._by_id.setdefault(each.id, each)

    def instrument(self, id: InstrumentId) -> Instrument | None:
        """Return an instrument that could be read."""
        return self._by_id.get(id)

    def asset_of(self, code: str) -> str:
        """Return the name of a currency by the venue's code. Raises `UnreadablePayload`."""
        return self._names.asset_of(code)

    def __getitem__(self, name: str) -> Instrument:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)
