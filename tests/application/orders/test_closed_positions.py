"""What is shown of closed positions is bounded; what is open is shown whole."""

from collections.abc import AsyncIterator

import pytest

from cadenza.adapters.storage import accounts
from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.position import PositionStatus
from tests.application.orders.order_world import ACTOR, OrderWorld, fills, order_world
from tests.application.orders.test_claims_in_the_database import NETTED, margined
from tests.domain.trading.worlds import D, request


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        await made.add_account(margined(NETTED, PositionMode.NETTING), {"USDT": "100000"})
        made.session.on_submit = fills
        yield made


async def test_the_newest_closed_ones_and_all_that_are_open(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "CLOSED_POSITIONS_MAX", 3)
    for _ in range(5):
        await world.submit_order(ACTOR, request(account_id=NETTED, side=Side.BUY, quantity=D(1)))
        await world.submit_order(ACTOR, request(account_id=NETTED, side=Side.SELL, quantity=D(1)))
    await world.submit_order(ACTOR, request(account_id=NETTED, side=Side.BUY, quantity=D(1)))
    async with world.storage.read() as uow:
        shown = await uow.accounts.positions([NETTED])
    assert [position.status for position in shown] == [PositionStatus.CLOSED] * 3 + [PositionStatus.OPEN]
