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
from cadenza.adapters.venues.binance.spec import spec_of
from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.mock.connector import MockConnector
from cadenza.adapters.venues.mock.spec import SPEC as MOCK_SPEC
from cadenza.adapters.venues.paper.connector import PaperConnector
from cadenza.adapters.venues.paper.market.markets import MarketKind, MarketSettings, open_market
from cadenza.adapters.venues.paper.market.mirror import MirroredMarket
from cadenza.adapters.venues.paper.market.mirror_feeds import MirrorFeeds
from cadenza.adapters.venues.paper.market.source import MarketSource
from cadenza.adapters.venues.paper.spec import SPEC as PAPER_SPEC
from cadenza.adapters.venues.paper.spec import FeeRates, PaperVenueSettings
from cadenza.application.market_data.run_venues import VenueCondition
from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import MOCK, PAPER, Environment, Venue, VenueId
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.proxies import ProxyChoice
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.venue import Connectors, VenueConnector, VenueMemories, VenueMemory, VenueStatus
from cadenza.runtime.config import Settings

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
        own = parts.settings.binance
        spec = spec_of(Environment.LIVE, base=own.url, urls=own.urls)
        mirrored = MirroredMarket(spec.venue_id, spec.order_books, MIRRORED_SYMBOLS)
        venue = BinancePublicMarket(
            spec=spec,
            clock=parts.clock,
            randomness=SystemRandom(),
            proxies=ProxyChoice(explicit=own.proxy or None, environment=os.environ),
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
    return _binance_of(parts.settings, environment, parts.clock, parts.memories)


def _binance_of(
    settings: Settings, environment: Environment, clock: Clock, memories: VenueMemories
) -> BinanceConnector:
    own = settings.binance if environment is Environment.LIVE else settings.binance_uat
    return BinanceConnector(
        spec=_binance_spec(settings, environment),
        clock=clock,
        randomness=SystemRandom(),
        memories=memories,
        proxies=ProxyChoice(explicit=own.proxy or None, environment=os.environ),
    )


def _binance_spec(settings: Settings, environment: Environment) -> VenueSpec:
    own = settings.binance if environment is Environment.LIVE else settings.binance_uat
    return spec_of(environment, base=own.url, urls=own.urls)


def specs_of(settings: Settings) -> Mapping[VenueId, VenueSpec]:
    """Return what each installed venue can do, whether it is connected or not."""
    binance = {id: _binance_spec(settings, id.environment) for id in INSTALLED if id.venue is Venue.BINANCE}
    return {PAPER: PAPER_SPEC, MOCK: MOCK_SPEC, **binance}


class _NoMemories:
    """A connector that opens no session remembers nothing."""

    async def open(self, scope: str) -> VenueMemory:
        raise DatabaseUnavailable("no session is opened here")


def outside_connector(settings: Settings, venue_id: VenueId, clock: Clock) -> VenueConnector:
    """Return a connector of a venue outside that reads what is public; it opens no sessions."""
    return _binance_of(settings, venue_id.environment, clock, _NoMemories())


def _accounts(settings: Settings) -> AccountSettings:
    paper = settings.paper
    return AccountSettings(
        deposits=paper.opening_balances,
        position_mode=PositionMode(paper.position_mode),
        max_leverage=paper.leverage_max,
        open_orders_max=paper.open_orders_max,
    )


INSTALLED: Mapping[VenueId, Maker] = {PAPER: _paper, MOCK: _mock} | {
    VenueId(Venue.BINANCE, environment): partial(_binance, environment)
    for environment in (Environment.LIVE, Environment.UAT, Environment.SANDBOX)
}
"""How the connector of each venue is made."""


def log_condition(venue_id: VenueId, condition: VenueCondition) -> None:
    """Log how a venue is from now on."""
    write = log.info if condition.status is VenueStatus.ONLINE and condition.cause is None else log.warning
    write("venue", venue=str(venue_id), status=condition.status.value, cause=condition.cause)
