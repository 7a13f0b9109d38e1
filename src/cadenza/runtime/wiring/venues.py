"""The connectors that are installed. PAPER and MOCK run in this process; their state is in our database."""

import asyncpg
import structlog

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.paper import PostgresExchangeLedger
from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.mock.connector import MockConnector
from cadenza.adapters.venues.paper.connector import PaperConnector
from cadenza.adapters.venues.paper.market.markets import MarketKind, MarketSettings, open_market
from cadenza.adapters.venues.paper.spec import FeeRates, PaperVenueSettings
from cadenza.application.market_data.run_venues import VenueCondition
from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.ids import MOCK, PAPER, VenueId
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.venue import Connectors, VenueStatus
from cadenza.runtime.config import Settings

log = structlog.get_logger(__name__)

PERCENT = 100


def wire_connectors(
    settings: Settings, *, pool: asyncpg.Pool, desk: Connections, clock: Clock, failpoints: Failpoints
) -> Connectors:
    """Make the connectors as the settings say. PAPER commits its turns over `desk`."""
    paper = settings.paper
    accounts = AccountSettings(
        deposits=paper.opening_balances,
        position_mode=PositionMode(paper.position_mode),
        max_leverage=paper.leverage_max,
        open_orders_max=paper.open_orders_max,
    )
    market = MarketSettings(
        kind=MarketKind(paper.market),
        seed=paper.seed,
        recording=paper.recording_path,
        speed_percent=int(paper.recording_speed * PERCENT),
    )
    return {
        PAPER: PaperConnector(
            source=open_market(market, start_ms=clock.now_ms()),
            ledger=PostgresExchangeLedger(pool, PAPER, desk),
            clock=clock,
            failpoints=failpoints,
            settings=PaperVenueSettings(
                seed=paper.seed,
                accounts=accounts,
                fees=FeeRates(maker=paper.maker_fee_rate, taker=paper.taker_fee_rate),
                latency_ms_min=paper.latency_ms_min,
                latency_ms_max=paper.latency_ms_max,
                partial_fills=paper.partial_fills,
            ),
        ),
        MOCK: MockConnector(
            ledger=PostgresExchangeLedger(pool, MOCK), clock=clock, failpoints=failpoints, accounts=accounts
        ),
    }


def log_condition(venue_id: VenueId, condition: VenueCondition) -> None:
    """Log how a venue is from now on."""
    write = log.info if condition.status is VenueStatus.ONLINE and condition.cause is None else log.warning
    write("venue", venue=str(venue_id), status=condition.status.value, cause=condition.cause)
