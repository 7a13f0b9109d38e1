"""The PAPER venue: a real book, simulated money."""

from cadenza.adapters.venues.inhouse.connector import InHouseConnector
from cadenza.adapters.venues.paper.execution import PaperFloor
from cadenza.adapters.venues.paper.market import MarketSource
from cadenza.adapters.venues.paper.spec import ORDER_ID_PREFIX, PaperSettings
from cadenza.domain.ids import PAPER
from cadenza.ports.clock import Clock
from cadenza.ports.failpoints import Failpoints
from cadenza.ports.paper_ledger import PaperLedger


class PaperConnector(InHouseConnector):
    """Implements `VenueConnector` over a market. State lives in `ledger` and survives any crash."""

    def __init__(
        self,
        *,
        source: MarketSource,
        ledger: PaperLedger,
        clock: Clock,
        failpoints: Failpoints,
        settings: PaperSettings,
    ) -> None:
        super().__init__(
            venue_id=PAPER,
            floor=PaperFloor(source, settings),
            ledger=ledger,
            clock=clock,
            failpoints=failpoints,
            limits=settings.limits,
            accounts=settings.accounts,
            prefix=ORDER_ID_PREFIX,
            script_of=lambda order: None,
        )
