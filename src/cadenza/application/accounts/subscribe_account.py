"""Subscriptions to accounts' events: durable rows, one per tenant and account while ACTIVE."""

from dataclasses import replace

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.paging import CursorCodec, Page
from cadenza.domain.errors import InvalidRequest, SubscriptionNotFound
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import SubscriptionId, TradingAccountId
from cadenza.domain.market.subscription import Subscription, SubscriptionStatus, SubscriptionType
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import Storage

KIND = SubscriptionType.TRADING_ACCOUNT


class SubscribeAccount:
    """The use case. Idempotent."""

    def __init__(self, *, storage: Storage, changer: AccountChanger, clock: Clock, ids: Ids) -> None:
        self._storage = storage
        self._changer = changer
        self._clock = clock
        self._ids = ids

    async def __call__(self, actor: Actor, account_id: TradingAccountId) -> Subscription:
        actor.require(Scope.WRITE)
        actor.require_account(account_id)
        account = await self._changer.find(actor.tenant_id, account_id)
        account.require_connected()
        now_ms = self._clock.now_ms()
        wanted = Subscription(
            id=SubscriptionId(self._ids.new()),
            tenant_id=actor.tenant_id,
            venue_id=account.venue_id,
            type=KIND,
            status=SubscriptionStatus.ACTIVE,
            account_id=account_id,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        async with self._storage.begin() as uow:
            subscription = await uow.subscriptions.add(wanted)
            subscription = replace(subscription, last_event_at_ms=await uow.events.last_at_ms(account_id))
            await uow.commit()
        return subscription


class UnsubscribeAccount:
    """The use case: by subscription id, or by account. A subscription that has ended is returned as it is."""

    def __init__(self, *, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def __call__(
        self, actor: Actor, subscription_id: SubscriptionId | None, account_id: TradingAccountId | None
    ) -> Subscription:
        actor.require(Scope.WRITE)
        if subscription_id is None and account_id is None:
            raise InvalidRequest("give subscriptionId or tradingAccountId")
        async with self._storage.begin() as uow:
            if subscription_id is not None:
                found = await uow.subscriptions.get(subscription_id)
            else:
                found = await uow.subscriptions.find_active(actor.tenant_id, KIND, account_id=account_id)
            is_other = account_id is not None and found is not None and found.account_id != account_id
            if found is None or found.tenant_id != actor.tenant_id or found.type is not KIND or is_other:
                raise SubscriptionNotFound("there is no such subscription")
            if found.account_id is None or not actor.sees(found.account_id):
                raise SubscriptionNotFound("there is no such subscription")
            if found.status is SubscriptionStatus.ACTIVE:
                found = replace(found, status=SubscriptionStatus.TERMINATED, updated_at_ms=self._clock.now_ms())
                await uow.subscriptions.update(found)
            await uow.commit()
        return found


class ListAccountSubscriptions:
    """The use case: ACTIVE ones, newest first, with the instant of the account's newest event."""

    def __init__(self, *, storage: Storage, cursors: CursorCodec) -> None:
        self._storage = storage
        self._cursors = cursors

    async def __call__(
        self, actor: Actor, account_id: TradingAccountId | None, limit: int, offset: int, cursor: str | None
    ) -> Page[Subscription]:
        actor.require(Scope.READ)
        filters = f"{actor.tenant_id}|subscriptions|{account_id}"
        after = None if cursor is None else self._cursors.decode(cursor, filters)
        async with self._storage.read() as uow:
            active = await uow.subscriptions.active(actor.tenant_id, KIND, account_id=account_id)
            every = [s for s in active if s.account_id is not None and actor.sees(s.account_id)]
            rest = [s for s in every if after is None or (s.created_at_ms, s.id) < after]
            start = offset if after is None else 0
            items = [
                replace(s, last_event_at_ms=await uow.events.last_at_ms(s.account_id)) if s.account_id else s
                for s in rest[start : start + limit]
            ]
        has_next = start + limit < len(rest)
        last = items[-1] if has_next else None
        return Page(
            items=items,
            total=len(every),
            offset=offset,
            limit=limit,
            has_next=has_next,
            next_cursor=None if last is None else self._cursors.encode(last.created_at_ms, last.id, filters),
        )
