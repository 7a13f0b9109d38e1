"""A tenant whose environment was closed cannot open an order there, and can still cancel."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.errors import EnvironmentNotAllowed
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import Access
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import OrderStatus
from tests.scripted.kinds import only
from tests.scripted.specs import STREAMED
from tests.scripted.world import TENANT, Trader, World, actor_of

ACTOR = actor_of(TENANT)


def without(access: Access) -> Actor:
    return replace(ACTOR, access=ACTOR.access - {access}, scopes=frozenset({Scope.WRITE}))


@only(STREAMED)
async def test_whoever_may_no_longer_trade_there_can_still_cancel_and_halt(world: World, trader: Trader) -> None:
    orders = [await trader.submit() for _ in range(3)]
    actor, process = without(trader.account.venue_id.access), world.process
    again = SubmitOrderRequest(
        account_id=trader.id,
        instrument_id=trader.venue.btc,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(1),
        limit_price=Decimal(100),
    )
    with pytest.raises(EnvironmentNotAllowed):
        await process.submit_order(actor, again)
    canceled = await process.cancel_order(actor, trader.id, orders[0].id)
    assert canceled.status is OrderStatus.CANCELED
    view = await process.brake.mass_cancel_orders(actor)
    assert view.outcome.counts == {OrderStatus.CANCELED: 2}
    modes = await process.brake.set_trading_mode(actor, trader.id, TradingMode.HALTED, cancel_open=True)
    assert modes.account is TradingMode.HALTED
    switch = await process.brake.arm_dead_mans_switch(actor, trader.id, 5_000, again=False)
    assert switch.account_id == trader.id
