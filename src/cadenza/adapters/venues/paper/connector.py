"""The PAPER venue: a realistic book and simulated money."""

from cadenza.adapters.venues.inhouse.connector import InHouseConnector
from cadenza.adapters.venues.paper.execution import PaperExchange
from cadenza.adapters.venues.paper.market import MarketSource
from cadenza.adapters.venues.paper.market.mirror_feeds import MirrorFeeds
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
        feeds: MirrorFeeds | None = None,
    ) -> None:
        """`feeds` keep a mirrored market alive."""
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
        self._feeds = feeds

    async def start(self) -> None:
        await super().start()
        if self._feeds is not None:
            self._feeds.start()

    async def stop(self) -> None:
        if self._feeds is not None:
            await self._feeds.stop()
        await super().stop()
