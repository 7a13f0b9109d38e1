"""PAPER on spot: orders, money and what is reports."""

from dataclasses import replace
from decimal import Decimal

from tests.inhouse_kit import SEND_WITHIN_MS, as_acknowledged, kinds, replayed, until
from tests.paper_bench import SPOT, Bench

from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, RejectReason
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.reports import (
    CanceledReport,
    ExpiredReport,
    FillReport,
    RejectedReport,
    TriggerMovedReport,
)


async def test_a_market_order_takes_the_book_and_pays_the_taker_fee(bench: Bench) -> None:
    account, session, sink = await bench.session()
    reports = await session.submit(bench.order(account, SPOT, Side.BUY, "1.5"))
    assert kinds(reports) == ["Accepted", "Fill", "Fill"]
    first, second = reports[1:]
    assert (first.price, first.quantity, first.fees) == (Decimal(60010), Decimal(1), (Fee("USDT", Decimal("60.010")),))
    assert (second.price, second.quantity) == (Decimal(60020), Decimal("0.5"))
    assert first.liquidity is LiquiditySide.TAKER
    owner = account.external.external_id
    assert bench.total(owner, "BTC") == Decimal("11.5")
    cost = Decimal(60010) + Decimal(30010)
    assert bench.total(owner, "USDT") == 1_000_000 - cost * Decimal("1.001")
    assert sink.reports == []


