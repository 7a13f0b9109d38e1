"""Venues against their simulators: a clock that tests can move, and a client of the paths that tests have there."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp

from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import TradingAccount, TradingMode
from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.apply import apply_or_keep
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import Report
from cadenza.domain.trading.state import TradingState, World
from cadenza.domain.trading.venue_spec import DerivedSentId, VenueSpec
from cadenza.ports.venue import ExecutionSession
from cadenza.ports.venue.memory import MemoryTakenOver
from cadenza.runtime.local import SystemClock
from tests.conformance.harness import believed
from tests.inhouse_kit import START_MS, RecordingSink, make_order
from tests.relay import Relay, relayed


class MovableClock:
    """The system's time, moved forward by `advance`. A sleeper whose instant has passed then wakes. From `stop` to
    `go_on` it moves by `advance` alone."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self._start_ms = start_ms - _system_ms()
        self._stopped_ms: int | None = None
        """The system's time at the stop."""
        self.wall_offset_ms = 0
        """How far the wall clock differs from the monotonic one."""
        self._sleepers: dict[asyncio.Future[None], int] = {}

    def now_ms(self) -> int:
        return self.monotonic_ms() + self.wall_offset_ms

    def monotonic_ms(self) -> int:
        return self._start_ms + (_system_ms() if self._stopped_ms is None else self._stopped_ms)

    async def sleep_ms(self, duration_ms: int) -> None:
        until_ms, loop = self.monotonic_ms() + duration_ms, asyncio.get_running_loop()
        is_over = False
        while not is_over:
            future: asyncio.Future[None] = loop.create_future()
            self._sleepers[future] = until_ms
            timer = loop.call_later((until_ms - self.monotonic_ms()) / 1000, _wake, future)
            try:
                await future
            finally:
                timer.cancel()
                del self._sleepers[future]
            is_over = self.monotonic_ms() >= until_ms  # not if the clock has stopped

    def stop(self) -> None:
        if self._stopped_ms is None:
            self._stopped_ms = _system_ms()

    def go_on(self) -> None:
        if self._stopped_ms is not None:
            self._start_ms += self._stopped_ms - _system_ms()
            self._stopped_ms = None

    def advance(self, duration_ms: int) -> None:
        self._start_ms += duration_ms
        for future, until_ms in list(self._sleepers.items()):
            if until_ms <= self.monotonic_ms():
                _wake(future)


class VenuesClock:
    """The same time without the steps of our wall clock: another machine's."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self.now_ms = self.monotonic_ms = clock.monotonic_ms
        self.sleep_ms = clock.sleep_ms


def _system_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class SimulatedVenue:
    """A running simulator, and a client of its test paths."""

    def __init__(self, url: str, http: aiohttp.ClientSession, clock: MovableClock) -> None:
        self.url = url
        self.http = http
        self.clock = clock
        self._relay: Relay | None = None

    @asynccontextmanager
    async def relaying(self, spec: VenueSpec) -> AsyncIterator[VenueSpec]:
        """Yield the spec of a venue whose requests go through a relay; its sockets do not."""
        async with relayed(self.url) as self._relay:
            yield replace(spec, urls={name: url.replace(self.url, self._relay.url) for name, url in spec.urls.items()})

    def cut_requests(self) -> None:
        """Break the connections of all requests that go through the relay. What has arrived is at the venue."""
        assert self._relay is not None
        self._relay.cut()

    async def post(self, path: str, order: Mapping[str, Any]) -> Any:
        async with self.http.post(f"{self.url}/simulator/{path}", json=order) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.url}/simulator/{path}") as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def fault(self, on: str, kind: str, **fields: Any) -> None:
        await self.post("faults", {"requests": [{"on": on, "kind": kind, **fields}]})

    async def disarm(self) -> None:
        async with self.http.delete(f"{self.url}/simulator/faults") as reply:
            assert reply.status == 200

    async def cut(self) -> None:
        await self.post("sockets", {"action": "cut"})


class MemoryVenueMemories:
    """`VenueMemories` that forgets with the process that keeps it."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}
        self.holders: dict[str, object] = {}

    async def open(self, scope: str) -> "MemoryVenueMemory":
        memory = MemoryVenueMemory(self, scope)
        self.holders[scope] = memory
        return memory


