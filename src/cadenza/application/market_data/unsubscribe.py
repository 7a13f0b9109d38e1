"""End a subscription to an order book."""

from dataclasses import replace

from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.errors import InvalidRequest, SubscriptionNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import InstrumentId, SubscriptionId, TenantId
from cadenza.domain.market.subscription import Subscription, SubscriptionStatus, SubscriptionType
from cadenza.ports.clock import Clock
from cadenza.ports.storage import Storage, UnitOfWork

KIND = SubscriptionType.ORDER_BOOK


class UnsubscribeOrderBook:
    """The use case: by subscription id, by instrument, or by both when they agree. A subscription that has
    ended is answered as it is. The upstream feed is closed when nobody needs it any more."""

    def __init__(self, *, storage: Storage, books: KeepBook, clock: Clock) -> None:
        self._storage = storage
        self._books = books
        self._clock = clock

    async def __call__(
        self, actor: Actor, subscription_id: SubscriptionId | None, instrument_id: InstrumentId | None
    ) -> Subscription:
        """Raises `InvalidRequest` when neither is given, `SubscriptionNotFound` also for another tenant's."""
        actor.require(Scope.WRITE)
        if subscription_id is None and instrument_id is None:
            raise InvalidRequest("give subscriptionId or instrumentId")
        async with self._storage.begin() as uow:
            found = await _find(uow, actor.tenant_id, subscription_id, instrument_id)
            if found is None:
                raise SubscriptionNotFound("there is no such subscription")
            if found.status is not SubscriptionStatus.TERMINATED:
                found = self._ended(found)
                await uow.subscriptions.update(found)
            await uow.commit()
        if found.instrument_id is not None:
            await self._books.release(found.instrument_id, found.id)
        return found

    def _ended(self, subscription: Subscription) -> Subscription:
        seen_ms = subscription.instrument_id and self._books.last_event_ms(subscription.instrument_id)
        return replace(
            subscription,
            status=SubscriptionStatus.TERMINATED,
            updated_at_ms=self._clock.now_ms(),
            last_event_at_ms=seen_ms or subscription.last_event_at_ms,
        )


async def _find(
    uow: UnitOfWork, tenant_id: TenantId, subscription_id: SubscriptionId | None, instrument_id: InstrumentId | None
) -> Subscription | None:
    if subscription_id is None:
        return await uow.subscriptions.find_active(tenant_id, KIND, instrument_id=instrument_id)
    found = await uow.subscriptions.get(subscription_id)
    if found is None or found.tenant_id != tenant_id or found.type is not KIND:
        return None
    return found if instrument_id in (None, found.instrument_id) else None
