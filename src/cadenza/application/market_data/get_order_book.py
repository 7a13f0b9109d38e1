"""Show an instrument's order book."""

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.errors import InvalidRequest, OrderBookUnavailable
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.instrument import InstrumentStatus

DEPTH_MAX = 1_000
"""Levels a side in an answer."""


class GetOrderBook:
    """The use case: the best `depth` levels of a fresh book. Opens the feed on demand and waits a bounded time for
    its first snapshot; then raises `OrderBookUnavailable`, as a stale book is never served."""

    def __init__(self, *, catalogue: Catalogue, books: KeepBook) -> None:
        self._catalogue = catalogue
        self._books = books

    async def __call__(self, actor: Actor, instrument_id: InstrumentId, depth: int) -> BookSnapshot:
        actor.require(Scope.READ)
        if not 1 <= depth <= DEPTH_MAX:
            raise InvalidRequest(f"depth: 1 to {DEPTH_MAX}", {"field": "depth"})
        instrument = self._catalogue.for_tenant(actor.tenant_id, instrument_id)
        actor.require_access(instrument.venue_id)
        if instrument.status is InstrumentStatus.DELISTED:
            raise OrderBookUnavailable(f"{instrument_id} is delisted", {"instrumentId": instrument_id})
        await self._books.ensure_open(instrument_id)
        snapshot = self._books.snapshot(instrument_id, depth)
        if snapshot is None:
            raise OrderBookUnavailable(
                f"there is no fresh order book of {instrument_id}", {"instrumentId": instrument_id}
            )
        return snapshot
