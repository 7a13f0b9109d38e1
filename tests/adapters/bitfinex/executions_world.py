"""Executions at the simulator of BITFINEX: what it sends of them is held up or changed, and questions are counted."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal as D
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from tests.bitfinex_kit import BitfinexDesk
from tests.inhouse_kit import until

from cadenza.adapters.venues.bitfinex.endpoints import PAST_TRADES
from cadenza.simulators.bitfinex.private_feeds import AccountFrame
from cadenza.simulators.bitfinex.wire.session import BitfinexSession


class Wire:
    """What the simulator sends to its accounts. Messages of the kinds in `withheld` do not leave, and no number is
    missing; `release` sends them. `change` changes what leaves."""

    def __init__(self, desk: BitfinexDesk) -> None:
        self._desk = desk
        feeds: Any = desk.venue.simulator.venue.private
        self._send: Callable[[AccountFrame], None] = feeds._send
        self.withheld: tuple[str, ...] = ()
        self.held: list[AccountFrame] = []
        self.sent: list[str] = []
        self.change: Callable[[AccountFrame], AccountFrame] = lambda frame: frame
        feeds._send = self._take

    def _take(self, frame: AccountFrame) -> None:
        if frame.kind in self.withheld:
            self.held.append(frame)
        else:
            self.sent.append(frame.kind)
            self._send(self.change(frame))

    def send_first(self) -> None:
        """Send the first of the messages that were held."""
        self._send(self.held.pop(0))

    def release(self) -> None:
        for frame in self.held:
            self._send(frame)


class Questions:
    """When the session has asked for executions (its monotonic clock)."""

    def __init__(self, desk: BitfinexDesk) -> None:
        http: Any = desk.session._rest._http  # type: ignore[attr-defined]
        call = http.call
        self.asked_ms: list[int] = []

        async def noted(request: Any) -> Any:
            if urlsplit(request.url).path.endswith(PAST_TRADES.path):
                self.asked_ms.append(desk.venue.clock.monotonic_ms())
            return await call(request)

        http.call = noted


@asynccontextmanager
async def no_time(desk: BitfinexDesk) -> AsyncIterator[None]:
    """Let no time pass, however slow the machine is. No request of the session leaves meanwhile."""
    desk.venue.clock.stop()
    yield
    desk.venue.clock.go_on()


async def fill(desk: BitfinexDesk, *quantities: str) -> None:
    """Execute so much of the desk's order, and return when the session has read and delivered all messages."""
    for quantity in quantities:
        await desk.fill(D(quantity))
    session: Any = desk.session
    for sent in desk.venue.simulator.venue.private.sessions():
        await until(partial(_has_read, session, sent), "the messages")
    await session._life.delivery.wait_idle()


def _has_read(session: Any, sent: BitfinexSession) -> bool:
    return bool(session._socket._count._last == sent.sequence)


def passing(desk: BitfinexDesk, condition: Callable[[], bool]) -> Callable[[], bool]:
    """Return the condition, and let some time pass at each look at it."""

    def look() -> bool:
        desk.venue.clock.advance(50)
        return condition()

    return look


async def live_on(desk: BitfinexDesk, duration_ms: int) -> None:
    """Let time pass in small steps; the session does what is due at each."""
    until_ms = desk.venue.clock.monotonic_ms() + duration_ms
    await until(passing(desk, lambda: desk.venue.clock.monotonic_ms() >= until_ms), "the time")


def kinds_of_life(desk: BitfinexDesk) -> list[str]:
    return [what for what, _ in desk.sink.life]
