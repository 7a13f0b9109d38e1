"""The connectors that are installed. PAPER and MOCK run in this process; their state is in our database."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import SystemRandom

import asyncpg
import structlog

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.paper import PostgresExchangeLedger
from cadenza.adapters.venues.binance.connector import BinanceConnector
from cadenza.adapters.venues.binance.public_market import BinancePublicMarket
from cadenza.adapters.venues.binance.spec import spec_of as binance_spec_of
from cadenza.adapters.venues.bitfinex.connector import BitfinexConnector
from cadenza.adapters.venues.bitfinex.spec import spec_of as bitfinex_spec_of
from cadenza.adapters.venues.deribit.connector import DeribitConnector
from cadenza.adapters.venues.deribit.spec import spec_of as deribit_spec_of
from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.mock.connector import MockConnector
from cadenza.adapters.venues.mock.spec import SPEC as MOCK_SPEC
from cadenza.adapters.venues.okx.connector import OkxConnector
from cadenza.adapters.venues.okx.spec import spec_of as okx_spec_of
from cadenza.adapters.venues.paper.connector import PaperConnector
from cadenza.adapters.venues.paper.market.markets import MarketKind, MarketSettings, open_market
from cadenza.adapters.venues.paper.market.mirror import MirroredMarket
from cadenza.adapters.venues.paper.market.mirror_feeds import MirrorFeeds
from cadenza.adapters.venues.paper.market.source import MarketSource
from cadenza.adapters.venues.paper.spec import SPEC as PAPER_SPEC
from cadenza.adapters.venues.paper.spec import FeeRates, PaperVenueSettings
from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.ids import MOCK, PAPER, Environment, Venue, VenueId
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.proxies import ProxyChoice
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.venue import Connectors, VenueCondition, VenueConnector, VenueMemories, VenueStatus
from cadenza.runtime.config import NetworkedVenueConfig, Settings

log = structlog.get_logger(__name__)

PERCENT = 100
MIRROR_OF_BINANCE = "mirror:BINANCE"
MIRRORED_SYMBOLS = frozenset({"BTC/USDT", "ETH/USDT", "BTC/USDT-PERP", "ETH/USDT-PERP"})
"""PAPER's instruments that BINANCE lists as well, with steps that fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorParts:
    """What a connector is made of. PAPER commits its turns over `desk`. `memories` are those of its venue: a connector
    that has to remember nonces, sequence numbers or cursors opens a scope for each of its credentials or sessions."""

    settings: Settings
    pool: asyncpg.Pool
    desk: Connections
    clock: Clock
    failpoints: Failpoints
    memories: VenueMemories


Maker = Callable[[ConnectorParts], VenueConnector]


def wire_connectors(
    settings: Settings,
    *,
    pool: asyncpg.Pool,
    desk: Connections,
    clock: Clock,
    failpoints: Failpoints,
    memories: Callable[[VenueId], VenueMemories],
    makers: Mapping[VenueId, Maker] | None = None,
) -> Connectors:
    """Make the connectors: those of `INSTALLED` that the settings name, unless others are given."""
    installed = {venue_id: make for venue_id, make in INSTALLED.items() if str(venue_id) in settings.venues}
    return {
        venue_id: make(
            ConnectorParts(
                settings=settings,
                pool=pool,
                desk=desk,
                clock=clock,
                failpoints=failpoints,
                memories=memories(venue_id),
            )
        )
        for venue_id, make in (installed if makers is None else makers).items()
    }


def _paper(parts: ConnectorParts) -> VenueConnector:
    paper = parts.settings.paper
    source, feeds = _paper_market(parts)
    return PaperConnector(
        source=source,
        feeds=feeds,
        ledger=PostgresExchangeLedger(parts.pool, PAPER, parts.desk),
        clock=parts.clock,
        failpoints=parts.failpoints,
        settings=PaperVenueSettings(
            seed=paper.seed,
            accounts=_accounts(parts.settings),
            fees=FeeRates(maker=paper.maker_fee_rate, taker=paper.taker_fee_rate),
            latency_ms_min=paper.latency_ms_min,
            latency_ms_max=paper.latency_ms_max,
            partial_fills=paper.partial_fills,
        ),
    )


def _paper_market(parts: ConnectorParts) -> tuple[MarketSource, MirrorFeeds | None]:
    """Return PAPER's market and, where it mirrors another venue's, what keeps that alive."""
    paper = parts.settings.paper
    if paper.market == MIRROR_OF_BINANCE:
        spec = _binance_spec(Environment.LIVE, parts.settings)
        venue = BinancePublicMarket(
            spec=spec,
            clock=parts.clock,
            randomness=SystemRandom(),
            proxies=proxies_of(parts.settings, spec.venue_id),
        )
        mirrored = MirroredMarket(
            spec.venue_id, spec.order_books, MIRRORED_SYMBOLS, venue.earliest_ms, parts.clock.monotonic_ms
        )
        return mirrored, MirrorFeeds(mirrored, venue, parts.clock)
    market = MarketSettings(
        kind=MarketKind(paper.market),
        seed=paper.seed,
        recording=paper.recording_path,
        speed_percent=int(paper.recording_speed * PERCENT),
    )
    return open_market(market, start_ms=parts.clock.now_ms()), None


def _mock(parts: ConnectorParts) -> VenueConnector:
    return MockConnector(
        ledger=PostgresExchangeLedger(parts.pool, MOCK),
        clock=parts.clock,
        failpoints=parts.failpoints,
        accounts=_accounts(parts.settings),
    )


