"""A networked venue under test, through its simulator and over real sockets: what all of them share."""

import asyncio
import re
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import ExecutionSession, VenueConnector
from tests.conformance.harness import Capability, Prices, Trader
from tests.conformance.orders import Orders
from tests.inhouse_kit import START_MS, kinds, until
from tests.simulated_kit import Comparisons, MovableClock

WARM_UP_MS = 60_000
"""The venue starts so long before the suite's first instant."""

STEP_MS = 1_000
"""Time passes in such steps. Longer ones look like a silence of the streams."""

SLOW_MS = 2_500
"""How long a slow reply waits: half as long as a session waits for it."""

REPEATED_MAX = 100
"""How many messages of a stream come twice."""

NOT_SIMULATED = {
    Capability.MARGIN,
    Capability.POSITIONS,
    Capability.BURIES,
    Capability.ONE_ORDER_PER_ID,
    Capability.REMEMBERS_REFUSALS,
    Capability.RESERVES_FEES,
    Capability.DISORDER,
    Capability.CORRECTIONS,
    Capability.LATE_FEES,
    Capability.DROPS_UNSENT,
    Capability.TRIGGERS_AT_ONCE,
}
"""What no simulator is made to do here."""

HAS_POSITIONS = {Capability.MOVES_ASSETS, Capability.POSITIONS}
"""`capabilities ^ HAS_POSITIONS` are those of accounts whose fills move positions instead of assets."""


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
    ends_after_ms, end_margin_ms = 600_000, 300_000
    cancel_request = "order.cancel"
    """The simulator's name of a cancel by the venue's id."""

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

    def place_request(self, order: Order) -> str:
        """Return the simulator's name of the request that places the order."""
        return "order.place"

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
        while duration_ms > 0:
            self.clock.advance(min(duration_ms, STEP_MS))
            duration_ms -= STEP_MS
            await asyncio.sleep(0.001)  # what a moment brings is there before the next
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
        await self.venue.fault(self.place_request(order), "reset_after")
        return await session.submit(order)

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        await self.venue.fault(self.place_request(order), "reset_before")
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

    async def say_odd(self, trader: Trader) -> None:
        """The order's price is no number in whatever is read from now on."""
        order = Orders(self, made=1_000).resting(trader, Side.BUY, Decimal(1))
        assert order.limit_price is not None
        price = order.limit_price - 2 * self.spot.price_step(order.limit_price)
        send_before_ms = self.clock.now_ms() + self.connector.spec.send_within_ms
        reports = await trader.session.submit(replace(order, limit_price=price, send_before_ms=send_before_ms))
        assert kinds(reports) == ["Accepted"], reports
        misprint(trader.session, price)

    async def fall_silent(self, session: ExecutionSession) -> None:
        await self.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})

    async def compare(self, session: ExecutionSession) -> None:
        """No fault is left then, and a stream that was found silent is back."""
        compared = Comparisons(session)

        def is_compared() -> bool:
            self.clock.advance(1 if compared.is_under_way else 1_000)
            return compared.found[-1:] == [True] or not session.is_caught_up()

        await until(is_compared, "the comparison")
        await self.restore_stream(session)

    async def submit_repeated(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        await self.venue.post("faults", {"events": [{"on": "user", "kind": "duplicate", "times": REPEATED_MAX}]})
        return await session.submit(order)

    async def submit_slowly(self, session: ExecutionSession, order: Order) -> "asyncio.Task[Sequence[Report]]":
        return await self._slowly(self.place_request(order), session.submit(order))

    async def cancel_slowly(self, session: ExecutionSession, order: Order) -> "asyncio.Task[Sequence[Report]]":
        return await self._slowly(self.cancel_request, session.cancel(order))

    async def let_replies_come(self) -> None:
        self.clock.advance(SLOW_MS)
        self.clock.go_on()

    async def _slowly(self, name: str, call: Coroutine[Any, Any, Sequence[Report]]) -> "asyncio.Task[Sequence[Report]]":
        """Return when the venue has done what the call asks for. Its answer waits, and the time stands still."""
        before = len(await self.venue.get("requests"))
        await self.venue.fault(name, "slow", delay_ms=SLOW_MS)
        task = asyncio.create_task(call)
        while len(await self.venue.get("requests")) == before:
            assert not task.done()
        self.clock.stop()
        await self.venue.get("truth")  # an answer that does not wait is here sooner than this one
        assert not task.done()
        return task


def misprint(session: Any, price: Decimal) -> None:
    """Let whatever the session reads over HTTP from now on have a word in the place of this price."""
    http = session._rest._http
    call, number = http.call, re.compile(rb'"?(?<![\d.])%s(?:\.0*)?(?![\d.])"?' % re.escape(f"{price:f}".encode()))

    async def misprinted(request: Any) -> Any:
        answer = await call(request)
        return replace(answer, body=number.sub(b'"odd"', answer.body))

    http.call = misprinted
