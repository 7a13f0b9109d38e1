"""The dry run over a real database: nothing is written, nothing is sent, and no key is used up."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from cadenza.application.accounts.change_account import AccountChange
from cadenza.application.accounts.update_account import disabled
from cadenza.application.orders.held_orders import HeldOrders
from cadenza.application.orders.preview import OrderPreview, PreviewOrder, PreviewOutcome
from cadenza.domain.errors import (
    AccountNotActive,
    IdempotencyKeyReused,
    InsufficientBalance,
    InsufficientScope,
    LotSize,
    TradingAccountNotFound,
    VenueUnavailable,
)
from cadenza.domain.identity.actor import Scope
from cadenza.domain.ids import TenantId, TradingAccountId
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.order import Order
from tests.application.orders.order_world import ACTOR, OrderWorld, no_prices_needed, order_world
from tests.domain.trading.worlds import ACCOUNT, D, instrument, request


class Desk:
    def __init__(self, world: OrderWorld, dsn: str) -> None:
        self.world, self.dsn = world, dsn
        traded = instrument()
        catalogue: Any = SimpleNamespace(instrument=lambda i: traded, for_tenant=lambda tenant, i: traded)
        self.preview = PreviewOrder(
            committer=world.committer, sessions=world.sessions, catalogue=catalogue, held=HeldOrders(),
            prices=no_prices_needed(), ids=world.ids,
        )  # fmt: skip

    async def stored(self) -> list[Any]:
        """Every row that an order could touch, with its version."""
        connection = await asyncpg.connect(self.dsn)
        try:
            tables = (
                "trading_accounts",
                "orders",
                "executions",
                "balances",
                "positions",
                "account_events",
                "operations",
            )
            return [
                await connection.fetchval(f"SELECT jsonb_agg(to_jsonb(t) || jsonb_build_object('v', t.xmin::text))"
                                          f" FROM {table} t")
                for table in tables
            ]  # fmt: skip
        finally:
            await connection.close()


@pytest.fixture
async def desk(database_dsn: str) -> AsyncIterator[Desk]:
    async with order_world(database_dsn) as world:
        yield Desk(world, database_dsn)


async def test_nothing_is_written_sent_or_used_up(desk: Desk) -> None:
    asked = request(client_order_id="c-1", idempotency_key="k-1", await_closed=True)
    before = await desk.stored()
    found = await desk.preview(ACTOR, asked)
    with pytest.raises(InsufficientBalance):
        await desk.preview(ACTOR, request(quantity=D(99), limit_price=D(10_100), idempotency_key="k-1"))
    assert await desk.stored() == before
    assert desk.world.publisher.events == []
    assert desk.world.session.submitted == []
    order = await desk.world.submit_order(ACTOR, asked)
    assert order.id != found.order.id
    assert found.lock is not None
    assert await desk.world.balance("USDT") == (D(1_000_000), found.lock.quantity)


async def test_the_key_of_an_order_names_it(desk: Desk) -> None:
    order = await desk.world.submit_order(ACTOR, request(idempotency_key="k-1"))
    before = await desk.stored()
    found = await desk.preview(ACTOR, request(idempotency_key="k-1"))
    assert (found.outcome, found.order) == (PreviewOutcome.REPEAT, await desk.world.stored(order))
    with pytest.raises(IdempotencyKeyReused):
        await desk.preview(ACTOR, request(idempotency_key="k-1", quantity=D(2)))
    assert await desk.stored() == before


async def both(desk: Desk, actor: Any, asked: SubmitOrderRequest) -> tuple[Any, Any]:
    """Return how the dry run and then the submit are refused."""
    refusals = []
    for call in (desk.preview, desk.world.submit_order):
        with pytest.raises(Exception) as refused:
            await call(actor, asked)
        refusals.append((type(refused.value), str(refused.value)))
    return refusals[0], refusals[1]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"quantity": D("0.0005")}, LotSize),
        ({"quantity": D(99), "limit_price": D(10_100)}, InsufficientBalance),
        ({"account_id": TradingAccountId(UUID(int=999))}, TradingAccountNotFound),
    ],
)
async def test_a_refusal_is_that_of_the_submit(desk: Desk, changes: dict[str, Any], cause: type[Exception]) -> None:
    previewed, submitted = await both(desk, ACTOR, request(**changes))
    assert previewed == submitted
    assert previewed[0] is cause


async def test_a_callers_rights_are_those_of_a_submit(desk: Desk) -> None:
    foreign = replace(ACTOR, tenant_id=TenantId(UUID(int=77)))
    reader = replace(ACTOR, scopes=frozenset({Scope.READ}))
    for actor, cause in ((foreign, TradingAccountNotFound), (reader, InsufficientScope)):
        previewed, submitted = await both(desk, actor, request())
        assert previewed == submitted
        assert previewed[0] is cause
    limited = replace(ACTOR, accounts=frozenset[TradingAccountId]())
    with pytest.raises(TradingAccountNotFound):
        await desk.preview(limited, request())
    assert (await desk.preview(replace(ACTOR, accounts=frozenset({ACCOUNT})), request())).lock is not None


async def test_the_state_of_the_account_counts(desk: Desk) -> None:
    await desk.world.committer.commit(AccountChange(ACCOUNT, disabled, None))
    assert {cause for cause, _ in await both(desk, ACTOR, request())} == {AccountNotActive}


async def test_an_account_without_a_session(desk: Desk) -> None:
    await desk.world.sessions.close(ACCOUNT)
    assert {cause for cause, _ in await both(desk, ACTOR, request())} == {VenueUnavailable}


async def test_dry_runs_beside_submits_of_one_batch(desk: Desk) -> None:
    """A dry run sees the money that the orders before it lock, and takes none from those after it."""
    asked = request(quantity=D(60), limit_price=D(10_000))  # of 1 000 000, one such order fits
    first, order, second, third = await asyncio.gather(
        desk.preview(ACTOR, asked), desk.world.submit_order(ACTOR, asked), desk.preview(ACTOR, asked),
        desk.world.submit_order(ACTOR, asked), return_exceptions=True,
    )  # fmt: skip
    assert isinstance(first, OrderPreview)
    assert isinstance(order, Order)
    assert isinstance(second, InsufficientBalance)
    assert isinstance(third, InsufficientBalance)


async def test_a_known_key_is_found_beside_a_submit_of_the_same_batch(desk: Desk) -> None:
    """The submit alone could be decided on remembered rows, which do not show whose key is taken."""
    order = await desk.world.submit_order(ACTOR, request(idempotency_key="k-1"))
    await desk.world.submit_order(ACTOR, request())
    found, other = await asyncio.gather(
        desk.preview(ACTOR, request(idempotency_key="k-1")), desk.world.submit_order(ACTOR, request())
    )
    assert (found.outcome, found.order.id) == (PreviewOutcome.REPEAT, order.id)
    assert other.id != order.id
