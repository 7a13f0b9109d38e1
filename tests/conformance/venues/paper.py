"""PAPER under test: a market by hand, a clock by hand, a ledger in memory whose commits can be made to fail."""

from collections.abc import Sequence
from decimal import Decimal

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import ExecutionSession, VenueConnector, VenueStatus
from tests.conformance.harness import WEAKER_PROMISES, Capability, Prices
from tests.conformance.venues.faults import failing_commit
from tests.inhouse_kit import KEY, until
from tests.paper_bench import PERPETUAL, SPOT, Bench

_WITHOUT = (WEAKER_PROMISES - {Capability.DROPS_UNSENT}) | {
    Capability.STREAM_BREAK,
    Capability.ODD_TEXT,
    Capability.SILENCE,
    Capability.REPEATS,
    Capability.DISORDER,
    Capability.CORRECTIONS,
    Capability.LATE_FEES,
    Capability.SLOW_REPLIES,
    Capability.SLOW_CANCELS,
}


class PaperUnderTest:
    """Implements `VenueUnderTest`."""

    name = "PAPER"
    account_type = AccountType.SPOT
    kind = InstrumentType.SPOT
    capabilities = frozenset(Capability) - _WITHOUT
    secrets = KEY
    other_secrets = Secrets("another key", "any secret", None)
    spot: Instrument = SPOT
    perpetual: Instrument = PERPETUAL
    prices = Prices(Decimal(60000), Decimal(60010), Decimal(3))
    ends_after_ms, end_margin_ms = 3_000, 1

    def __init__(self) -> None:
        self.bench = Bench()
        self._shown: dict[str, Decimal] = {}

    @property
    def connector(self) -> VenueConnector:
        return self.bench.connector

    async def start(self) -> None:
        await self.bench.connector.start()

    async def stop(self) -> None:
        await self.bench.connector.stop()

    async def restart(self) -> None:
        await self.bench.connector.stop()
        await self.bench.restart()

    async def pass_time(self, duration_ms: int) -> None:
        await self.bench.tick(duration_ms)

    def to_be_filled(self, order: Order) -> Order:
        return order

    async def fill_up_to(self, order: Order, executed: Decimal) -> None:
        """The market comes to the order's price with what is missing, and leaves with what it did not get."""
        assert order.limit_price is not None
        before = self._shown.get(str(order.id), Decimal(0))
        self._shown[str(order.id)] = executed
        price, side = str(order.limit_price), order.side.opposite
        instrument = next(i for i in (await self.connector.instruments()).instruments if i.id == order.instrument_id)
        self.bench.market.level(instrument, side, price, str(executed - before))
        self.bench.market.level(instrument, side, price, "0")
        await self.bench.tick()

    async def losing_reply(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        return await self._failing("reply lost", session, order)

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        return await self._failing("lost", session, order)

    async def break_feed(self) -> None:
        """A commit that fails takes the whole venue down for a moment."""
        await failing_commit(self.bench.disk, self.connector)
        await self._online()

    async def _failing(self, how: str, session: ExecutionSession, order: Order) -> Sequence[Report]:
        self.bench.disk.failures.append(how)
        reports = await session.submit(order)
        await self._online()
        return reports

    async def _online(self) -> None:
        def is_online() -> bool:
            self.bench.clock.advance(50)
            return self.connector.status() is VenueStatus.ONLINE

        await until(is_online, "the venue's return")
