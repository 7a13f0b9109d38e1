"""Probes of networked venues, for the command line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import SystemRandom

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.probe import BinanceProbe
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.kit.probe import VenueProbe
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.ids import Venue, VenueId
from cadenza.network.http import HttpClient
from cadenza.network.tls import client_tls
from cadenza.runtime.config import Settings
from cadenza.runtime.local import SystemClock
from cadenza.runtime.wiring.venues import proxies_of, spec_of

PROBED = frozenset({Venue.BINANCE})
"""The venues that have a probe."""


@asynccontextmanager
async def open_probe(
    settings: Settings, venue_id: VenueId, type: CredentialType, secrets: Secrets
) -> AsyncIterator[VenueProbe]:
    """Make the probe of a venue in `PROBED`; its connections are closed on leaving. Raises `InvalidCredential`."""
    spec = spec_of(settings, venue_id)
    assert spec is not None
    signer = BinanceSigner(type, secrets)
    clock = SystemClock()
    randomness, proxies = SystemRandom(), proxies_of(settings, venue_id)
    tls = await asyncio.to_thread(client_tls)
    http = HttpClient(clock=clock, randomness=randomness, tls=tls, proxies=proxies)
    rest = BinanceRest(urls=spec.urls, http=http, clock=clock)
    try:
        for market in (BinanceMarket.SPOT, BinanceMarket.USDM):
            await rest.clock_of(market).measure()
        yield BinanceProbe(
            spec=spec, rest=rest, signer=signer, clock=clock, randomness=randomness, tls=tls, proxies=proxies
        )
    finally:
        await http.close()
        rest.close()
