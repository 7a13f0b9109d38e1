"""Reading the catalogues of BINANCE's markets."""

import asyncio
from collections.abc import Mapping

from cadenza.adapters.venues.binance.credential import Parameters
from cadenza.adapters.venues.binance.endpoints import ENDPOINTS, BinanceMarket
from cadenza.adapters.venues.binance.market_desk import MarketReader
from cadenza.adapters.venues.binance.parse_instruments import ReadCatalogue, spot_catalogue, usdm_catalogue
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import VenueId

_READERS = {BinanceMarket.SPOT: spot_catalogue, BinanceMarket.USDM: usdm_catalogue}
CATALOGUE_PARAMETERS: Mapping[BinanceMarket, Parameters] = {
    BinanceMarket.SPOT: {"showPermissionSets": "false"},
    BinanceMarket.USDM: {},
}
"""Without the sets of permissions the list of spot is a fraction of its size, and nothing here reads them."""


async def read_catalogue(rest: MarketReader, market: BinanceMarket, venue_id: VenueId) -> ReadCatalogue:
    """Return what a market lists, and the symbols that could not be read. It is parsed in a thread. Raises
    `VenueUnavailable`, also when the reply as a whole cannot be read: a list is complete or there is none."""
    body = await rest.read(market, ENDPOINTS[market].exchange_info, CATALOGUE_PARAMETERS[market])
    try:
        return await asyncio.to_thread(_READERS[market], body, venue_id)
    except UnreadablePayload as error:
        raise VenueUnavailable(f"BINANCE answered with no catalogue of {market.value}: {error}") from error
