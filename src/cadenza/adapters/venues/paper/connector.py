"""The PAPER venue: a realistic book and simulated money."""

from cadenza.adapters.venues.inhouse.connector import InHouseConnector
from cadenza.adapters.venues.paper.execution import PaperExchange
from cadenza.adapters.venues.paper.market import MarketSource
from cadenza.adapters.venues.paper.spec import SPEC, PaperVenueSettings
from cadenza.ports.clock import Clock
from cadenza.ports.exchange_ledger import ExchangeLedger
from cadenza.ports.failpoints import Failpoints


class PaperConnector(InHouseConnector):
    """Implements `VenueConnector` over a market. `ledger` stores all state, so it survives any crash."""

    def __init__(
        self,
        *,
        source: MarketSource,
        ledger: ExchangeLedger,
        clock: Clock,
        failpoints: Failpoints,
        settings: PaperVenueSettings,
    ) -> None:
        super().__init__(
            spec=SPEC,
            exchange=PaperExchange(source, settings),
            ledger=ledger,
            clock=clock,
            failpoints=failpoints,
            limits=settings.limits,
            accounts=settings.accounts,
            script_of=lambda order: None,
        )
