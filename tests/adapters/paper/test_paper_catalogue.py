"""PAPER when another market is chosen: what the new one does not play is inactive, and nothing is lost."""

from dataclasses import replace
from decimal import Decimal

from tests.inhouse_kit import ScriptedMarket, kinds, until
from tests.paper_bench import PERPETUAL, SPOT, Bench

from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS, SECURITIES
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import Instrument, InstrumentStatus
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.reports import CanceledReport

ETHER = next(i for i in INSTRUMENTS if i.symbol == "ETH/USDT")


async def restarted_with(bench: Bench, *played: Instrument) -> None:
    """The venue again, over a market that plays these only."""
    await bench.connector.stop()
    bench.market = ScriptedMarket(played, SECURITIES)
    bench.connector = bench._new_connector()
    await bench.connector.start()


async def test_an_order_of_an_unlisted_instrument_is_refused_and_disturbs_nobody(bench: Bench) -> None:
    account, session, _ = await bench.session()
    nowhere = bench.order(account, SPOT, Side.BUY, "1", "60000", instrument_id=InstrumentId("PAPER:NO/NE"))
    (report,) = await session.submit(nowhere)
    assert report.reason == RejectReason.INSTRUMENT_NOT_TRADABLE
    assert kinds(await session.lookup([replace(nowhere, id=bench.order(account, SPOT, Side.BUY, "1").id)])) == [
        "Rejected"
    ]
    assert kinds(await session.submit(bench.order(account, SPOT, Side.BUY, "0.5"))) == ["Accepted", "Fill"]


async def test_orders_and_positions_outlive_their_market(bench: Bench) -> None:
    account, session, _ = await bench.session()
    margin, margin_session, _ = await bench.session(AccountType.MARGIN, number=2)
    resting = bench.order(account, ETHER, Side.BUY, "1", "3000")
    await session.submit(resting)
    await margin_session.submit(bench.order(margin, PERPETUAL, Side.BUY, "2", leverage=10))
    await restarted_with(bench, SPOT)
    listed = {i.id: i.status for i in (await bench.connector.instruments()).instruments}
    assert listed.pop(SPOT.id) is InstrumentStatus.ACTIVE
    assert len(listed) == len(INSTRUMENTS) - 1
    assert set(listed.values()) == {InstrumentStatus.INACTIVE}
    account, session, _ = await bench.session()
    (refused,) = await session.submit(bench.order(account, ETHER, Side.BUY, "1", "3000"))
    assert refused.reason == RejectReason.INSTRUMENT_NOT_TRADABLE
    assert kinds(await session.cancel(resting)) == ["Canceled"]
    _, margin_session, _ = await bench.session(AccountType.MARGIN, number=2)
    assert [p.quantity for p in (await margin_session.snapshot()).positions] == [Decimal(2)]
    await restarted_with(bench, *INSTRUMENTS)
    assert all(i.status is InstrumentStatus.ACTIVE for i in (await bench.connector.instruments()).instruments)


async def test_an_order_that_no_longer_fits_the_steps_is_canceled(bench: Bench) -> None:
    account, session, _ = await bench.session()
    fine, coarse = (bench.order(account, SPOT, Side.BUY, quantity, "50000") for quantity in ("1.00001", "1.001"))
    for order in (fine, coarse):
        await session.submit(order)
    await restarted_with(bench, replace(SPOT, lot_size=Decimal("0.001")))
    _, session, sink = await bench.session()
    await until(lambda: not bench.disk.orders[f"P{fine.id.hex}"].is_open, "the cancel")
    (canceled,) = [r for r in await session.lookup([fine, coarse]) if isinstance(r, CanceledReport)]
    assert (canceled.order_id, canceled.reason) == (fine.id, CancelReason.VENUE)
    assert [order.order_id for order in (await session.snapshot()).open_orders] == [coarse.id]
    assert sink.reports == []
