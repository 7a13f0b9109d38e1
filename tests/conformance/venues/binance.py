"""BINANCE under test, market by market, through its simulator and over real sockets."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.adapters.venues.binance.connector import BinanceConnector
from cadenza.adapters.venues.binance.spec import spec_of
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.ids import Environment, InstrumentId
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import ExecutionSession
from cadenza.simulators.binance.settings import DEPOSITS
from tests.binance_kit import ASK, AVAILABLE, BID, MovableClock, SimulatedBinance, simulated_binance
from tests.conformance.harness import Capability, Prices
from tests.inhouse_kit import START_MS, until

WARM_UP_MS = 60_000
"""The venue starts so long before the suite's first instant."""

_WITHOUT = {
    Capability.MARGIN,
    Capability.BURIES,
    Capability.ODD_TEXT,
    Capability.ONE_ORDER_PER_ID,
    Capability.REMEMBERS_REFUSALS,
    Capability.RESERVES_FEES,
    Capability.ENDS_SOON,
    Capability.REPEATS,
    Capability.DISORDER,
    Capability.SILENCE,
    Capability.CORRECTIONS,
    Capability.LATE_FEES,
    Capability.SLOW_REPLIES,
    Capability.SLOW_CANCELS,
    Capability.DROPS_UNSENT,
}


class BinanceUnderTest:
    """Implements `VenueUnderTest`."""

    name = "BINANCE"
    market = "spot"
    account_type = AccountType.SPOT
    kind = InstrumentType.SPOT
    capabilities = frozenset(Capability) - _WITHOUT
    prices = Prices(BID, ASK, AVAILABLE)
    settings: Mapping[str, Any] = {}
    """Those of the simulator."""

    def __init__(self) -> None:
        self.clock = MovableClock(START_MS - WARM_UP_MS)
        self.connector = BinanceConnector(
            spec=spec_of(Environment.LIVE, base="http://127.0.0.1:9"),
            clock=self.clock,
            randomness=None,  # type: ignore[arg-type] - it is never started
            memories=None,  # type: ignore[arg-type]
        )
        self._stack = AsyncExitStack()
        self._venue: SimulatedBinance | None = None
        self._listed: dict[str, Instrument] = {}
        self._shown: dict[str, Decimal] = {}
        self.secrets = self.other_secrets = Secrets("", "", None)

    @property
    def venue(self) -> SimulatedBinance:
        assert self._venue is not None
        return self._venue

    @property
    def spot(self) -> Instrument:
        return self._listed["BTCUSDT"]

    @property
    def perpetual(self) -> Instrument:
        """Another instrument: there are no derivatives."""
        return self._listed["ETHUSDT"]

    async def start(self) -> None:
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._venue = await self._stack.enter_async_context(simulated_binance(directory, self.clock, **self.settings))
        self.secrets, self.other_secrets = self.venue.secrets(), self.venue.other_secrets()
        self.connector = self.venue.connector()
        await self.connector.start()
        listed = [each for each in (await self.connector.instruments()).instruments if each.type is self.kind]
        self._listed = {each.external_symbol: each for each in listed}
        self.clock.advance(START_MS - self.clock.now_ms())

    async def stop(self) -> None:
        await self.connector.stop()
        await self._stack.aclose()

    async def restart(self) -> None:
        await self.connector.stop()
        self.connector = self.venue.connector()
        await self.connector.start()

    async def pass_time(self, duration_ms: int) -> None:
        """The books that are open have caught up then."""
        self.clock.advance(duration_ms)
        await until(self._are_books_up_to_date, "the books' changes")

    def to_be_filled(self, order: Order) -> Order:
        return order

    async def fill_up_to(self, order: Order, executed: Decimal) -> None:
        """The market comes to the order's price with what is missing, and leaves with what it did not get."""
        assert order.limit_price is not None
        before = self._shown.get(str(order.id), Decimal(0))
        self._shown[str(order.id)] = executed
        symbol, side = self._symbol(order.instrument_id), order.side.opposite
        for shown in (executed - before, Decimal(0)):
            await self.venue.market(symbol, (side, order.limit_price, shown), market=self.market)

    async def losing_reply(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        await self.venue.fault("order.place", "reset_after")
        return await session.submit(order)

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        await self.venue.fault("order.place", "reset_before")
        return await session.submit(order)

    async def break_feed(self) -> None:
        await self.venue.cut()
        await until(lambda: not self._are_books_up_to_date(), "the loss of the feeds")
        await until(self._are_books_up_to_date, "the feeds' return")

    async def break_stream(self, session: ExecutionSession) -> None:
        await self.venue.hold_stream_down()
        await until(lambda: not session.is_caught_up(), "the loss of the stream")

    async def restore_stream(self, session: ExecutionSession) -> None:
        await self.venue.disarm()

        def is_back() -> bool:
            self.clock.advance(5)
            return session.is_caught_up()

        await until(is_back, "the stream's return")

    async def say_odd(self, account: TradingAccount) -> None:
        raise NotImplementedError

    def _are_books_up_to_date(self) -> bool:
        venue = self.venue.simulator.venue
        shown = venue.usdm.feeds if self.market == "usdm" else venue.spot.feeds
        desks = () if self.connector.market is None else self.connector.market.desks.values()
        feeds = [feed for desk in desks for feed in desk.feeds.values()]
        return all(feed.is_whole and feed.sync.sequence == shown[feed.symbol].update_id for feed in feeds)

    def _symbol(self, id: InstrumentId) -> str:
        return next(symbol for symbol, instrument in self._listed.items() if instrument.id == id)


class BinanceUsdmUnderTest(BinanceUnderTest):
    """USD-M: the instrument under test is a perpetual, and fills move positions."""

    name = "BINANCE USD-M"
    market = "usdm"
    account_type = AccountType.FUTURES
    kind = InstrumentType.PERPETUAL
    capabilities = BinanceUnderTest.capabilities - {
        Capability.MOVES_ASSETS,
    }


class BinanceMarginUnderTest(BinanceUnderTest):
    """Cross margin: the instruments and books of spot, and fills that may move debts."""

    name = "BINANCE MARGIN"
    account_type = AccountType.MARGIN
    settings: Mapping[str, Any] = {"margin_deposits": DEPOSITS}