async def test_what_was_taken_is_not_there_again(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await session.submit(bench.order(account, SPOT, Side.BUY, "1"))
    reports = await session.submit(bench.order(account, SPOT, Side.BUY, "1"))
    assert [r.price for r in reports[1:]] == [Decimal(60020)]


async def test_a_resting_order_is_filled_by_the_market_and_reported_by_the_stream(bench: Bench) -> None:
    account, session, sink = await bench.session()
    reports = await session.submit(bench.order(account, SPOT, Side.BUY, "1", "60005"))
    assert kinds(reports) == ["Accepted"]
    bench.market.level(SPOT, Side.SELL, "60005", "0.4")
    await bench.tick()
    await until(lambda: len(sink.fills) == 1)
    (fill,) = sink.fills
    assert (fill.price, fill.quantity, fill.liquidity) == (Decimal(60005), Decimal("0.4"), LiquiditySide.MAKER)
    assert fill.fees == (Fee("USDT", Decimal(60005) * Decimal("0.4") * Decimal("0.0008")),)


async def test_cancel_frees_what_the_order_held(bench: Bench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, SPOT, Side.SELL, "10", "70000")
    await session.submit(order)
    refused = await session.submit(bench.order(account, SPOT, Side.SELL, "1", "70000"))
    assert kinds(refused) == ["Rejected"]
    assert refused[0].reason == RejectReason.INSUFFICIENT_BALANCE
    (canceled,) = await session.cancel(order)
    assert isinstance(canceled, CanceledReport)
    assert canceled.reason is CancelReason.USER
    assert kinds(await session.submit(bench.order(account, SPOT, Side.SELL, "1", "70000"))) == ["Accepted"]
    assert kinds(await session.cancel(order)) == ["Accepted", "Canceled", "CancelRefused"]
    assert sink.reports == []


async def test_a_buy_holds_its_price_and_the_fee(bench: Bench) -> None:
    account, session, _ = await bench.session()
    just_too_much = bench.order(account, SPOT, Side.BUY, "20", "50000")
    assert kinds(await session.submit(just_too_much)) == ["Rejected"]
    assert kinds(await session.submit(bench.order(account, SPOT, Side.BUY, "19.98", "50000"))) == ["Accepted"]


async def test_an_order_asked_twice_is_executed_once(bench: Bench) -> None:
    account, session, _ = await bench.session()
    order = bench.order(account, SPOT, Side.BUY, "0.5")
    first = await session.submit(order)
    again = await session.submit(order)
    assert as_acknowledged(again) == first
    assert again[0].executed_quantity == order.quantity
    assert bench.total(account.external.external_id, "BTC") == Decimal("10.5")


async def test_times_in_force(bench: Bench) -> None:
    account, session, sink = await bench.session()
    ioc = await session.submit(bench.order(account, SPOT, Side.BUY, "2", "60010", time_in_force=TimeInForce.IOC))
    assert kinds(ioc) == ["Accepted", "Fill", "Canceled"]
    assert ioc[-1].reason is CancelReason.IOC_REMAINDER
    fok = await session.submit(bench.order(account, SPOT, Side.BUY, "9", "60020", time_in_force=TimeInForce.FOK))
    assert kinds(fok) == ["Accepted", "Canceled"]
    assert fok[-1].reason is CancelReason.FOK_NOT_FILLABLE
    gtx = await session.submit(bench.order(account, SPOT, Side.BUY, "1", "60020", time_in_force=TimeInForce.GTX))
    assert gtx[0].reason == RejectReason.POST_ONLY_WOULD_TAKE
    expiry = bench.clock.ms + 500
    gtd = bench.order(account, SPOT, Side.BUY, "1", "59000", time_in_force=TimeInForce.GTD, expire_at_ms=expiry)
    assert kinds(await session.submit(gtd)) == ["Accepted"]
    await bench.tick(499)
    assert sink.reports == []
    await bench.tick(1)
    await until(lambda: bool(sink.reports))
    assert isinstance(sink.reports[0], ExpiredReport)


async def test_a_trailing_stop_follows_then_triggers(bench: Bench) -> None:
    account, session, sink = await bench.session()
    bench.market.trade(SPOT, "60010")
    await bench.tick()
    stop = bench.order(account, SPOT, Side.SELL, "1", type=OrderType.TRAILING_STOP, stop="59910")
    assert kinds(await session.submit(stop)) == ["Accepted"]
    bench.market.trade(SPOT, "60020")
    await bench.tick()
    await until(lambda: bool(sink.reports))
    (moved,) = sink.of(TriggerMovedReport)
    assert moved.stop_price == Decimal(59920)
    bench.show(SPOT, {"59900": "5"}, {"60100": "1"})
    bench.market.trade(SPOT, "59900")
    await bench.tick()
    await until(lambda: bool(sink.fills))
    assert [fill.order_id for fill in sink.fills] == [stop.id]


async def test_what_cannot_work_is_refused(bench: Bench) -> None:
    account, session, _ = await bench.session()
    for bad in (
        bench.order(account, SPOT, Side.BUY, "0.000001", "60000"),
        bench.order(account, SPOT, Side.BUY, "1", "60000.001"),
        bench.order(account, SPOT, Side.BUY, "0.00001", "1"),
        bench.order(account, SPOT, Side.BUY, "1", type=OrderType.QUOTED),
        bench.order(account, SPOT, Side.BUY, "1", "60000", leverage=2),
    ):
        (report,) = await session.submit(bad)
        assert isinstance(report, RejectedReport)
        assert report.reason == RejectReason.INVALID_ORDER


async def test_two_accounts_trade_with_each_other_and_the_sums_stay(bench: Bench) -> None:
    one, first, first_sink = await bench.session()
    two, second, _ = await bench.session(number=2, secrets=Secrets("another key", "x", None))
    await first.submit(bench.order(one, SPOT, Side.BUY, "1", "60005"))
    reports = await second.submit(bench.order(two, SPOT, Side.SELL, "1", "60005"))
    assert kinds(reports) == ["Accepted", "Fill"]
    await until(lambda: len(first_sink.fills) == 1)
    assert first_sink.fills[0].trade_id == reports[1].trade_id
    totals = bench.connector._exchange.office.ledger.totals()
    for asset in {asset for _, asset in totals}:
        assert sum(total for (_, of), total in totals.items() if of == asset) == 0


async def test_lookup_reports_the_truth_and_refuses_lastingly_what_cannot_arrive_any_more(bench: Bench) -> None:
    account, session, _ = await bench.session()
    filled, missing = bench.order(account, SPOT, Side.BUY, "0.5"), bench.order(account, SPOT, Side.BUY, "0.5")
    await session.submit(filled)
    await bench.tick(SEND_WITHIN_MS)
    reports = await session.lookup([filled, missing])
    assert kinds(reports) == ["Accepted", "Fill", "UnknownOutcome"]
    assert reports[0].executed_quantity == filled.quantity
    assert reports[-1].cause == "it may still arrive"
    await bench.tick(1)
    reports = await session.lookup([filled, missing])
    assert kinds(reports) == ["Accepted", "Fill", "Rejected"]
    assert reports[-1].reason == RejectReason.NOT_FOUND_AT_VENUE
    (late,) = await session.submit(replace(missing, send_before_ms=bench.clock.ms + SEND_WITHIN_MS))
    assert late.reason == RejectReason.NOT_FOUND_AT_VENUE
    assert bench.total(account.external.external_id, "BTC") == Decimal("10.5")


async def test_replay_reports_everything_since(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await session.submit(bench.order(account, SPOT, Side.BUY, "0.5"))
    await bench.tick(1000)
    since = bench.clock.ms
    open_order = bench.order(account, SPOT, Side.BUY, "0.5", "50000")
    await session.submit(open_order)
    assert kinds(await replayed(session, 0)) == ["Accepted", "Fill", "Accepted"]
    assert [r.order_id for r in await replayed(session, since)] == [open_order.id]


async def test_the_market_alone_writes_nothing(bench: Bench) -> None:
    await bench.session()
    before = bench.disk.commits
    for price in range(60011, 60100):
        bench.market.level(SPOT, Side.SELL, str(price), "1")
        await bench.tick()
    assert bench.disk.commits == before


async def test_a_second_trading_account_of_the_same_key_sees_external_orders(bench: Bench) -> None:
    one, first, _ = await bench.session(number=1)
    _, _, other_sink = await bench.session(number=2)
    await first.submit(bench.order(one, SPOT, Side.BUY, "0.5"))
    await until(lambda: len(other_sink.reports) == 2)
    assert kinds(other_sink.reports) == ["ExternalOrder", "Fill"]
    fill = other_sink.reports[1]
    assert isinstance(fill, FillReport)
    assert fill.order_id is None
    assert fill.venue_order_id == other_sink.reports[0].venue_order_id


async def test_nothing_is_delivered_after_close(bench: Bench) -> None:
    account, session, sink = await bench.session()
    await session.submit(bench.order(account, SPOT, Side.BUY, "1", "60005"))
    await session.close()
    await session.close()
    bench.market.level(SPOT, Side.SELL, "60005", "1")
    await bench.tick()
    await bench.tick()
    assert sink.reports == []
