"""After a restart: hold the feeds that durable subscriptions need."""

from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.errors import CadenzaError
from cadenza.domain.market.subscription import SubscriptionType
from cadenza.ports.storage import Storage


class RestoreFeeds:
    """The use case, of the platform itself. It waits for no venue: the keeper opens the feeds when their venues are
    there. Returns how many subscriptions could not be restored, as their instrument or connector is gone."""

    def __init__(self, *, storage: Storage, books: KeepBook) -> None:
        self._storage = storage
        self._books = books

    async def __call__(self) -> int:
        async with self._storage.read() as uow:
            active = await uow.subscriptions.active(None, SubscriptionType.ORDER_BOOK)
        lost = 0
        for subscription in active:
            try:
                if subscription.instrument_id is not None:
                    self._books.want(subscription.instrument_id, subscription.id)
            except CadenzaError:
                lost += 1
        return lost
