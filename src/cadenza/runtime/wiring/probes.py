"""Probes of networked venues, for the command line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import SystemRandom

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.probe import BinanceProbe
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.adapters.venues.bitfinex.market_data import feed_parts as bitfinex_feeds
from cadenza.adapters.venues.bitfinex.probe import BitfinexProbe
from cadenza.adapters.venues.bitfinex.probe_key import ProbeKey
from cadenza.adapters.venues.bitfinex.probe_market import BookProbe
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.sockets import PUBLIC_CONNECTS, STREAM_LIMITS
from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.probe import DeribitProbe
from cadenza.adapters.venues.deribit.rest import DeribitRest
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.probe import VenueProbe
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.probe import OkxProbe
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.ids import Environment, Venue
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.http import HttpClient
from cadenza.network.tls import client_tls
from cadenza.runtime.config import Settings
from cadenza.runtime.local import SystemClock
from cadenza.runtime.wiring.venues import proxies_of


@asynccontextmanager
async def _binance(
    settings: Settings, spec: VenueSpec, type: CredentialType, secrets: Secrets
) -> AsyncIterator[VenueProbe]:
    signer, clock, randomness = BinanceSigner(type, secrets), SystemClock(), SystemRandom()
    proxies = proxies_of(settings, spec.venue_id)
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


@asynccontextmanager
async def _okx(
    settings: Settings, spec: VenueSpec, type: CredentialType, secrets: Secrets
) -> AsyncIterator[VenueProbe]:
    signer, clock = OkxSigner(type, secrets), SystemClock()
    tls = await asyncio.to_thread(client_tls)
    proxies = proxies_of(settings, spec.venue_id)
    http = HttpClient(clock=clock, randomness=SystemRandom(), tls=tls, proxies=proxies)
    is_demo = spec.venue_id.environment is Environment.UAT
    rest = OkxRest(urls=spec.urls, http=http, clock=clock, is_demo=is_demo)
    try:
        await rest.clock.measure()
        yield OkxProbe(venue_id=spec.venue_id, rest=rest, signer=signer, clock=clock)
    finally:
        await http.close()
        rest.close()


@asynccontextmanager
async def _deribit(
    settings: Settings, spec: VenueSpec, type: CredentialType, secrets: Secrets
) -> AsyncIterator[VenueProbe]:
    signer, clock, randomness = DeribitSigner(type, secrets), SystemClock(), SystemRandom()
    tls = await asyncio.to_thread(client_tls)
    proxies = proxies_of(settings, spec.venue_id)
    http = HttpClient(clock=clock, randomness=randomness, tls=tls, proxies=proxies)
    rest = DeribitRest(urls=spec.urls, http=http, clock=clock, randomness=randomness)
    try:
        await rest.clock.measure()
        yield DeribitProbe(venue_id=spec.venue_id, rest=rest, signer=signer, clock=clock)
    finally:
        await http.close()
        rest.close()


@asynccontextmanager
async def _bitfinex(
    settings: Settings, spec: VenueSpec, type: CredentialType, secrets: Secrets
) -> AsyncIterator[VenueProbe]:
    signer, clock, randomness = BitfinexSigner(type, secrets), SystemClock(), SystemRandom()
    tls = await asyncio.to_thread(client_tls)
    proxies = proxies_of(settings, spec.venue_id)
    http = HttpClient(clock=clock, randomness=randomness, tls=tls, proxies=proxies)
    rest = BitfinexRest(urls=spec.urls, http=http, clock=clock)
    connects = ConnectPace(clock, PUBLIC_CONNECTS)
    feeds = bitfinex_feeds(
        spec=spec,
        venue_clock=rest.clock,
        clock=clock,
        randomness=randomness,
        tls=tls,
        proxies=proxies,
        connects=connects,
        limits=STREAM_LIMITS,
    )
    try:
        await rest.clock.measure()
        yield BitfinexProbe(
            venue_id=spec.venue_id, rest=rest, key=ProbeKey(signer, clock), books=BookProbe(feeds), clock=clock
        )
    finally:
        connects.close()
        await http.close()
        rest.close()


_PROBES = {Venue.BINANCE: _binance, Venue.OKX: _okx, Venue.DERIBIT: _deribit, Venue.BITFINEX: _bitfinex}
PROBED = frozenset(_PROBES)
"""The venues that have a probe."""


def open_probe(
    settings: Settings, spec: VenueSpec, type: CredentialType, secrets: Secrets
) -> AbstractAsyncContextManager[VenueProbe]:
    """Make the probe of a venue in `PROBED`; its connections are closed on leaving. Entering raises
    `InvalidCredential`."""
    return _PROBES[spec.venue_id.venue](settings, spec, type, secrets)
