"""Two requests are the same when they mean the same: what is left out is as if it had been said."""

from collections.abc import AsyncIterator

import pytest

from cadenza.domain import errors as e
from cadenza.domain.market.enums import OrderType, TimeInForce
from tests.application.orders.order_world import ACTOR, OrderWorld, order_world
from tests.domain.trading.worlds import D, request

MARKET = {"type": OrderType.MARKET, "limit_price": None, "idempotency_key": "k"}
LIMIT = {"type": OrderType.LIMIT, "idempotency_key": "k"}


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


@pytest.mark.parametrize("kind", [MARKET, LIMIT], ids=["MARKET", "LIMIT"])
@pytest.mark.parametrize("is_said_first", [False, True])
async def test_saying_the_default_is_as_saying_nothing(world: OrderWorld, kind: dict, is_said_first: bool) -> None:  # type: ignore[type-arg]
    said = TimeInForce.IOC if kind is MARKET else TimeInForce.GTC
    first, again = (said, None) if is_said_first else (None, said)
    order = await world.submit_order(ACTOR, request(**kind, time_in_force=first))
    assert order.time_in_force is said
    assert (await world.submit_order(ACTOR, request(**kind, time_in_force=again))).id == order.id
    assert len(world.session.submitted) == 1


async def test_a_client_order_id_serves_as_the_key_in_the_same_way(world: OrderWorld) -> None:
    asked = MARKET | {"idempotency_key": None, "client_order_id": "c"}
    order = await world.submit_order(ACTOR, request(**asked))
    assert (await world.submit_order(ACTOR, request(**asked, time_in_force=TimeInForce.IOC))).id == order.id
    with pytest.raises(e.DuplicateClientOrderId):
        await world.submit_order(ACTOR, request(**asked, time_in_force=TimeInForce.FOK))


@pytest.mark.parametrize("other", [{"time_in_force": TimeInForce.FOK}, {"quantity": D(2)}], ids=str)
async def test_what_means_something_else_is_another_request(world: OrderWorld, other: dict) -> None:  # type: ignore[type-arg]
    await world.submit_order(ACTOR, request(**MARKET))
    with pytest.raises(e.IdempotencyKeyReused):
        await world.submit_order(ACTOR, request(**(MARKET | other)))


async def test_a_market_order_by_the_day_is_refused_still(world: OrderWorld) -> None:
    with pytest.raises(e.UnsupportedTimeInForce):
        await world.submit_order(ACTOR, request(**MARKET, time_in_force=TimeInForce.DAY))
