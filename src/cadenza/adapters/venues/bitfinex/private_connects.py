"""The pace at which private sockets are opened, which goes on where a former process has stopped.

The venue counts the log-ins of an address for 15 s. A server that starts again within that time would open too many,
and the venue refuses all of them for a minute then.
"""

import asyncio
from collections import deque

from cadenza.adapters.venues.bitfinex.sockets import PRIVATE_CONNECTS
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.network.pacing import PaceTicket
from cadenza.network.stream_events import NotReady
from cadenza.ports.clock import Clock
from cadenza.ports.venue import VenueMemories, VenueMemory
from cadenza.ports.venue.memory import MemoryTakenOver

_SCOPE, _KEY = "private connects", "at_ms"


class PrivateConnects:
    """One for all sessions of a connector.

    Law: that of `ConnectPace`, also across a restart. The instant of a connection (our wall clock) is on disk before it
    is opened. What is found on disk counts from the first turn on, as if it had been opened then. A process whose
    memory another one has opened goes on by itself: they are to use different addresses.
    """

    def __init__(self, clock: Clock, memories: VenueMemories) -> None:
        self._clock = clock
        self._memories = memories
        self._pace = ConnectPace(clock, PRIVATE_CONNECTS)
        self._memory: VenueMemory | None = None
        self._lock = asyncio.Lock()
        self._begun_ms: deque[int] = deque(maxlen=PRIVATE_CONNECTS.weight_max)
        """When the last connections were begun, by our wall clock."""

    async def turn(self, caller: str) -> PaceTicket:
        """Wait until a connection may be opened, and return the right to open it. Raises `NotReady`, also when the
        database does not answer."""
        try:
            async with self._lock:
                await self._look_back()
            ticket = await self._pace.turn(caller)
            try:
                await self._note()
            except BaseException:  # also when cancelled: what is not opened takes no turn from others
                ticket.give_back()
                raise
        except DatabaseUnavailable as error:
            raise NotReady("the database of the platform did not answer") from error
        return ticket

    async def _look_back(self) -> None:
        """Count what a former process has opened. An instant that is ahead of our clock counts as well: the clock was
        set back."""
        if self._memory is not None:
            return
        memory = await self._memories.open(_SCOPE)
        found = [int(each) for each in (await memory.get(_KEY) or "").split()]
        still = [at_ms for at_ms in found if at_ms > self._clock.now_ms() - PRIVATE_CONNECTS.length_ms]
        self._pace.count(len(still))
        self._begun_ms.extend(still)
        self._memory = memory

    async def _note(self) -> None:
        assert self._memory is not None
        self._begun_ms.append(self._clock.now_ms())
        try:
            await self._memory.put(_KEY, " ".join(map(str, self._begun_ms)))
        except MemoryTakenOver:
            return
