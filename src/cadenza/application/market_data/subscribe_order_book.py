"""Subscribe to an instrument's order book and trades."""

from dataclasses import replace

from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, SubscriptionId
from cadenza.domain.market.subscription import Subscription, SubscriptionStatus, SubscriptionType
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage


class SubscribeOrderBook:
    """The use case. Idempotent: a tenant has one ACTIVE subscription per instrument and gets it again. All tenants
    share one upstream feed. It survives a restart, and a venue that does not answer now is asked again."""

    def __init__(self, *, storage: Storage, catalogue: Catalogue, books: KeepBook, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._catalogue = catalogue
        self._books = books
        self._clock = clock
        self._ids = ids

    async def __call__(self, actor: Actor, instrument_id: InstrumentId) -> Subscription:
        actor.require(Scope.WRITE)
        instrument = self._catalogue.for_tenant(actor.tenant_id, instrument_id)
        actor.require_access(instrument.venue_id)
        now_ms = self._clock.now_ms()
        wanted = Subscription(
            id=SubscriptionId(self._ids.new()),
            tenant_id=actor.tenant_id,
            venue_id=instrument.venue_id,
            type=SubscriptionType.ORDER_BOOK,
            status=SubscriptionStatus.ACTIVE,
            instrument_id=instrument_id,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        async with self._storage.begin() as uow:
            subscription = await uow.subscriptions.add(wanted)
            await uow.commit()
        await self._books.hold(instrument_id, subscription.id)
        return replace(subscription, last_event_at_ms=self._books.last_event_ms(instrument_id))
