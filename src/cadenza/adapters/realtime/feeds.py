"""Keeping the market's feeds open for this process's subscribers."""

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
    """Holds the feed of every instrument that has a subscriber.

    Law: the caller calls `hold` before it lets a subscriber in, and `release_idle` from time to time. A subscriber that
    was let in has a feed that is held. Holding is idempotent and does not wait for a book; whoever keeps the feeds
    tries a feed again that could not be opened.
    """

    def __init__(self, *, hold: HoldFeed, release: HoldFeed) -> None:
        self._hold = hold
        self._release = release
        self._held: set[InstrumentId] = set()
        self._opening: dict[InstrumentId, asyncio.Task[None]] = {}
        self._wanted_lately: set[InstrumentId] = set()

    async def hold(self, instrument_id: InstrumentId) -> None:
        """Have the feed opened, and kept open. Of many callers at once one opens it; all of them get its failure."""
        self._wanted_lately.add(instrument_id)
        if instrument_id in self._held:
            return
        opening = self._opening.get(instrument_id)
        if opening is None:
            opening = self._opening[instrument_id] = asyncio.create_task(self._open(instrument_id))
            opening.add_done_callback(lambda _: self._opening.pop(instrument_id, None))
        try:
            await asyncio.shield(opening)  # a caller that leaves meanwhile does not cancel it for the others
        except CadenzaError as error:
            raise Refusal(_code_of(error)) from None

    async def release_idle(self, is_listened_to: set[Key]) -> None:
        """Let go of feeds without subscribers. A caller of `hold` since the last time may be about to subscribe."""
        needed = {InstrumentId(subject) for kind, subject in is_listened_to if kind in _MARKET_KINDS}
        needed, self._wanted_lately = needed | self._wanted_lately, set()
        for instrument_id in self._held - needed:
            if instrument_id not in self._wanted_lately:  # nobody asked for it while others were let go
                self._held.discard(instrument_id)
                await self._release(instrument_id)

    async def _open(self, instrument_id: InstrumentId) -> None:
        await self._hold(instrument_id)
        self._held.add(instrument_id)
        self._wanted_lately.add(instrument_id)


def _code_of(error: CadenzaError) -> ErrorCode:
    if isinstance(error, NotFound):
        return UNKNOWN_CHANNEL
    return LIMIT_EXCEEDED if isinstance(error, Overloaded) else INTERNAL