def _binance(environment: Environment, parts: ConnectorParts) -> VenueConnector:
    return BinanceConnector(
        spec=_binance_spec(environment, parts.settings),
        clock=parts.clock,
        randomness=SystemRandom(),
        memories=parts.memories,
        proxies=proxies_of(parts.settings, VenueId(Venue.BINANCE, environment)),
    )


def _binance_spec(environment: Environment, settings: Settings) -> VenueSpec:
    own = _own_settings(VenueId(Venue.BINANCE, environment), settings)
    return binance_spec_of(environment, base=own.url, urls=own.urls)


def _okx(environment: Environment, parts: ConnectorParts) -> VenueConnector:
    return OkxConnector(
        spec=_okx_spec(environment, parts.settings),
        clock=parts.clock,
        randomness=SystemRandom(),
        proxies=proxies_of(parts.settings, VenueId(Venue.OKX, environment)),
    )


def _okx_spec(environment: Environment, settings: Settings) -> VenueSpec:
    own = _own_settings(VenueId(Venue.OKX, environment), settings)
    return okx_spec_of(environment, base=own.url, urls=own.urls)


def _deribit(environment: Environment, parts: ConnectorParts) -> VenueConnector:
    return DeribitConnector(
        spec=_deribit_spec(environment, parts.settings),
        clock=parts.clock,
        randomness=SystemRandom(),
        proxies=proxies_of(parts.settings, VenueId(Venue.DERIBIT, environment)),
    )


def _deribit_spec(environment: Environment, settings: Settings) -> VenueSpec:
    own = _own_settings(VenueId(Venue.DERIBIT, environment), settings)
    return deribit_spec_of(environment, base=own.url, urls=own.urls)


def _bitfinex(environment: Environment, parts: ConnectorParts) -> VenueConnector:
    return BitfinexConnector(
        spec=_bitfinex_spec(environment, parts.settings),
        clock=parts.clock,
        randomness=SystemRandom(),
        memories=parts.memories,
        proxies=proxies_of(parts.settings, VenueId(Venue.BITFINEX, environment)),
    )


def _bitfinex_spec(environment: Environment, settings: Settings) -> VenueSpec:
    own = _own_settings(VenueId(Venue.BITFINEX, environment), settings)
    return bitfinex_spec_of(environment, base=own.url, urls=own.urls)


def _own_settings(venue_id: VenueId, settings: Settings) -> NetworkedVenueConfig:
    of_venue = {
        Venue.BINANCE: (settings.binance, settings.binance_uat),
        Venue.OKX: (settings.okx, settings.okx_uat),
        Venue.DERIBIT: (settings.deribit, settings.deribit_uat),
        Venue.BITFINEX: (settings.bitfinex, settings.bitfinex_uat),
    }
    live, test = of_venue[venue_id.venue]
    return live if venue_id.environment is Environment.LIVE else test


def proxies_of(settings: Settings, venue_id: VenueId) -> ProxyChoice:
    """Return the proxies on the way to a networked venue: its own, else those of the environment."""
    return ProxyChoice(explicit=_own_settings(venue_id, settings).proxy or None, environment=os.environ)


def _accounts(settings: Settings) -> AccountSettings:
    paper = settings.paper
    return AccountSettings(
        deposits=paper.opening_balances,
        position_mode=PositionMode(paper.position_mode),
        max_leverage=paper.leverage_max,
        open_orders_max=paper.open_orders_max,
    )


_BINANCE = {
    VenueId(Venue.BINANCE, environment): environment
    for environment in (Environment.LIVE, Environment.UAT, Environment.SANDBOX)
}
_OKX = {VenueId(Venue.OKX, environment): environment for environment in (Environment.LIVE, Environment.UAT)}
_DERIBIT = {VenueId(Venue.DERIBIT, environment): environment for environment in (Environment.LIVE, Environment.UAT)}
_BITFINEX = {VenueId(Venue.BITFINEX, environment): environment for environment in (Environment.LIVE, Environment.UAT)}
INSTALLED: Mapping[VenueId, Maker] = {
    PAPER: _paper,
    MOCK: _mock,
    **{venue_id: partial(_binance, environment) for venue_id, environment in _BINANCE.items()},
    **{venue_id: partial(_okx, environment) for venue_id, environment in _OKX.items()},
    **{venue_id: partial(_deribit, environment) for venue_id, environment in _DERIBIT.items()},
    **{venue_id: partial(_bitfinex, environment) for venue_id, environment in _BITFINEX.items()},
}
"""How the connector of each venue is made."""

SPECS: Mapping[VenueId, Callable[[Settings], VenueSpec]] = {
    PAPER: lambda settings: PAPER_SPEC,
    MOCK: lambda settings: MOCK_SPEC,
    **{venue_id: partial(_binance_spec, environment) for venue_id, environment in _BINANCE.items()},
    **{venue_id: partial(_okx_spec, environment) for venue_id, environment in _OKX.items()},
    **{venue_id: partial(_deribit_spec, environment) for venue_id, environment in _DERIBIT.items()},
    **{venue_id: partial(_bitfinex_spec, environment) for venue_id, environment in _BITFINEX.items()},
}
"""What the venue of each connector can do, known without making the connector."""


def spec_of(settings: Settings, venue_id: VenueId) -> VenueSpec | None:
    """Return what a venue can do; None when it has no connector."""
    make = SPECS.get(venue_id)
    return None if make is None else make(settings)


def log_condition(venue_id: VenueId, condition: VenueCondition) -> None:
    """Log how a venue is from now on."""
    write = log.info if condition.status is VenueStatus.ONLINE and condition.cause is None else log.warning
    facts = {} if condition.detail is None else {"detail": condition.detail}
    write("venue", venue=str(venue_id), status=condition.status.value, cause=condition.cause, **facts)
