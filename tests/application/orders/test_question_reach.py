"""A question reaches what is its caller's: nothing of another tenant, and nothing beyond the accounts of its key."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from cadenza.application.orders.list import ListOrders, OrderQuery
from cadenza.application.orders.list_events import EventQuery, ListEvents
from cadenza.application.orders.list_executions import ExecutionQuery, ListExecutions
from cadenza.application.paging import CursorCodec
from cadenza.domain.errors import InsufficientScope, OrderNotFound, TradingAccountNotFound
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import OrderId, TenantId, TradingAccountId
from cadenza.domain.trading.order import Order
from tests.application.orders.order_world import ACTOR, KEY, OrderWorld, accepts, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, account, request

SECOND = TradingAccountId(UUID(int=201))
FOREIGN = TradingAccountId(UUID(int=202))
STRANGER = replace(ACTOR, tenant_id=TenantId(UUID(int=203)))
LIMITED = replace(ACTOR, accounts=frozenset({SECOND}))
BOTH = replace(ACTOR, accounts=frozenset({SECOND, ACCOUNT}))
NONE = replace(ACTOR, accounts=frozenset())


class Asked:
    """Three accounts, two of them of one tenant, each with an order that is filled and one that is open."""

    def __init__(self, world: OrderWorld) -> None:
        parts: Any = {"storage": world.storage, "cursors": CursorCodec(b"key")}
        self.orders, self.executions, self.events = ListOrders(**parts), ListExecutions(**parts), ListEvents(**parts)
        self.filled: dict[TradingAccountId, Order] = {}

    async def accounts_of(self, actor: Actor, **filters: Any) -> set[TradingAccountId]:
        page = await self.orders(actor, OrderQuery(**filters))
        assert page.total == len(page.items)
        return {order.account_id for order in page.items}


@pytest.fixture
async def asked(database_dsn: str) -> AsyncIterator[Asked]:
    async with order_world(database_dsn) as world:
        made = Asked(world)
        for account_id, actor in ((ACCOUNT, ACTOR), (SECOND, ACTOR), (FOREIGN, STRANGER)):
            if account_id != ACCOUNT:
                external = replace(account().external, external_id=str(account_id))
                owner = account(id=account_id, tenant_id=actor.tenant_id, credential_ids=(KEY,), external=external)
                await world.add_account(owner)
            world.session.on_submit = accepts
            await world.submit_order(actor, request(account_id=account_id, client_order_id="open"))
            world.session.on_submit = fills
            made.filled[account_id] = await world.submit_order(
                actor, request(account_id=account_id, client_order_id="same", idempotency_key="same")
            )
        yield made


@pytest.mark.parametrize(
    "filters",
    [{}, {"is_open": True}, {"is_open": False}, {"client_order_id": "same"}, {"idempotency_key": "same"}],
    ids=str,
)
async def test_orders_of_all_accounts_are_those_within_reach(asked: Asked, filters: dict[str, Any]) -> None:
    assert await asked.accounts_of(ACTOR, **filters) >= {ACCOUNT}
    assert FOREIGN not in await asked.accounts_of(ACTOR, **filters)
    assert await asked.accounts_of(STRANGER, **filters) <= {FOREIGN}
    assert await asked.accounts_of(LIMITED, **filters) <= {SECOND}
    assert await asked.accounts_of(BOTH, **filters) == await asked.accounts_of(ACTOR, **filters)
    assert await asked.accounts_of(NONE, **filters) == set()


async def test_an_account_beyond_reach_does_not_exist(asked: Asked) -> None:
    for actor, account_id in ((ACTOR, FOREIGN), (STRANGER, ACCOUNT), (LIMITED, ACCOUNT), (NONE, SECOND)):
        for ask, query in (
            (asked.orders, OrderQuery(account_id=account_id)),
            (asked.executions, ExecutionQuery(account_id=account_id)),
            (asked.events, EventQuery(account_id=account_id)),
        ):
            with pytest.raises(TradingAccountNotFound):
                await ask(actor, query)  # type: ignore[operator]
    with pytest.raises(TradingAccountNotFound):
        await asked.events(ACTOR, EventQuery(account_id=TradingAccountId(UUID(int=999))))


async def test_an_order_beyond_reach_does_not_exist(asked: Asked) -> None:
    for actor, account_id in ((ACTOR, FOREIGN), (STRANGER, ACCOUNT), (LIMITED, ACCOUNT)):
        order_id = asked.filled[account_id].id
        with pytest.raises(OrderNotFound):
            await asked.orders(actor, OrderQuery(order_id=order_id))
        with pytest.raises(OrderNotFound):
            await asked.executions(actor, ExecutionQuery(order_id=order_id))
    with pytest.raises(OrderNotFound):
        await asked.executions(ACTOR, ExecutionQuery(order_id=OrderId(UUID(int=999))))


async def test_an_order_of_another_account_has_no_events_in_this_one(asked: Asked) -> None:
    for account_id in (SECOND, FOREIGN):
        with pytest.raises(OrderNotFound):
            await asked.events(ACTOR, EventQuery(account_id=ACCOUNT, order_id=asked.filled[account_id].id))
    other = await asked.executions(ACTOR, ExecutionQuery(account_id=ACCOUNT, order_id=asked.filled[SECOND].id))
    assert other.items == []


async def test_what_is_within_reach_is_answered(asked: Asked) -> None:
    for actor, account_id in ((ACTOR, SECOND), (LIMITED, SECOND), (BOTH, ACCOUNT), (STRANGER, FOREIGN)):
        order = asked.filled[account_id]
        assert len((await asked.executions(actor, ExecutionQuery(account_id=account_id))).items) == 1
        assert (await asked.executions(actor, ExecutionQuery(order_id=order.id))).items == list(order.executions)
        events = await asked.events(actor, EventQuery(account_id=account_id, order_id=order.id))
        assert {event.order_id for event in events.items} == {order.id}
        assert {event.tenant_id for event in events.items} == {actor.tenant_id}


async def test_reading_needs_its_scope(asked: Asked) -> None:
    powerless = replace(ACTOR, scopes=frozenset())
    for ask, query in (
        (asked.orders, OrderQuery()),
        (asked.executions, ExecutionQuery(account_id=ACCOUNT)),
        (asked.events, EventQuery(account_id=ACCOUNT)),
    ):
        with pytest.raises(InsufficientScope):
            await ask(powerless, query)  # type: ignore[operator]
