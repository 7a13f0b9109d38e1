"""BITFINEX under test, account type by account type, through its simulator and over real sockets."""

from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.bitfinex.connector import BitfinexConnector
from cadenza.adapters.venues.bitfinex.spec import spec_of
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from tests.bitfinex_kit import ASK, AVAILABLE, BID, DERIVATIVE, PAIR, PAPER_PAIR, simulated_bitfinex
from tests.conformance.harness import Capability, Prices
from tests.conformance.venues.simulated import HAS_POSITIONS, NOT_SIMULATED, SimulatedUnderTest
from tests.simulated_kit import MemoryVenueMemories

_STRICT = {Capability.UNLISTED_MARGIN_RATES, Capability.KILLS_AT_ONCE}
"""Weaker promises that the venue does not need."""


class BitfinexUnderTest(SimulatedUnderTest):
    """Implements `VenueUnderTest`: pairs, traded with the exchange wallet."""

    name = "BITFINEX"
    account_type = AccountType.SPOT
    kind = InstrumentType.SPOT
    traded, another = PAIR, "tETHUSD"
    capabilities = (frozenset(Capability) - NOT_SIMULATED - _STRICT) | {Capability.TRIGGERS_AT_ONCE}
    prices = Prices(BID, ASK, AVAILABLE)
    environment = Environment.LIVE

    def __init__(self) -> None:
        super().__init__(
            BitfinexConnector(
                spec=spec_of(self.environment, base="http://127.0.0.1:9"),
                clock=None,  # type: ignore[arg-type] - it is never started
                randomness=None,  # type: ignore[arg-type]
                memories=MemoryVenueMemories(),
            )
        )

    def simulated(self, directory: Path) -> AbstractAsyncContextManager[Any]:
        return simulated_bitfinex(directory, self.clock, environment=self.environment, **self.settings)

    async def show(self, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> None:
        await self.venue.market(instrument.external_symbol, (side, price, quantity))

    def place_request(self, order: Order) -> str:
        return "order.submit"

    def are_books_up_to_date(self) -> bool:
        feeds = () if self.connector.market is None else self.connector.market.feeds.values()
        return all(feed.is_whole for feed in feeds)


class BitfinexPaperUnderTest(BitfinexUnderTest):
    """Pairs of paper currencies, in a paper trading sub-account."""

    name = "BITFINEX_UAT"
    traded, another = PAPER_PAIR, "tTESTBTC:TESTUSDT"
    environment = Environment.UAT


class BitfinexMarginUnderTest(BitfinexUnderTest):
    """Pairs on margin: fills move positions."""

    name = "BITFINEX MARGIN"
    account_type = AccountType.MARGIN
    capabilities = BitfinexUnderTest.capabilities ^ HAS_POSITIONS


class BitfinexFuturesUnderTest(BitfinexUnderTest):
    """Perpetual derivatives."""

    name = "BITFINEX FUTURES"
    account_type = AccountType.FUTURES
    kind = InstrumentType.PERPETUAL
    traded, another = DERIVATIVE, "tETHF0:USTF0"
    capabilities = BitfinexUnderTest.capabilities ^ HAS_POSITIONS
