"""A client as a good one behaves, whichever socket it is connected to."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any

from tests.adapters.realtime.raw_client import Closed, RawClient

LOST = (Closed, ConnectionError, asyncio.IncompleteReadError)


class Follower(ABC):
    """It keeps its position and comes back with it; when the server says that it missed something, it lists again. It
    reads only on demand, and fails when offsets have a gap or a double that the server did not admit. Views come
    without an offset: they neither move the position nor are they recovered."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.epoch = ""
        self.offset = 0
        self.wire: RawClient | None = None
        self.relisted = 0
        self.reconnects = 0
        self.closed_with: list[int] = []

    @abstractmethod
    async def open(self) -> RawClient:
        """Return a new connected client."""

    @abstractmethod
    async def list_anew(self) -> None:
        """Take the view from the house, as it is now or at `offset`."""

    @abstractmethod
    def take(self, publication: dict[str, Any]) -> None:
        """Bring what it knows up to date; `offset` is that of the publication already."""

    @abstractmethod
    def take_view(self, publication: dict[str, Any]) -> None:
        """Take a publication without an offset, which replaces the one before."""

    async def step(self) -> None:
        """Read one message, or come back."""
        try:
            if self.wire is None:
                await self._come_back()
            else:
                await self._read_one(self.wire)
        except LOST as lost:
            if isinstance(lost, Closed):
                self.closed_with.append(lost.code)
            self.cut()

    def cut(self) -> None:
        """Cut the wire."""
        if self.wire is not None:
            self.wire.leave()
            self.wire = None

    async def _come_back(self) -> None:
        self.reconnects += 1
        self.wire = await self.open()
        await self._subscribe(self.wire)

    async def _subscribe(self, wire: RawClient) -> None:
        more = {"recover": True, "epoch": self.epoch, "offset": self.offset} if self.epoch else {}
        reply = await wire.subscribe(self.channel, **more)
        top = reply.get("offset", 0)
        if reply.get("recovered"):
            assert reply["epoch"] == self.epoch
            for publication in reply.get("publications", ()):
                assert "offset" in publication, "a view is not recovered"
                self._take(publication)
            assert top <= self.offset, "a part of it"
        else:
            assert not reply.get("publications"), "never a part"
            self.epoch, self.offset = reply["epoch"], top
            self.relisted += 1
            await self.list_anew()

    async def _read_one(self, wire: RawClient) -> None:
        push = await wire.push()
        if "unsubscribe" in push:
            assert push["unsubscribe"]["code"] == 2500
            await self._subscribe(wire)
        elif "pub" in push:
            self._take(push["pub"])

    def _take(self, publication: dict[str, Any]) -> None:
        if "offset" not in publication:
            self.take_view(publication)
            return
        assert publication["offset"] == self.offset + 1, "a gap or a double"
        self.offset += 1
        self.take(publication)
