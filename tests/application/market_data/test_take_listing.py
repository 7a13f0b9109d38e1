"""What becomes of instruments that a venue does not list any more, and of those that cannot be read or stored."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cadenza.application.market_data.catalogue import KnownListing
from cadenza.application.market_data.take_listing import as_stored, take_listing, take_securities
from cadenza.domain.ids import InstrumentId, SecurityId, VenueId
from cadenza.domain.market.instrument import Instrument, Security, SecurityType
from cadenza.domain.trading.venue_spec import InstrumentListing, VenueSpec
from cadenza.ports.venue import ListedInstruments, UnreadableInstrument
from tests.application.market_data.market_world import OKX, ScriptedConnector, listed
from tests.domain.trading.worlds import D

BTC, ETH = listed(OKX), listed(OKX, "ETH/USDT")
ODD = UnreadableInstrument("ETHUSDT", "a status that is not known")
NAMELESS = UnreadableInstrument(None, "it has no name")
BITCOIN = Security(
    id=SecurityId("OKX:BTC"), venue_id=OKX, symbol="BTC", type=SecurityType.CRYPTO, precision=8, scale=8,
    min_quantity=D(0), lot_size=D("0.00000001"),
)  # fmt: skip
SPEC: VenueSpec = ScriptedConnector(OKX).spec


class Noted:
    """The part of `CatalogueRepository` that a listing needs."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.ended = 0

    async def upsert_instruments(self, instruments: Sequence[Instrument]) -> None:
        self.calls.append(("write", *(each.id for each in instruments)))

    async def upsert_securities(self, securities: Sequence[Security]) -> None:
        self.calls.append(("write", *securities))

    async def deactivate_unreadable(
        self, venue_id: VenueId, external_symbols: Sequence[str], readable: Sequence[InstrumentId]
    ) -> int:
        self.calls.append(("deactivate", *external_symbols, "but", *readable))
        return self.ended

    async def delist_missing(
        self, venue_id: VenueId, listed: Sequence[InstrumentId], external_symbols: Sequence[str]
    ) -> int:
        self.calls.append(("delist all but", *listed, *external_symbols))
        return 0


def known_as(*known: Instrument | Security, changes: int = 0) -> KnownListing:
    instruments = {each.id: each for each in known if isinstance(each, Instrument)}
    securities = {each.id: each for each in known if isinstance(each, Security)}
    return KnownListing(instruments, securities, changes)


NOTHING_KNOWN = known_as()


async def calls_of(found: ListedInstruments, spec: VenueSpec = SPEC) -> list[tuple[Any, ...]]:
    noted: Any = Noted()
    await take_listing(noted, spec, as_stored(found, NOTHING_KNOWN), NOTHING_KNOWN)
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


async def test_of_an_instrument_that_is_listed_twice_nothing_is_taken() -> None:
    other = replace(ETH, description="other")
    assert await calls_of(ListedInstruments([BTC, ETH, other])) == [
        ("write", BTC.id),
        ("deactivate", ETH.external_symbol, ETH.external_symbol, "but", BTC.id),
        ("delist all but", BTC.id, ETH.external_symbol, ETH.external_symbol),
    ]


@pytest.mark.parametrize("name", ["ETH\x00", "ETH\ud800"])
async def test_a_name_that_no_database_holds_counts_as_none(name: str) -> None:
    for found in (
        ListedInstruments([BTC], [UnreadableInstrument(name, "odd")]),
        ListedInstruments([BTC, replace(ETH, external_symbol=name)]),
    ):
        assert await calls_of(found) == [("write", BTC.id), ("deactivate", "but", BTC.id)]


UNFIT: list[dict[str, Any]] = [
    {"id": InstrumentId("OKX:" + "x" * 500)},
    {"description": "\x00"},
    {"order_filters": {"steps": [{"\ud800": 1}]}},
    {"trading_hours": {"open": "\ud800"}},
    {"max_quantity": D("Infinity")},
    {"lot_size": D(0)},
    {"pip_size": D(-1)},
    {"contract_size": D(0)},
    {"base_precision": 2**31},
    {"max_open_orders": 2**31},
    {"delivery_at_ms": 2**63},
]


@pytest.mark.parametrize("unfit", UNFIT, ids=lambda unfit: next(iter(unfit)))
async def test_an_instrument_that_no_database_holds_counts_as_unreadable(unfit: dict[str, Any]) -> None:
    assert await calls_of(ListedInstruments([BTC, replace(ETH, **unfit)])) == [
        ("write", BTC.id),
        ("deactivate", ETH.external_symbol, "but", BTC.id),
        ("delist all but", BTC.id, ETH.external_symbol),
    ]


async def test_a_security_that_no_database_holds_is_left_out_and_of_one_listed_twice_the_last_counts() -> None:
    noted: Any = Noted()
    unfit = [
        replace(BITCOIN, id=SecurityId("OKX:ETH\x00")),
        replace(BITCOIN, id=SecurityId("OKX:ETH"), precision=2**31),
    ]
    last = replace(BITCOIN, scale=4)
    assert await take_securities(noted, [BITCOIN, *unfit, last], NOTHING_KNOWN)
    assert noted.calls == [("write", last)]


async def test_what_is_known_already_is_not_written_again() -> None:
    noted: Any = Noted()
    known = known_as(BTC, replace(ETH, description="as it was"), BITCOIN)
    assert not await take_listing(noted, SPEC, as_stored(ListedInstruments([BTC]), known), known)
    assert await take_listing(noted, SPEC, as_stored(ListedInstruments([BTC, ETH]), known), known)
    assert not await take_securities(noted, [BITCOIN], known)
    assert [call for call in noted.calls if call[0] == "write"] == [("write",), ("write", ETH.id), ("write",)]


async def test_what_ends_is_a_change() -> None:
    noted: Any = Noted()
    noted.ended = 1
    known = known_as(BTC)
    assert await take_listing(noted, SPEC, as_stored(ListedInstruments([BTC], [ODD]), known), known)


async def test_all_is_written_when_the_catalogue_has_changed_since_the_list_was_compared() -> None:
    noted: Any = Noted()
    listing = as_stored(ListedInstruments([BTC, ETH]), known_as(BTC, ETH))
    assert await take_listing(noted, SPEC, listing, known_as(BTC, changes=1))
    assert noted.calls[0] == ("write", BTC.id, ETH.id)
