"""A stage for the official clients: an account, a witness of all that its channel publishes, and a line to cut."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import pytest
import pytest_asyncio
from tests.adapters.realtime.raw_client import RawClient
from tests.centrifugo.conftest import publications_of, trade
from tests.centrifugo.judge import House
from tests.centrifugo.line import Line
from tests.centrifugo.official import Event, JavaScriptClient, Official, Pub, PythonClient, Subscribed
from tests.e2e.trader import Trader

CONNECT_CALLED: Event = ("connecting", 0, "connect called")
SUBSCRIBE_CALLED: Event = ("subscribing", 0, "subscribe called")
UNSUBSCRIBE_CALLED: Event = ("unsubscribed", 0, "unsubscribe called")
LINE_CUT: Event = ("connecting", 1, "transport closed")
SUBSCRIPTION_CUT: Event = ("subscribing", 1, "transport closed")


class Stage:
    """`truth` is what was published on the account's channel, each publication once and in order, since `start`."""

    def __init__(self, house: House, trader: Trader, kind: type[Official], line: Line) -> None:
        self.house = house
        self.trader = trader
        self.kind = kind
        self.line = line
        self.channel = f"tradingAccount:{trader.spot}"
        self.truth: list[Pub] = []
        self.start: int
        self.epoch: str
        self._clients: list[Official] = []
        self._witness: RawClient

    @classmethod
    async def open(cls, house: House, trader: Trader, kind: type[Official]) -> Self:
        stage = cls(house, trader, kind, await Line.open(house.socket_port))
        witness = stage._witness = await RawClient.open(house.socket_port)
        await witness.connect(str(trader.api.token))
        position = await witness.subscribe(stage.channel)
        stage.start, stage.epoch = position.get("offset", 0), position["epoch"]
        return stage

    @property
    def is_python(self) -> bool:
        return self.kind is PythonClient

    @property
    def top(self) -> int:
        return self.truth[-1].offset if self.truth else self.start

    def since(self, offset: int) -> list[Pub]:
        """What was published after the offset."""
        return [pub for pub in self.truth if pub.offset > offset]

    def position(self, offset: int | None = None, **flags: Any) -> Event:
        """The event of a subscription that begins at the offset, by default the newest."""
        return ("subscribed", Subscribed(self.top if offset is None else offset, self.epoch, **flags))

    def back_at(self, offset: int) -> Event:
        """The event of a subscription that recovers from the offset."""
        return self.position(offset, was_recovering=True, recovered=True)

    async def happen(self, orders: int = 1) -> Sequence[Pub]:
        """Have that many orders filled. Return what was published of them, when it was."""
        before = self.top
        seen = await publications_of(self._witness, await trade(self.trader, orders), before)
        self.truth += [Pub(each["offset"], each["data"]) for each in seen]
        return self.since(before)

    def client(self, **options: Any) -> Official:
        """Return a client that is not connected yet."""
        made = self.kind(self.line.url, **options)
        self._clients.append(made)
        return made

    async def connected(self, **options: Any) -> Official:
        client = self.client(**options)
        await client.connect(str(self.trader.api.token))
        await client.expect(CONNECT_CALLED, ("connected",))
        return client

    async def listening(self, **options: Any) -> Official:
        """Return a client that is connected and subscribed to the account's channel."""
        client = await self.connected()
        await client.listen(self.channel, **options)
        await client.expect(SUBSCRIBE_CALLED, self.position(), channel=self.channel)
        return client

    async def assert_sees(self, client: Official, after: int) -> None:
        """The client sees exactly what was published after the offset, and what is published now."""
        await self.happen()
        expected = self.since(after)
        assert await client.publications(self.channel, len(expected)) == expected, "another one"
        assert not client.has_more(self.channel), "more than was published"

    async def assert_follows(self, client: Official, after: int) -> int:
        """However often it comes back on the way, the client sees exactly what was published after the offset, and each
        subscription goes on where the one before ended. Return how often it came back."""
        await self.happen()
        came_back = 0
        left = self.since(after)
        while left:
            name, *facts = await client.next(self.channel)
            if name == "publication":
                assert facts == [left.pop(0)], "another one"
            elif name == "subscribed":
                expected = self.back_at(left[0].offset - 1)
                assert (name, *facts) == expected, f"{facts} instead of {expected}"
                came_back += 1
            else:
                assert name in ("subscribing", "unsubscribed"), (name, *facts)
        assert not client.has_more(self.channel), "more than was published"
        return came_back

    async def close(self) -> None:
        for client in self._clients:
            await client.end()
        self._witness.leave()
        await self.line.close()


CLIENTS: tuple[type[Official], ...] = (PythonClient, JavaScriptClient)


@pytest_asyncio.fixture(loop_scope="module", params=CLIENTS, ids=lambda kind: kind.name)
async def stage(
    request: pytest.FixtureRequest, house: House, trader: Trader, node_modules: None
) -> AsyncIterator[Stage]:
    """A stage for each of the official clients."""
    opened = await Stage.open(house, trader, request.param)
    yield opened
    await opened.close()
