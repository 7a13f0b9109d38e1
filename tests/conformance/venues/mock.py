"""MOCK under test: what PAPER's market and its broken disk do there, scripts do here."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from cadenza.adapters.venues.mock.spec import BOOKS
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import ExecutionSession, VenueConnector
from tests.adapters.mock.mock_bench import BTC, PERPETUAL, MockBench
from tests.conformance.harness import WEAKER_PROMISES, Capability, Prices
from tests.conformance.venues.faults import failing_commit
from tests.inhouse_kit import KEY

_STEP_MS = 1_000

_WITHOUT = (WEAKER_PROMISES - {Capability.DROPS_UNSENT}) | {
    Capability.STREAM_BREAK,
    Capability.ODD_TEXT,
    Capability.SILENCE,
    Capability.DISORDER,
    Capability.CORRECTIONS,
    Capability.LATE_FEES,
    Capability.SLOW_CANCELS,
}


class MockUnderTest:
    """Implements `VenueUnderTest`. Its book is calm."""

    name = "MOCK"
    account_type = AccountType.SPOT
    kind = InstrumentType.SPOT
    capabilities = frozenset(Capability) - _WITHOUT
    secrets = KEY
    other_secrets = Secrets("another key", "any secret", None)
    spot: Instrument = BTC
    perpetual: Instrument = PERPETUAL
    prices = Prices(BOOKS[BTC.id].bid, BOOKS[BTC.id].ask, BOOKS[BTC.id].quantity)
    ends_after_ms, end_margin_ms = 3_000, 1

    def __init__(self) -> None:
        self.bench = MockBench()

    @property
    def connector(self) -> VenueConnector:
        return self.bench.connector

    async def start(self) -> None:
        await self.bench.connector.start()

    async def stop(self) -> None:
        self.bench.check_conservation()
        await self.bench.connector.stop()

    async def restart(self) -> None:
        await self.bench.restart()

    async def pass_time(self, duration_ms: int) -> None:
        await self.bench.tick(duration_ms)

    def to_be_filled(self, order: Order) -> Order:
        """Half of it at once, the rest a step later."""
        return replace(order, client_order_id=f"mock.partial:2:{_STEP_MS}#{order.id}")

    async def fill_up_to(self, order: Order, executed: Decimal) -> None:
        """A snapshot ends its millisecond, so the venue's clock may be a little ahead of ours: two steps are enough."""
        await self.bench.tick(0 if executed < order.quantity else 2 * _STEP_MS)

    async def losing_reply(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        return await session.submit(replace(order, client_order_id=f"mock.ack-lost#{order.id}"))

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        return await session.submit(replace(order, client_order_id=f"mock.never-arrives#{order.id}"))

    async def submit_repeated(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        return await session.submit(replace(order, client_order_id=f"mock.duplicate-fill#{order.id}"))

    async def submit_slowly(self, session: ExecutionSession, order: Order) -> "asyncio.Task[Sequence[Report]]":
        slow = replace(order, client_order_id=f"mock.ack-delay:{_STEP_MS}#{order.id}")
        call = asyncio.create_task(session.submit(slow))
        await self.bench.until_at_work(order)
        return call

    async def let_replies_come(self) -> None:
        await self.bench.tick(_STEP_MS)

    async def break_feed(self) -> None:
        await failing_commit(self.bench.disk, self.connector)
        await self.bench.recovered()
