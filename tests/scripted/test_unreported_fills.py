"""Fills whose balances a venue reports later: the brake counts them before."""

import pytest

from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.errors import OrderNotReducing
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from tests.scripted.kinds import only
from tests.scripted.specs import POLLED
from tests.scripted.world import TENANT, Trader, World, actor_of

ACTOR = actor_of(TENANT)


@only(POLLED)
async def test_what_was_just_sold_is_not_sold_again_before_the_venue_has_reported_it(
    world: World, trader: Trader
) -> None:
    held = (await trader.balances())["BTC"].total
    sold = await trader.submit(Side.SELL, quantity=str(held - 1), price="100")
    trader.venue.fill(trader.at_venue(sold), held - 1)
    while (await trader.order(sold)).status is not OrderStatus.FILLED:
        await world.pass_time(250, 250)
    assert [fill.quantity for fill in (await trader.stored()).unconfirmed] == [held - 1]
    await world.process.brake.set_trading_mode(ACTOR, trader.id, TradingMode.REDUCING, cancel_open=False)
    with pytest.raises(OrderNotReducing) as refused:
        await trader.submit(Side.SELL, quantity="1.5", price="200")
    assert refused.value.metadata["closable"] == "1"
    await world.pass_time(5_000)
    assert (await trader.balances())["BTC"].total == 1
    assert (await trader.stored()).unconfirmed == ()
    await trader.submit(Side.SELL, quantity="1", price="200")
