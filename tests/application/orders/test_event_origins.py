"""The account's log says who caused each event: the user with key, request and address, the venue, the platform, or
the command line."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.update_account import DisableAccount
from cadenza.application.orders.resolve import FoundFill, ResolveOrder
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.identity.origin import OPERATOR, PLATFORM, VENUE, Origin, OriginKind
from cadenza.domain.ids import ApiKeyId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import AccountUpdated, BalanceCorrected, OrderUpdated
from cadenza.domain.trading.reports import UndeterminedOutcomeReport
from tests.application.orders.account_world import NEW_KEYS, locked_desk
from tests.application.orders.order_world import (
    ACTOR,
    OrderWorld,
    fills,
    loses_the_answer,
    named,
    order_world,
)
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, request

KEY_ID = ApiKeyId(UUID(int=71))
BOT = replace(ACTOR, key_id=KEY_ID).in_request("req-1", "203.0.113.5")
ANN = ACTOR.in_request("req-2", "2001:db8::1")
BY_BOT = Origin(user_id=ACTOR.user_id, key_id=KEY_ID, request_id="req-1", client="203.0.113.5")


START = 2
"""The events of the world's first balances."""


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


async def told(world: OrderWorld, since: int = START) -> list[tuple[Any, Origin]]:
    """Return (status, origin) of each stored event: what is published carries the same origin."""
    async with world.storage.read() as uow:
        events = await uow.events.after(ACCOUNT, since, 1_000)
    published = {event.sequence: event.origin for event in world.publisher.events}
    assert all(published.get(event.sequence, event.origin) == event.origin for event in events)
    found = []
    for event in events:
        match event.body:
            case OrderUpdated(order) if order.id == event.order_id:
                found.append((order.status, event.origin))
            case AccountUpdated(account) if event.order_id is None:
                found.append((account.status, event.origin))
            case BalanceCorrected(asset=asset):
                found.append((asset, event.origin))
            case body:
                raise AssertionError(body)
    return found


async def test_an_order_and_its_cancel(world: OrderWorld) -> None:
    order = await world.submit_order(BOT, request())
    await world.cancel_order(ANN, ACCOUNT, order.id)
    assert await told(world) == [
        (OrderStatus.SUBMITTED, BY_BOT),
        (OrderStatus.ACCEPTED, VENUE),
        (OrderStatus.PENDING_CANCEL, ANN.origin),
        (OrderStatus.CANCELED, VENUE),
    ]
    assert ANN.origin.key_id is None
    assert ANN.origin.kind is OriginKind.USER


async def test_users_whose_orders_share_a_batch_are_kept_apart(world: OrderWorld) -> None:
    changes = [
        world.submit_order(BOT if number % 2 else ANN, request(client_order_id=str(number))) for number in range(8)
    ]
    await asyncio.gather(*changes)
    async with world.storage.read() as uow:
        events = await uow.events.after(ACCOUNT, 0, 1_000)
    asked = {
        event.body.order.client_order_id: event.origin
        for event in events
        if isinstance(event.body, OrderUpdated) and event.origin.kind is OriginKind.USER
    }
    assert asked == {str(number): BY_BOT if number % 2 else ANN.origin for number in range(8)}


async def test_what_the_platform_finds_out_and_what_an_operator_states(world: OrderWorld) -> None:
    world.session.on_submit = loses_the_answer
    order = await world.submit_order(BOT, request())
    await world.intake.apply([UndeterminedOutcomeReport(**named(order), cause="the venue has forgotten it")])
    world.clock.ahead_ms = 60_000
    job = ResolveOrder(storage=world.storage, committer=world.committer, intake=world.intake)
    found = FoundFill("T1", D("0.5"), D(90), NOW_MS)
    await job(
        {
            "order_id": str(order.id),
            "outcome": OrderStatus.CANCELED.value,
            "fills": [[found.trade_id, str(found.quantity), str(found.price), found.executed_at_ms]],
        }
    )
    by = [origin for _, origin in await told(world)]
    assert by[0] == BY_BOT
    assert by[-1] == OPERATOR
    assert set(by[1:-1]) == {PLATFORM}


async def test_an_account_is_disabled_and_disconnected_by_its_user(world: OrderWorld) -> None:
    await world.submit_order(BOT, request())
    before = (await stored_account(world)).last_sequence
    changer = AccountChanger(storage=world.storage, committer=world.committer, clock=world.clock, ids=world.ids)
    disconnect = DisconnectAccount(
        storage=world.storage, committer=world.committer, changer=changer, sessions=world.sessions, clock=world.clock
    )
    await DisableAccount(changer=changer)(ANN, ACCOUNT)
    await disconnect(BOT, ACCOUNT)
    assert await told(world, before) == [
        (AccountStatus.INACTIVE, ANN.origin),
        (AccountStatus.DISCONNECTED, BY_BOT),
        (OrderStatus.REVOKED, BY_BOT),
    ]


async def test_a_connect_is_its_users(database_dsn: str) -> None:
    async with locked_desk(database_dsn) as desk:
        before = (await desk.stored()).last_sequence
        desk.let_verify.set()
        await desk.connect(ANN, NEW_KEYS, "x", None)
        assert {origin for _, origin in await told(desk.world, before)} == {ANN.origin}


async def test_what_reports_change_is_the_venues(world: OrderWorld) -> None:
    assert await told(world, 0) == [("USDT", VENUE), ("BTC", VENUE)]
    world.session.on_submit = fills
    await world.submit_order(BOT, request())
    assert await told(world) == [(OrderStatus.SUBMITTED, BY_BOT), (OrderStatus.FILLED, VENUE)]


async def stored_account(world: OrderWorld) -> Any:
    async with world.storage.read() as uow:
        return await uow.accounts.get(ACCOUNT)
