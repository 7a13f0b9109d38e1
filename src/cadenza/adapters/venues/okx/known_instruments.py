"""The instruments of a connector's catalogue: by our ids, and their terms by the venue's names."""

from collections.abc import Iterable, Iterator, Mapping

from cadenza.adapters.venues.okx.parse_instruments import ContractTerms, RefusedInstrument
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.instrument import Instrument


class KnownInstruments(Mapping[str, ContractTerms]):
    """What was listed, as terms by the venue's names. An instrument that is not listed any more stays known, because
    orders and executions of the past name it, also one that left the list before this process began (`remember`); so
    are the terms of one that could not be read otherwise. The name of any
    other follows from its id (`external_name`): that is enough to cancel its orders and to ask about them."""

    def __init__(self) -> None:
        self._by_id: dict[InstrumentId, Instrument] = {}
        self._terms: dict[str, ContractTerms] = {}

    def keep(self, instruments: Iterable[Instrument], refused: Iterable[RefusedInstrument] = ()) -> None:
        """Take over a list."""
        for each in instruments:
            self._by_id[each.id] = each
            self._terms[each.external_symbol] = ContractTerms(each.id, each.contract_size)
        self._terms.update((each.name, each.terms) for each in refused if each.name and each.terms is not None)

    def remember(self, instruments: Iterable[Instrument]) -> None:
        """Take over what a former process knew, unless a list names it."""
        for each in instruments:
            self._by_id.setdefault(each.id, each)
            self._terms.setdefault(each.external_symbol, ContractTerms(each.id, each.contract_size))

    def instrument(self, id: InstrumentId) -> Instrument | None:
        """Return an instrument that could be read."""
        return self._by_id.get(id)

    def __getitem__(self, name: str) -> ContractTerms:
        return self._terms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)
