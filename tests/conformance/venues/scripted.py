"""A scripted networked venue under test. No matching engine stands behind it: the test says what is executed."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import ExecutionSession, VenueConnector
from tests.conformance.harness import WEAKER_PROMISES, Capability, Prices, Trader
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock
from tests.scripted.connector import ScriptedConnector
from tests.scripted.session import Fault, Script, ScriptedSession
from tests.scripted.specs import Kind
from tests.scripted.venue import ScriptedVenue, VenueOrder

_WITHOUT = WEAKER_PROMISES | {
    Capability.FEED_BREAK,
    Capability.BURIES,
    Capability.MATCHING,
    Capability.MARKET_DATA,
    Capability.REMEMBERS_REFUSALS,
    Capability.RESERVES_FEES,
}
_HOLDINGS = {"USDT": "1000000", "BTC": "10"}


class ScriptedUnderTest:
    """Implements `VenueUnderTest`."""

    account_type = AccountType.SPOT
    kind = InstrumentType.SPOT
    secrets = Secrets("key", "secret", None)
    other_secrets = Secrets("another key", "secret", None)
    prices = Prices(Decimal("99.5"), Decimal(100), Decimal(3))
    ends_after_ms, end_margin_ms = 3_000, 1

    def __init__(self, kind: Kind) -> None:
        self.name = kind.name
        self.capabilities = frozenset(Capability) - _WITHOUT - _not_of(kind)
        self.clock = FakeClock()
        self.venue = ScriptedVenue(kind, self.clock)
        self.script = Script()
        self.connector: VenueConnector = ScriptedConnector(self.venue, self.script)
        for secrets in (self.secrets, self.other_secrets):
            for type in (AccountType.SPOT, AccountType.MARGIN):
                at = self.venue.add_account(f"{type.value} of {secrets.api_key}", secrets.api_key, type)
                for asset, total in _HOLDINGS.items():
                    self.venue.deposit(at, asset, total)
        self._polling: asyncio.Task[None] | None = None

    @property
    def spot(self) -> Instrument:
        return self.venue.instruments[0]

    @property
    def perpetual(self) -> Instrument:
        return self.venue.instruments[2]

    async def start(self) -> None:
        await self.connector.start()
        self._polling = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        await self.connector.stop()
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling

    async def restart(self) -> None:
        await self.connector.stop()
        self.connector = ScriptedConnector(self.venue, self.script)
        await self.connector.start()

    async def pass_time(self, duration_ms: int) -> None:
        self.clock.advance(duration_ms)
        for order in [order for account in self.venue.accounts.values() for order in account.orders]:
            if order.is_working and order.expire_at_ms is not None and order.expire_at_ms <= self.venue.now_ms:
                self.venue.expire(order)

    def to_be_filled(self, order: Order) -> Order:
        return order

    async def fill_up_to(self, order: Order, executed: Decimal) -> None:
        self.clock.advance(1)
        at = self._at(order)
        self.venue.fill(at, executed - at.executed, order.limit_price or self.prices.ask)

    async def losing_reply(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        self.script.next("submit", Fault.LOSE_REPLY)
        return await session.submit(order)

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        self.script.next("submit", Fault.LOSE_REQUEST)
        return await session.submit(order)

    async def break_feed(self) -> None:
        raise NotImplementedError

    async def break_stream(self, session: ExecutionSession) -> None:
        assert isinstance(session, ScriptedSession)
        session.break_stream()
        await session.delivered()

    async def restore_stream(self, session: ExecutionSession) -> None:
        assert isinstance(session, ScriptedSession)
        session.restore_stream()
        await session.delivered()

    async def say_odd(self, trader: Trader) -> None:
        at = self.venue.accounts[trader.account.external.external_id]
        self.venue.place(at, self.venue.eth, Side.BUY, Decimal(1), Decimal(100), is_odd=True)

    async def submit_repeated(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        assert isinstance(session, ScriptedSession)
        session.hold_stream()
        reports = await session.submit(order)
        session.release_stream(times=2)
        await session.delivered()
        return reports

    async def submit_slowly(self, session: ExecutionSession, order: Order) -> "asyncio.Task[Sequence[Report]]":
        self.script.next("submit", Fault.HOLD_REPLY)
        return await self._waiting(session.submit(order))

    async def cancel_slowly(self, session: ExecutionSession, order: Order) -> "asyncio.Task[Sequence[Report]]":
        self.script.next("cancel", Fault.HOLD_REPLY)
        return await self._waiting(session.cancel(order))

    async def let_replies_come(self) -> None:
        self.script.let_go()

    async def _waiting(self, call: Coroutine[Any, Any, Sequence[Report]]) -> "asyncio.Task[Sequence[Report]]":
        task = asyncio.create_task(call)
        await until(lambda: self.script.waiting > 0, "the request on its way")
        return task

    async def hold_stream(self, session: ExecutionSession) -> None:
        assert isinstance(session, ScriptedSession)
        session.hold_stream()

    async def release_reversed(self, session: ExecutionSession) -> None:
        assert isinstance(session, ScriptedSession)
        session.release_stream(range(len(session.held))[::-1])
        await session.delivered()

    async def fall_silent(self, session: ExecutionSession) -> None:
        assert isinstance(session, ScriptedSession)
        await session.delivered()
        session.fall_silent()

    async def compare(self, session: ExecutionSession) -> None:
        assert isinstance(session, ScriptedSession)
        session.compare_with_venue()
        await session.delivered()

    async def bust(self, order: Order) -> None:
        self.clock.advance(1)
        self.venue.bust(self._at(order).fills[-1])

    async def correct(self, order: Order, price: Decimal) -> None:
        self.clock.advance(1)
        self.venue.correct(self._at(order).fills[-1], str(price))

    async def fill_without_fee(self, order: Order, executed: Decimal) -> None:
        self.clock.advance(1)
        at = self._at(order)
        self.venue.fill(at, executed - at.executed, order.limit_price or self.prices.ask, has_late_fee=True)

    async def charge(self, order: Order, fee: Decimal) -> None:
        self.clock.advance(1)
        self.venue.charge(self._at(order).fills[-1], str(fee))

    def _at(self, order: Order) -> VenueOrder:
        found = (self.venue.find(account, order.sent_id) for account in self.venue.accounts.values())
        return next(each for each in found if each is not None)

    async def _poll(self) -> None:
        while True:
            assert isinstance(self.connector, ScriptedConnector)
            for session in self.connector.sessions:
                if not session.is_closed:
                    session.poll()
            await asyncio.sleep(0.001)


def _not_of(kind: Kind) -> set[Capability]:
    """What depends on how the kind learns what happens."""
    return set() if kind.is_streamed else {Capability.REPEATS, Capability.DISORDER}
