"""Reading the catalogue of OKX: one list for each kind of instruments, and of options one for each underlying."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.adapters.venues.okx.endpoints import INSTRUMENTS, TICK_BANDS, UNDERLYINGS
from cadenza.adapters.venues.okx.parse import rows_of
from cadenza.adapters.venues.okx.parse_instruments import (
    ReadInstruments,
    RefusedInstrument,
    read_instruments,
    with_tick_bands,
)
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import VenueId
from cadenza.domain.market.instrument import Instrument

_WHOLE_LISTS = ("SPOT", "SWAP", "FUTURES")
_OPTIONS = "OPTION"


@dataclass(frozen=True, slots=True)
class ReadCatalogue:
    """All that the venue lists: what could be read, and what could not."""

    instruments: tuple[Instrument, ...]
    refused: tuple[RefusedInstrument, ...]


async def read_catalogue(rest: OkxRest, venue_id: VenueId) -> ReadCatalogue:
    """Return what the venue lists. It is parsed in a thread. Raises `VenueUnavailable`, also when an answer as a whole
    cannot be read: a list is complete or there is none."""
    asked: list[Mapping[str, str]] = [{"instType": kind} for kind in _WHOLE_LISTS]
    asked += [{"instType": _OPTIONS, "uly": each} for each in await _option_underlyings(rest)]
    lists = [await _read(rest, venue_id, query) for query in asked]
    bands = await rest.read(TICK_BANDS, {"instType": _OPTIONS})
    try:
        lists = [*lists[: len(_WHOLE_LISTS)], *(with_tick_bands(each, bands) for each in lists[len(_WHOLE_LISTS) :])]
    except UnreadablePayload as error:
        raise VenueUnavailable(f"OKX answered with no steps of prices: {error}") from error
    return ReadCatalogue(
        tuple(each for found in lists for each in found.instruments),
        tuple(each for found in lists for each in found.refused),
    )


async def _read(rest: OkxRest, venue_id: VenueId, query: Mapping[str, str]) -> ReadInstruments:
    body = await rest.read(INSTRUMENTS, query)
    try:
        return await asyncio.to_thread(read_instruments, body, venue_id)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"OKX answered with no catalogue of {query['instType']}: {error}") from error


async def _option_underlyings(rest: OkxRest) -> Sequence[str]:
    """The answer is a list of one list of names."""
    body = await rest.read(UNDERLYINGS, {"instType": _OPTIONS})
    try:
        return [name for row in rows_of(body) for name in decode(list[str], row)]
    except UnreadablePayload as error:
        raise VenueUnavailable(f"OKX answered with no underlyings of options: {error}") from error
