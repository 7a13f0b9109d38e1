"""Show the order books of several instruments."""

from collections.abc import Sequence

from cadenza.application.market_data.get_order_book import GetOrderBook
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.ports.concurrency import Concurrency

INSTRUMENTS_PER_REQUEST_MAX = 100


class ListOrderBooks:
    """The use case: one book per instrument, in the request's order. All or nothing: an answer that left some out would
    look like the answer to another request."""

    def __init__(self, *, get_order_book: GetOrderBook, concurrency: Concurrency) -> None:
        self._get_order_book = get_order_book
        self._concurrency = concurrency

    async def __call__(
        self, actor: Actor, instrument_ids: Sequence[InstrumentId], depth: int
    ) -> Sequence[BookSnapshot]:
        actor.require(Scope.READ)
        if len(instrument_ids) > INSTRUMENTS_PER_REQUEST_MAX:
            raise InvalidRequest(f"instrumentIds: at most {INSTRUMENTS_PER_REQUEST_MAX}", {"field": "instrumentIds"})
        work = [self._get_order_book(actor, instrument_id, depth) for instrument_id in instrument_ids]
        return await self._concurrency.gather(*work)
