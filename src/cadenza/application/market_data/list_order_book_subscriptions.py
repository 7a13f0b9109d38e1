"""List the tenant's subscriptions to order books."""

from collections.abc import Sequence
from dataclasses import replace

from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.subscription import Subscription, SubscriptionType
from cadenza.ports.storage import Storage


class ListOrderBookSubscriptions:
    """The use case: ACTIVE ones, newest first, each with the venue's time of its book's newest event."""

    def __init__(self, *, storage: Storage, books: KeepBook) -> None:
        self._storage = storage
        self._books = books

    async def __call__(self, actor: Actor, instrument_id: InstrumentId | None) -> Sequence[Subscription]:
        actor.require(Scope.READ)
        async with self._storage.read() as uow:
            active = await uow.subscriptions.active(
                actor.tenant_id, SubscriptionType.ORDER_BOOK, instrument_id=instrument_id
            )
        return [
            replace(subscription, last_event_at_ms=self._books.last_event_ms(subscription.instrument_id))
            for subscription in active
            if subscription.instrument_id is not None
        ]
