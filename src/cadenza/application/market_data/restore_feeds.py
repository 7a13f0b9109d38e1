"""After a restart: open the feeds that durable subscriptions need."""

from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.errors import CadenzaError
from cadenza.domain.market.subscription import SubscriptionType
from cadenza.ports.storage import Storage


class RestoreFeeds:
    """The use case, of the house itself. Returns how many subscriptions could not be restored: their instrument or
    their venue's connector is gone. A venue that only does not answer is asked again."""

    def __init__(self, *, storage: Storage, books: KeepBook) -> None:
        self._storage = storage
        self._books = books

    async def __call__(self) -> int:
        await self._books.open_always()
        async with self._storage.read() as uow:
            active = await uow.subscriptions.active(None, SubscriptionType.ORDER_BOOK)
        lost = 0
        for subscription in active:
            try:
                if subscription.instrument_id is not None:
                    await self._books.hold(subscription.instrument_id, subscription.id)
            except CadenzaError:
                lost += 1
        return lost
