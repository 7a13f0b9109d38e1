"""A connector that keeps nonces in the memory that the wiring gives it."""

from cadenza.domain.trading.enums import OrderStatus, RejectReason
from tests.scripted.kinds import only
from tests.scripted.session import Fault
from tests.scripted.specs import NONCED
from tests.scripted.truth import check_truth
from tests.scripted.world import Trader, World


@only(NONCED)
async def test_nonces_grow_through_deaths_and_lost_requests(world: World, trader: Trader) -> None:
    for number in range(3):
        if number == 1:
            trader.script.next("submit", Fault.LOSE_REQUEST)
        await trader.submit(quantity="1")
        await world.crash()
        await world.pass_time(2_000)
    order = await trader.submit(quantity="1")
    assert order.status is OrderStatus.ACCEPTED
    assert trader.at.nonces == sorted(set(trader.at.nonces))
    assert len(trader.at.nonces) == 3, "all but the lost one arrived, and none was refused"
    await world.settle()
    await check_truth(trader)


@only(NONCED)
async def test_a_session_whose_memory_was_taken_over_sends_nothing_and_is_replaced(
    world: World, trader: Trader
) -> None:
    venue_id = trader.account.venue_id
    await world.process.memories(venue_id).open(f"nonces of key of {trader.at.external_id}")
    order = await trader.submit(quantity="1")
    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, RejectReason.NOT_SENT)
    assert not trader.venue.requests("submit")
    await world.pass_time(5_000)
    assert (await trader.submit(quantity="1")).status is OrderStatus.ACCEPTED
