"""MOCK without a script, after a restart, and with margin."""

from decimal import Decimal

import pytest
from tests.adapters.mock.mock_bench import ASK, BID, BTC, ETH, PERPETUAL, MockBench
from tests.inhouse_kit import BookKeeper, as_acknowledged, kinds, until

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, RejectReason
from cadenza.domain.trading.execution import Fee


async def test_a_market_order_is_filled_at_the_book(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    _, bought = await session.submit(bench.order(account, None, price=None))
    _, sold = await session.submit(bench.order(account, "my own id", price=None, side=Side.SELL))
    assert (bought.price, sold.price) == (Decimal(ASK), Decimal(BID))
    assert bought.fees == (Fee("USDT", Decimal(ASK) * Decimal("0.0005")),)
    assert sink.reports == []
    owner = account.external.external_id
    assert bench.total(owner, "BTC") == 10
    assert bench.total(owner, "USDT") == 1_000_000 - 20 - Decimal("0.0005") * (Decimal(ASK) + Decimal(BID))


async def test_a_marketable_limit_is_filled_and_others_rest(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    _, fill = await session.submit(bench.order(account, None, price="60010"))
    assert (fill.price, fill.liquidity) == (Decimal(60010), LiquiditySide.TAKER)
    resting = bench.order(account, None, price="60009.99")
    assert kinds(await session.submit(resting)) == ["Accepted"]
    assert kinds(await session.cancel(resting)) == ["Canceled"]


async def test_times_in_force_without_a_script(bench: MockBench) -> None:
    account, session, sink = await bench.session()

    async def submit(time_in_force: TimeInForce, price: str, **fields: int) -> list[str]:
        order = bench.order(account, None, "0.1", price, time_in_force=time_in_force, **fields)
        reports = await session.submit(order)
        reasons = [str(report.reason) for report in reports if hasattr(report, "reason")]
        return [*kinds(reports), *reasons]

    for taking in (TimeInForce.IOC, TimeInForce.FOK):
        assert await submit(taking, "60010") == ["Accepted", "Fill"]
    assert await submit(TimeInForce.IOC, "60000") == ["Accepted", "Canceled", CancelReason.IOC_REMAINDER]
    assert await submit(TimeInForce.FOK, "60000") == ["Accepted", "Canceled", CancelReason.FOK_NOT_FILLABLE]
    assert await submit(TimeInForce.GTX, "60010") == ["Rejected", RejectReason.POST_ONLY_WOULD_TAKE]
    assert await submit(TimeInForce.GTX, "60000") == ["Accepted"]
    assert await submit(TimeInForce.GTD, "60000", expire_at_ms=bench.clock.ms) == ["Rejected", "INVALID_ORDER"]
    assert await submit(TimeInForce.GTD, "60000", expire_at_ms=bench.clock.ms + 200) == ["Accepted"]
    await bench.tick(200)
    assert kinds(await bench.delivered(sink, 1)) == ["Expired"]


@pytest.mark.parametrize(
    ("type", "side", "waits", "through"),
    [
        (OrderType.STOP, Side.BUY, "60000.01", "60000"),
        (OrderType.STOP_LOSS, Side.SELL, "59999.99", "60000"),
        (OrderType.TAKE_PROFIT, Side.BUY, "59999.99", "60000"),
        (OrderType.TAKE_PROFIT, Side.SELL, "60000.01", "60000"),
        (OrderType.TRAILING_STOP, Side.SELL, "59900", "60100"),
    ],
)
async def test_stops_wait_for_a_price_that_never_comes(
    bench: MockBench, type: OrderType, side: Side, waits: str, through: str
) -> None:
    account, session, _ = await bench.session()
    waiting = bench.order(account, None, price=None, type=type, side=side, stop=waits)
    assert kinds(await session.submit(waiting)) == ["Accepted"]
    (refused,) = await session.submit(bench.order(account, None, price=None, type=type, side=side, stop=through))
    assert refused.reason == RejectReason.STOP_WOULD_TRIGGER
    triggered = bench.order(account, "mock.fill", price=None, type=type, side=side, stop=waits)
    _, fill = await session.submit(triggered)
    assert fill.price == Decimal(ASK if side is Side.BUY else BID)


async def test_what_cannot_be_paid_is_refused(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    for script in (None, "mock.fill", "mock.ack-lost"):
        (report,) = await session.submit(bench.order(account, script, "17", price=None))
        assert report.reason == RejectReason.INSUFFICIENT_BALANCE
    (report,) = await session.submit(bench.order(account, None, "1", type=OrderType.QUOTED, price=None))
    assert report.reason == RejectReason.INVALID_ORDER


async def test_the_book_is_calm(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    keepers = {instrument.id: BookKeeper() for instrument in (BTC, ETH, PERPETUAL)}
    for instrument in (BTC, ETH, PERPETUAL):
        keeper = keepers[instrument.id]
        await bench.connector.open_book(instrument.id, keeper)
        assert len(keeper.bids) == len(keeper.asks) == 5
        assert min(keeper.asks.values()) == instrument.max_quantity
    before = dict(keepers[BTC.id].asks)
    assert min(before) == Decimal(ASK)
    await session.submit(bench.order(account, None, "3", price=None))
    await bench.tick()
    assert keepers[BTC.id].asks == before
    ((price, quantity, aggressor),) = [(t.price, t.quantity, t.aggressor) for t in keepers[BTC.id].trades]
    assert (price, quantity, aggressor) == (Decimal(ASK), Decimal(3), Side.BUY)


async def test_margin(bench: MockBench) -> None:
    account, session, sink = await bench.session(AccountType.MARGIN)
    _, fill = await session.submit(bench.order(account, None, "2", None, instrument=PERPETUAL, leverage=10))
    assert fill.price == Decimal(ASK)
    (position,) = (await session.snapshot()).positions
    assert (position.quantity, position.entry_price, position.leverage) == (Decimal(2), Decimal(ASK), 10)
    (refused,) = await session.submit(bench.order(account, None, "500", None, instrument=PERPETUAL, leverage=20))
    assert refused.reason == RejectReason.INSUFFICIENT_MARGIN
    late = bench.order(account, "mock.late-fill:10", "5", None, instrument=PERPETUAL, side=Side.SELL)
    await session.submit(late)
    await session.cancel(late)
    await bench.tick(20)  # the snapshot above ended its millisecond, so the venue's clock is ahead of ours
    await bench.delivered(sink, 2)
    (position,) = (await session.snapshot()).positions
    assert position.quantity == Decimal("-0.5")


async def test_a_restart_in_the_midst_of_a_script_goes_on(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    parts = bench.order(account, "mock.partial:4:1000", "4")
    slow = bench.order(account, "mock.cancel-slow:1500")
    late = bench.order(account, "mock.late-fill:1500", "2")
    refusing = bench.order(account, "mock.cancel-refused:2")
    for order in (parts, slow, late, refusing):
        await session.submit(order)
    await bench.tick(1000)
    for order in (slow, late, refusing):
        await session.cancel(order)
    await bench.restart()
    _, session, sink = await bench.session()
    assert kinds(await session.cancel(refusing)) == ["CancelRefused"]
    assert kinds(await session.cancel(refusing)) == ["Canceled"]
    await bench.tick(1000)
    assert kinds(await bench.delivered(sink, 1)) == ["Fill"]
    bench.clock.advance(1000)  # while nobody runs the venue, time goes on
    await bench.restart()
    account, session, sink = await bench.session()
    await bench.tick(0)
    reports = await session.lookup([parts, slow, late])
    fills = {
        order.id: [r.quantity for r in reports if r.order_id == order.id and hasattr(r, "trade_id")]
        for order in (parts, slow, late)
    }
    assert fills == {parts.id: [Decimal(1)] * 4, slow.id: [], late.id: [Decimal(1)]}
    assert [r.order_id for r in reports if kinds([r]) == ["Canceled"]] == [slow.id, late.id]
    assert sink.reports == []  # it happened before this session opened
    assert bench.connector._exchange.office.open_orders() == []


async def test_a_commit_that_failed_takes_the_step_back(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.partial:2:1000", "2")
    await session.submit(order)
    bench.disk.failures.append("lost")
    bench.clock.advance(1000)
    await bench.recovered()
    await until(lambda: len({fill.trade_id for fill in sink.fills}) == 2)
    assert len(bench.disk.fills) == 2


async def test_an_order_asked_twice_follows_its_script_once(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    order = bench.order(account, "mock.partial:2:100", "2")
    first = await session.submit(order)
    assert as_acknowledged(await session.submit(order)) == first
    await bench.tick(1000)
    assert len(bench.disk.fills) == 2


async def test_the_venue_has_room_for_so_many_orders(bench: MockBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadenza.adapters.venues.mock.execution.OPEN_ORDERS_MAX", 1)
    account, session, _ = await bench.session()
    resting = bench.order(account, None)
    assert kinds(await session.submit(resting)) == ["Accepted"]
    (report,) = await session.submit(bench.order(account, None))
    assert report.reason == RejectReason.RATE_LIMITED
    await session.cancel(resting)
    assert kinds(await session.submit(bench.order(account, None))) == ["Accepted"]


async def test_every_asset_an_account_opens_with_is_listed(bench: MockBench) -> None:
    _, session, _ = await bench.session()
    held = {balance.asset for balance in (await session.snapshot()).balances}
    assert held <= {security.symbol for security in await bench.connector.securities()}
