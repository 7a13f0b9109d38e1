"""Keeping the market's feeds open for those who listen here."""

import asyncio
from collections.abc import Awaitable, Callable

from cadenza.adapters.realtime.broker import Key
from cadenza.adapters.realtime.channels import ChannelKind
from cadenza.adapters.realtime.codes import INTERNAL, LIMIT_EXCEEDED, UNKNOWN_CHANNEL, ErrorCode, Refusal
from cadenza.domain.errors import CadenzaError, NotFound, Overloaded
from cadenza.domain.ids import InstrumentId

HoldFeed = Callable[[InstrumentId], Awaitable[None]]
_MARKET_KINDS = (ChannelKind.ORDER_BOOK, ChannelKind.TRADE)


class Feeds:
    """Holds the feed of every instrument that somebody listens to.

    Law: `hold` comes before joining, `release_idle` now and then; who is let through has a feed that is held.
    Holding is idempotent and waits for no venue's book; a feed that could not be opened is tried again by its keeper.
    """

    def __init__(self, *, hold: HoldFeed, release: HoldFeed) -> None:
        self._hold = hold
        self._release = release
        self._held: set[InstrumentId] = set()
        self._opening: dict[InstrumentId, asyncio.Task[None]] = {}
        self._wanted_lately: set[InstrumentId] = set()

    async def hold(self, instrument_id: InstrumentId) -> None:
        """Have the feed opened, and kept open. Of many who ask at once one opens it; a failure is told to all."""
        self._wanted_lately.add(instrument_id)
        if instrument_id in self._held:
            return
        opening = self._opening.get(instrument_id)
        if opening is None:
            opening = self._opening[instrument_id] = asyncio.create_task(self._open(instrument_id))
            opening.add_done_callback(lambda _: self._opening.pop(instrument_id, None))
        try:
            await asyncio.shield(opening)  # who leaves meanwhile does not take it from the others
        except CadenzaError as error:
            raise Refusal(_told(error)) from None

    async def release_idle(self, is_listened_to: set[Key]) -> None:
        """Let go of feeds that nobody listens to any more. Who has asked since the last time may be about to join."""
        needed = {InstrumentId(subject) for kind, subject in is_listened_to if kind in _MARKET_KINDS}
        needed, self._wanted_lately = needed | self._wanted_lately, set()
        for instrument_id in self._held - needed:
            if instrument_id not in self._wanted_lately:  # nobody came while others were let go
                self._held.discard(instrument_id)
                await self._release(instrument_id)

    async def _open(self, instrument_id: InstrumentId) -> None:
        await self._hold(instrument_id)
        self._held.add(instrument_id)
        self._wanted_lately.add(instrument_id)


def _told(error: CadenzaError) -> ErrorCode:
    if isinstance(error, NotFound):
        return UNKNOWN_CHANNEL
    return LIMIT_EXCEEDED if isinstance(error, Overloaded) else INTERNAL
