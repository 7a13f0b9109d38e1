"""A networked venue under test, through its simulator and over real sockets: what all of them share."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import ExecutionSession, VenueConnector
from tests.conformance.harness import Capability, Prices
from tests.inhouse_kit import START_MS, until
from tests.simulated_kit import MovableClock

WARM_UP_MS = 60_000
"""The venue starts so long before the suite's first instant."""

NOT_SIMULATED = {
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
    Capability.TRIGGERS_AT_ONCE,
}
"""What no simulator is made to do here."""


class SimulatedUnderTest:
    """Implements `VenueUnderTest` but for what one venue has of its own."""

    name: str
    account_type: AccountType
    kind: InstrumentType
    traded: str
    """The venue's name of the instrument under test."""
    another: str
    capabilities: frozenset[Capability]
    prices: Prices
    settings: Mapping[str, Any] = {}
    """Those of the simulator."""

    def __init__(self, idle: VenueConnector) -> None:
        """`idle` is a connector that is never started: it shows what the venue can do before the simulator runs."""
        self.clock = MovableClock(START_MS - WARM_UP_MS)
        self.connector: Any = idle
        self._stack = AsyncExitStack()
        self._venue: Any = None
        self._listed: dict[str, Instrument] = {}
        self._shown: dict[str, Decimal] = {}
        self.secrets = self.other_secrets = Secrets("", "", None)

    def simulated(self, directory: Path) -> AbstractAsyncContextManager[Any]:
        """Return the simulator, which runs in its context."""
        raise NotImplementedError

    async def show(self, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Display a level, in quantities of ours."""
        raise NotImplementedError

    def are_books_up_to_date(self) -> bool:
        """Whether every open book has what the venue shows."""
        raise NotImplementedError

    @property
    def venue(self) -> Any:
        assert self._venue is not None
        return self._venue

    @property
    def spot(self) -> Instrument:
        return self._listed[self.traded]

    @property
    def perpetual(self) -> Instrument:
        """Another instrument: there are no derivatives beside."""
        return self._listed[self.another]

    async def start(self) -> None:
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._venue = await self._stack.enter_async_context(self.simulated(directory))
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
        await until(self.are_books_up_to_date, "the books' changes")

    def to_be_filled(self, order: Order) -> Order:
        return order

    async def fill_up_to(self, order: Order, executed: Decimal) -> None:
        """The market comes to the order's price with what is missing, and leaves with what it did not get."""
        assert order.limit_price is not None
        before = self._shown.get(str(order.id), Decimal(0))
        self._shown[str(order.id)] = executed
        instrument = next(each for each in self._listed.values() if each.id == order.instrument_id)
        for shown in (executed - before, Decimal(0)):
            await self.show(instrument, order.side.opposite, order.limit_price, shown)

    async def losing_reply(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        await self.venue.fault("order.place", "reset_after")
        return await session.submit(order)

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        await self.venue.fault("order.place", "reset_before")
        return await session.submit(order)

    async def break_feed(self) -> None:
        await self.venue.cut()
        await until(lambda: not self.are_books_up_to_date(), "the loss of the feeds")
        await until(self.are_books_up_to_date, "the feeds' return")

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
