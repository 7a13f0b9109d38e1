"""A venue that was reset: its ids begin again, and the account is the same."""

import pytest

from cadenza.domain.accounts.trading_account import TradingMode
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.ports.alarms import Alarm
from tests.scripted.kinds import only
from tests.scripted.specs import PER_SYMBOL, POLLED, STREAMED
from tests.scripted.world import Trader, World


@pytest.mark.parametrize("is_restarted", [False, True])
@only(STREAMED, POLLED, PER_SYMBOL)
async def test_an_order_with_the_id_of_an_older_one_stays_in_doubt_and_halts_the_account(
    world: World, trader: Trader, is_restarted: bool
) -> None:
    old = await trader.submit()
    await trader.cancel(old)
    await world.settle()
    if is_restarted:  # nothing is remembered
        await world.process.stop()
        await world.start()
        await world.settle()
    trader.venue.reset()
    new = await trader.submit()
    trader.venue.fill(trader.at_venue(new), "1")
    await world.pass_time(20_000, 1_000)
    found = await trader.order(new)
    assert (found.status, found.is_in_doubt, found.executed_quantity) == (OrderStatus.SUBMITTED, True, 0)
    assert (await trader.order(old)).status is OrderStatus.CANCELED
    assert {kept.reason for kept in await world.kept()} == {KeepReason.ID_TAKEN}
    (alarm,) = world.alarms.sounded
    kind, facts = alarm
    assert kind is Alarm.VENUE_IDS_REPEATED
    assert (facts["account_id"], facts["order_id"]) == (trader.id, new.id)
    assert str(old.id) in str(facts["detail"])
    assert (await trader.stored()).trading_mode is TradingMode.HALTED
    with pytest.raises(CadenzaError, match="HALTED"):
        await trader.submit()
