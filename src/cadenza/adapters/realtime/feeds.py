"""Keeping the market's feeds open for those who listen here."""

from collections import Counter
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

    Law: `hold` comes before joining, `release_idle` now and then.
    Holding is idempotent and waits for no venue's book; a feed that could not be opened is tried again by its keeper.
    """

    def __init__(self, *, hold: HoldFeed, release: HoldFeed) -> None:
        self._hold = hold
        self._release = release
        self._held: set[InstrumentId] = set()
        self._opening: Counter[InstrumentId] = Counter()

    async def hold(self, instrument_id: InstrumentId) -> None:
        """Have the feed opened, and kept open."""
        if instrument_id in self._held:
            return
        self._held.add(instrument_id)
        self._opening[instrument_id] += 1
        try:
            await self._hold(instrument_id)
        except CadenzaError as error:
            self._held.discard(instrument_id)
            raise Refusal(_told(error)) from None
        finally:
            self._opening[instrument_id] -= 1
            if not self._opening[instrument_id]:
                del self._opening[instrument_id]

    async def release_idle(self, is_listened_to: set[Key]) -> None:
        """Let go of feeds that nobody listens to any more."""
        needed = {InstrumentId(subject) for kind, subject in is_listened_to if kind in _MARKET_KINDS}
        for instrument_id in self._held - needed - self._opening.keys():
            self._held.discard(instrument_id)
            await self._release(instrument_id)


def _told(error: CadenzaError) -> ErrorCode:
    if isinstance(error, NotFound):
        return UNKNOWN_CHANNEL
    return LIMIT_EXCEEDED if isinstance(error, Overloaded) else INTERNAL
