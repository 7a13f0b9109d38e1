"""What becomes of instruments that a venue does not list any more, and of those that cannot be read."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cadenza.application.market_data.take_listing import take_listing
from cadenza.domain.ids import InstrumentId, VenueId
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.venue_spec import InstrumentListing, VenueSpec
from cadenza.ports.venue import ListedInstruments, UnreadableInstrument
from tests.application.market_data.market_world import OKX, ScriptedConnector, listed

BTC, ETH = listed(OKX), listed(OKX, "ETH/USDT")
ODD = UnreadableInstrument("ETHUSDT", "a status that is not known")
NAMELESS = UnreadableInstrument(None, "it has no name")
SPEC: VenueSpec = ScriptedConnector(OKX).spec


class Noted:
    """The part of `CatalogueRepository` that a listing needs."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def upsert_instruments(self, instruments: Sequence[Instrument]) -> None:
        self.calls.append(("write", *(each.id for each in instruments)))

    async def deactivate_unreadable(
        self, venue_id: VenueId, external_symbols: Sequence[str], readable: Sequence[InstrumentId]
    ) -> None:
        self.calls.append(("deactivate", *external_symbols, "but", *readable))

    async def delist_missing(
        self, venue_id: VenueId, listed: Sequence[InstrumentId], external_symbols: Sequence[str]
    ) -> None:
        self.calls.append(("delist all but", *listed, *external_symbols))


async def calls_of(found: ListedInstruments, spec: VenueSpec = SPEC) -> list[tuple[Any, ...]]:
    noted: Any = Noted()
    await take_listing(noted, spec, found)
    calls: list[tuple[Any, ...]] = noted.calls
    return calls


async def test_what_cannot_be_read_becomes_inactive_and_is_not_delisted() -> None:
    assert await calls_of(ListedInstruments([BTC], [ODD])) == [
        ("write", BTC.id),
        ("deactivate", "ETHUSDT", "but", BTC.id),
        ("delist all but", BTC.id, "ETHUSDT"),
    ]


async def test_nothing_is_delisted_where_one_without_a_name_cannot_be_read() -> None:
    assert [call for call, *_ in await calls_of(ListedInstruments([BTC], [ODD, NAMELESS]))] == ["write", "deactivate"]


async def test_nothing_is_delisted_by_a_list_without_a_readable_instrument() -> None:
    assert [call for call, *_ in await calls_of(ListedInstruments([], [ODD]))] == ["write", "deactivate"]


async def test_a_list_that_is_not_whole_delists_nothing() -> None:
    spec = replace(SPEC, listing=InstrumentListing.SEARCHED)
    assert [call for call, *_ in await calls_of(ListedInstruments([BTC, ETH]), spec)] == ["write", "deactivate"]
