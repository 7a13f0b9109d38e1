"""BINANCE under test, market by market, through its simulator and over real sockets."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.binance.connector import BinanceConnector
from cadenza.adapters.venues.binance.spec import GOOD_TILL_MS_MIN, spec_of
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.simulators.binance.settings import DEPOSITS
from tests.binance_kit import ASK, AVAILABLE, BID, simulated_binance
from tests.conformance.harness import Capability, Prices
from tests.conformance.venues.simulated import HAS_POSITIONS, NOT_SIMULATED, SimulatedUnderTest


class BinanceUnderTest(SimulatedUnderTest):
    """Implements `VenueUnderTest`."""

    name = "BINANCE"
    market = "spot"
    account_type = AccountType.SPOT
    kind = InstrumentType.SPOT
    traded, another = "BTCUSDT", "ETHUSDT"
    capabilities = frozenset(Capability) - NOT_SIMULATED - {Capability.ENDS_LATER}
    prices = Prices(BID, ASK, AVAILABLE)

    def __init__(self) -> None:
        super().__init__(
            BinanceConnector(
                spec=spec_of(Environment.LIVE, base="http://127.0.0.1:9"),
                clock=None,  # type: ignore[arg-type] - it is never started
                randomness=None,  # type: ignore[arg-type]
                memories=None,  # type: ignore[arg-type]
            )
        )

    def simulated(self, directory: Path) -> AbstractAsyncContextManager[Any]:
        return simulated_binance(directory, self.clock, **self.settings)

    async def show(self, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> None:
        await self.venue.market(instrument.external_symbol, (side, price, quantity), market=self.market)

    def are_books_up_to_date(self) -> bool:
        venue = self.venue.simulator.venue
        shown = venue.usdm.feeds if self.market == "usdm" else venue.spot.feeds
        desks = () if self.connector.market is None else self.connector.market.desks.values()
        feeds = [feed for desk in desks for feed in desk.feeds.values()]
        return all(feed.is_whole and feed.sync.sequence == shown[feed.symbol].update_id for feed in feeds)


class BinanceUsdmUnderTest(BinanceUnderTest):
    """USD-M: the instrument under test is a perpetual, and fills move positions."""

    name = "BINANCE USD-M"
    market = "usdm"
    account_type = AccountType.FUTURES
    kind = InstrumentType.PERPETUAL
    capabilities = BinanceUnderTest.capabilities ^ HAS_POSITIONS
    ends_after_ms = 2 * GOOD_TILL_MS_MIN


class BinanceMarginUnderTest(BinanceUnderTest):
    """Cross margin: the instruments and books of spot, and fills that may move debts."""

    name = "BINANCE MARGIN"
    account_type = AccountType.MARGIN
    settings: Mapping[str, Any] = {"margin_deposits": DEPOSITS}
