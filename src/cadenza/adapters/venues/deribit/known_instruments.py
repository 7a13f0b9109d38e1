"""The instruments of a connector's catalogue: by our ids, and by the venue's names."""

from collections.abc import Iterable, Iterator, Mapping

from cadenza.adapters.venues.deribit.names import external_name
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument


class KnownInstruments(Mapping[str, Instrument]):
    """What was listed, by the venue's names. An instrument that is not listed any more stays known, because orders and
    executions of the past name it, also one that left the list before this process began (`remember`)."""

    def __init__(self) -> None:
        self._by_name: dict[str, Instrument] = {}

    def keep(self, instruments: Iterable[Instrument]) -> None:
        """Take over a list."""
        self._by_name.update((each.external_symbol, each) for each in instruments)

    def remember(self, instruments: Iterable[Instrument]) -> None:
        """Take over what a former process knew, unless a list names it."""
        for each in instruments:
            self._by_name.setdefault(each.external_symbol, each)

    def instrument(self, id: InstrumentId) -> Instrument | None:
        """Return an instrument that could be read."""
        found = self._by_name.get(external_name(id))
        return found if found is not None and found.id == id else None

    def __getitem__(self, name: str) -> Instrument:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)