class MemoryVenueMemory:
    """A counter is kept as its next number."""

    def __init__(self, memories: MemoryVenueMemories, scope: str) -> None:
        self._memories = memories
        self._scope = scope

    async def get(self, key: str) -> str | None:
        self._check()
        return self._memories.values.get((self._scope, key))

    async def put(self, key: str, value: str) -> None:
        self._check()
        self._memories.values[(self._scope, key)] = value

    async def next(self, counter: str, *, first: int = 1, count: int = 1) -> int:
        found = int(await self.get(counter) or first)
        await self.put(counter, str(found + count))
        return found

    async def advance(self, counter: str, past: int) -> None:
        await self.put(counter, str(max(int(await self.get(counter) or 0), past + 1)))

    def _check(self) -> None:
        if self._memories.holders[self._scope] is not self:
            raise MemoryTakenOver


class FastClock(SystemClock):
    """Real time, so many times faster, for what waits long."""

    def __init__(self, factor: int = 1) -> None:
        self.factor = factor

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() * self.factor

    async def sleep_ms(self, duration_ms: int) -> None:
        await super().sleep_ms(-(-duration_ms // self.factor))


SEND_WITHIN_MS = 10_000


@dataclass(slots=True)
class SimulatedDesk:
    """One account's session at a simulator, and an order that rests there once it is submitted."""

    venue: Any
    connector: Any
    account: TradingAccount
    instrument: Instrument
    session: ExecutionSession
    sink: RecordingSink
    market: str = "spot"
    made: int = 0
    order: Order = field(init=False)

    stream_ends: ClassVar[tuple[str, ...]] = ("cut",)
    """The ways in which the simulator ends the sockets of accounts."""
    tolerated_jumps_ms: ClassVar[tuple[int, ...]]
    """By how much the venue's clock may jump before it refuses our timestamps."""
    prices: ClassVar[tuple[Decimal, Decimal]]
    """The best bid and the best ask of the market."""
    id_fields: ClassVar[tuple[str, ...]]
    """The fields of requests that hold our id of an order."""

    @property
    def is_checked_inside(self) -> bool:
        """Whether the venue checks the order's deadline again just before the matching engine."""
        return True

    def __post_init__(self) -> None:
        self.order = self.resting()

    def about(self, what: str) -> str:
        """Return the simulator's name of a request about the order: `place`, `cancel` or `cancel_by_our_id`."""
        raise NotImplementedError

    async def stands(self) -> list[tuple[str, str]]:
        """Return every order of the ledger by our id, and whether it is NEW, FILLED or CANCELED."""
        raise NotImplementedError

    async def show(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Display a level in the market of the order, in quantities of ours."""
        raise NotImplementedError

    async def fill(self, quantity: Decimal = Decimal("0.5")) -> None:
        """The market comes to the order's price with so much, and leaves with what it did not get."""
        assert self.order.limit_price is not None
        for shown in (quantity, Decimal(0)):
            await self.show(self.order.side.opposite, self.order.limit_price, shown)

    def resting(self, quantity: str = "1", side: Side = Side.BUY) -> Order:
        """A LIMIT order that the book does not meet."""
        bid, ask = self.prices
        price = bid - 10 if side is Side.BUY else ask + 10
        return self.limit(quantity, str(price), side)

    def limit(self, quantity: str, price: str | None, side: Side = Side.BUY, **fields: Any) -> Order:
        self.made += 1
        order = make_order(self.account, self.instrument, side, quantity, price, number=self.made, **fields)
        now_ms = self.venue.clock.now_ms()
        return replace(
            order,
            sent_id=self.sent_id(order),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            send_before_ms=now_ms + SEND_WITHIN_MS,
        )

    def sent_id(self, order: Order) -> str:
        """Our id of an order at the venue: the next number, where the venue takes numbers."""
        rule = self.connector.spec.sent_id
        return rule.of(order.id) if isinstance(rule, DerivedSentId) else str(rule.first + self.made)

    async def truth(self, order: Order | None = None) -> list[str]:
        """How the order stands in the ledger; nothing when it never arrived."""
        return [status for id, status in await self.stands() if id == (order or self.order).sent_id]

    async def has_arrived(self) -> bool:
        return bool(await self.truth())

    async def requests(self, name: str) -> int:
        """How often a request about the order reached the venue's engine."""
        found = await self.venue.get("requests")
        mine = (each for each in found if self.order.sent_id in [each["parameters"].get(id) for id in self.id_fields])
        return sum(1 for each in mine if each["name"] == name)

    def believed(self, *reports: Sequence[Report]) -> Order:
        """What the platform makes of the order by these reports and those of the stream."""
        return believed(self.order, [*(one for each in reports for one in each), *self.sink.reports])

    async def again(self, stored: Sequence[Instrument] = ()) -> None:
        """Kill the connector, and open the account with another one; `stored` is left of the venue's list."""
        await self.connector.stop()
        self.connector, self.sink = self.venue.connector(), RecordingSink()
        self.connector.remember(stored)
        await self.connector.start()
        self.session = await self.connector.open_session(
            self.account, CredentialType.HMAC, self.venue.secrets(), self.sink
        )


class Comparisons:
    """What the comparisons of a stream with its venue find from now on."""

    def __init__(self, session: Any) -> None:
        self.found: list[bool] = []
        self.is_under_way = False
        self._agrees = session._life.agrees
        session._life.agrees = self._compare

    async def _compare(self) -> bool:
        self.is_under_way = True
        try:
            self.found.append(await self._agrees())
        finally:
            self.is_under_way = False
        return self.found[-1]


def count_requests(session: Any) -> Counter[str]:
    """Count what is asked of the venue from now on, by path."""
    http, found = session._rest._http, Counter[str]()
    call = http.call

    async def counted(request: Any) -> Any:
        found[urlsplit(request.url).path] += 1
        return await call(request)

    http.call = counted
    return found


def become(
    desk: SimulatedDesk,
    *reports: Sequence[Report],
    are_late: bool = False,
    kept: AbstractSet[KeepReason] = frozenset(),
) -> tuple[Order, list[Order]]:
    """What the platform makes of the desk's order by the rules of its venue, from the reports and those of the stream;
    and the orders that it adopts. `are_late`: the reports come after those of the stream. `kept` says why it sets
    reports aside."""
    numbers = count(1 << 20)
    instruments = {each.id: each for each in desk.connector._instruments.values()}
    world = World(
        spec=lambda _: desk.connector.spec, instrument=instruments.get, top=lambda _: None, book=lambda _: None,
        rate=lambda *_: None, new_id=lambda: UUID(int=next(numbers)), now_ms=desk.venue.clock.now_ms(),
    )  # fmt: skip
    order = desk.order.submitted(desk.order.created_at_ms, desk.order.send_before_ms or 0)
    state = TradingState(world, [evolve(desk.account, adopted_at_ms=0)], (), (), [order])
    replies, streamed = [one for each in reports for one in each], desk.sink.reports
    for report in [*streamed, *replies] if are_late else [*replies, *streamed]:
        apply_or_keep(state, report)
    assert state.account(desk.account.id).trading_mode is TradingMode.ACTIVE
    assert {each.reason for each in state.changed.kept} == kept
    found = state.order(order.id)
    assert found is not None
    return found, [each for each in state.changed.created.values() if each.is_external]
