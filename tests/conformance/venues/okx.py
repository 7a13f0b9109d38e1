"""OKX under test, account type by account type, through its simulator and over real sockets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.okx.connector import OkxConnector
from cadenza.adapters.venues.okx.spec import spec_of
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.simulators.okx.settings import MULTI_CURRENCY
from tests.conformance.harness import Capability, Prices
from tests.conformance.venues.simulated import HAS_POSITIONS, NOT_SIMULATED, SimulatedUnderTest
from tests.okx_kit import ASK, AVAILABLE, BID, FACE, SPOT, SWAP, simulated_okx


class OkxUnderTest(SimulatedUnderTest):
    """Implements `VenueUnderTest`: spot, traded with what the account has."""

    name = "OKX"
    account_type = AccountType.SPOT
    kind = InstrumentType.SPOT
    traded, another = SPOT, "ETH-USDT"
    capabilities = frozenset(Capability) - NOT_SIMULATED - {Capability.UNTRADED_MARGIN, Capability.KILLS_AT_ONCE}
    prices = Prices(BID, ASK, AVAILABLE)

    def __init__(self) -> None:
        super().__init__(
            OkxConnector(
                spec=spec_of(Environment.LIVE, base="http://127.0.0.1:9"),
                clock=None,  # type: ignore[arg-type] - it is never started
                randomness=None,  # type: ignore[arg-type]
            )
        )

    def simulated(self, directory: Path) -> AbstractAsyncContextManager[Any]:
        return simulated_okx(directory, self.clock, **self.settings)

    async def show(self, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> None:
        size = quantity / instrument.contract_size
        await self.venue.market(instrument.external_symbol, (side, price, size))

    def are_books_up_to_date(self) -> bool:
        shown = self.venue.simulator.venue.public.books
        feeds = () if self.connector.market is None else self.connector.market.feeds.values()
        return all(
            feed.is_whole and feed.sync.sequence == shown[feed.instrument.external_symbol].update_id for feed in feeds
        )


class OkxSwapUnderTest(OkxUnderTest):
    """Linear swaps: the instrument under test is a perpetual, and fills move positions."""

    name = "OKX FUTURES"
    account_type = AccountType.FUTURES
    kind = InstrumentType.PERPETUAL
    traded, another = SWAP, "ETH-USDT-SWAP"
    capabilities = OkxUnderTest.capabilities ^ HAS_POSITIONS


class OkxOptionsUnderTest(OkxSwapUnderTest):
    """Inverse options, which are quoted in what they settle in, and take no MARKET orders."""

    name = "OKX OPTIONS"
    account_type = AccountType.OPTIONS
    kind = InstrumentType.OPTION
    traded, another = "BTC-USD-301227-60000-C", "BTC-USD-301227-60000-P"
    prices = Prices(Decimal("0.1"), Decimal("0.101"), AVAILABLE)

    @asynccontextmanager
    async def simulated(self, directory: Path) -> AsyncIterator[Any]:
        async with super().simulated(directory) as venue:
            size = AVAILABLE / FACE
            levels = (Side.BUY, self.prices.bid, size), (Side.SELL, self.prices.ask, size)
            await venue.market(self.traded, *levels, clear=True)
            yield venue


class OkxMarginUnderTest(OkxUnderTest):
    """Spot in an account that may borrow: the instruments and books of spot."""

    name = "OKX MARGIN"
    account_type = AccountType.MARGIN
    capabilities = OkxUnderTest.capabilities | {Capability.UNTRADED_MARGIN}
    settings: Mapping[str, Any] = {"account_level": MULTI_CURRENCY}
