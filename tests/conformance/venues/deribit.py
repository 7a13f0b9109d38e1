"""DERIBIT under test, account type by account type, through its simulator and over real sockets."""

from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.deribit.connector import DeribitConnector
from cadenza.adapters.venues.deribit.mapping import METHODS
from cadenza.adapters.venues.deribit.spec import spec_of
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from tests.conformance.harness import Capability, Prices
from tests.conformance.venues.simulated import HAS_POSITIONS, NOT_SIMULATED, SimulatedUnderTest
from tests.deribit_kit import (
    ASK,
    AVAILABLE,
    BID,
    LINEAR,
    OPTION,
    OPTION_ASK,
    OPTION_AVAILABLE,
    OPTION_BID,
    SPOT,
    simulated_deribit,
)


class DeribitUnderTest(SimulatedUnderTest):
    """Implements `VenueUnderTest`: linear perpetuals, whose fills move positions."""

    name = "DERIBIT"
    account_type = AccountType.FUTURES
    kind = InstrumentType.PERPETUAL
    traded, another = LINEAR, "ETH_USDC-PERPETUAL"
    capabilities = frozenset(Capability) - NOT_SIMULATED ^ HAS_POSITIONS
    prices = Prices(BID, ASK, AVAILABLE)
    cancel_request = "private/cancel"

    def __init__(self) -> None:
        super().__init__(
            DeribitConnector(
                spec=spec_of(Environment.LIVE, base="http://127.0.0.1:9"),
                clock=None,  # type: ignore[arg-type] - it is never started
                randomness=None,  # type: ignore[arg-type]
            )
        )

    def simulated(self, directory: Path) -> AbstractAsyncContextManager[Any]:
        return simulated_deribit(directory, self.clock, **self.settings)

    async def show(self, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> None:
        await self.venue.market(instrument.external_symbol, (side, price, quantity))

    def place_request(self, order: Order) -> str:
        return METHODS[order.side]

    def are_books_up_to_date(self) -> bool:
        shown = self.venue.simulator.venue.feeds
        feeds = () if self.connector.market is None else self.connector.market.feeds.values()
        return all(
            feed.is_whole and feed.sync.sequence == shown.book(feed.instrument.external_symbol).change_id
            for feed in feeds
        )


class DeribitSpotUnderTest(DeribitUnderTest):
    """Pairs, in the account whose money is also the collateral of positions."""

    name = "DERIBIT MARGIN"
    account_type = AccountType.MARGIN
    kind = InstrumentType.SPOT
    traded, another = SPOT, "ETH_USDC"
    capabilities = DeribitUnderTest.capabilities ^ HAS_POSITIONS


class DeribitOptionsUnderTest(DeribitUnderTest):
    """Linear options."""

    name = "DERIBIT OPTIONS"
    account_type = AccountType.OPTIONS
    kind = InstrumentType.OPTION
    traded, another = OPTION, "BTC-27DEC30-60000-C"
    prices = Prices(OPTION_BID, OPTION_ASK, OPTION_AVAILABLE)
