"""What PAPER promises when things go wrong: failed commits, lost replies, slow sinks, other writers, restarts."""

import asyncio
import contextlib
from decimal import Decimal
from uuid import UUID

import pytest
from tests.inhouse_kit import (
    KEY,
    SEND_WITHIN_MS,
    BookKeeper,
    RecordingSink,
    as_acknowledged,
    kinds,
    trading_account,
    until,
)
from tests.paper_bench import SPOT, Bench

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.inhouse.runner import RunnerLimits
from cadenza.adapters.venues.paper import FeeRates, PaperVenueSettings
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import (
    CredentialRejected,
    DatabaseUnavailable,
    InstrumentNotFound,
    InvalidCredential,
    VenueUnavailable,
)
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import FillReport, NotSentReport
from cadenza.exchange.records import VenueState
from cadenza.ports.exchange_ledger import ORDERS_PER_PAGE_MAX
from cadenza.ports.venue import VenueStatus


async def online(bench: Bench) -> None:
    def is_online() -> bool:
        bench.clock.advance(250)
        return bench.connector.status() is VenueStatus.ONLINE

    await until(is_online, "the venue's return")


async def test_a_commit_that_failed_did_not_happen(bench: Bench) -> None:
    account, session, sink = await bench.session()
    before = bench.total(account.external.external_id, "USDT")
    bench.disk.failures.append("lost")
    order = bench.order(account, SPOT, Side.BUY, "0.5")
    assert kinds(await session.submit(order)) == ["UnknownOutcome"]
    await online(bench)
    assert bench.total(account.external.external_id, "USDT") == before
    await bench.tick(SEND_WITHIN_MS + 1)
    (report,) = await session.lookup([order])
    assert report.reason == RejectReason.NOT_FOUND_AT_VENUE
    # The market shows again what the order had taken in vain.
    again = await session.submit(bench.order(account, SPOT, Side.BUY, "1"))
    assert [r.price for r in again[1:]] == [Decimal(60010)]
    assert sink.fills == []


async def test_a_commit_whose_reply_was_lost_did_happen(bench: Bench) -> None:
    account, session, sink = await bench.session()
    bench.disk.failures.append("reply lost")
    order = bench.order(account, SPOT, Side.BUY, "0.5")
    assert kinds(await session.submit(order)) == ["UnknownOutcome"]
    await online(bench)
    assert bench.total(account.external.external_id, "BTC") == Decimal("10.5")
    await until(lambda: len(sink.reports) == 2)
    assert kinds(sink.reports) == ["Accepted", "Fill"]
    looked_up = await session.lookup([order])
    assert looked_up == sink.reports
    assert looked_up[0].executed_quantity == order.quantity
    assert [r.price for r in (await session.submit(bench.order(account, SPOT, Side.BUY, "1")))[1:]] == [
        Decimal(60010),
        Decimal(60020),
    ]


async def test_while_the_database_is_away_nothing_is_taken(bench: Bench) -> None:
    account, session, _ = await bench.session()
    ledger, is_away = bench.connector._runner.ledger, True
    reload = ledger.reload

    async def reload_if_there() -> VenueState:
        if is_away:
            raise DatabaseUnavailable("away")
        return await reload()

    ledger.reload = reload_if_there
    bench.disk.failures.append("lost")
    await session.submit(bench.order(account, SPOT, Side.BUY, "0.5"))
    order = bench.order(account, SPOT, Side.BUY, "0.5")
    (report,) = await session.submit(order)
    assert isinstance(report, NotSentReport)
    assert kinds(await session.cancel(order)) == []
    assert kinds(await session.lookup([order])) == ["UnknownOutcome"]
    with pytest.raises(VenueUnavailable):
        await session.snapshot()
    is_away = False
    await online(bench)
    assert kinds(await session.submit(bench.order(account, SPOT, Side.BUY, "0.5"))) == ["Accepted", "Fill"]


async def test_a_caller_that_left_gets_the_report_by_the_stream(bench: Bench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, SPOT, Side.BUY, "0.5")
    task = asyncio.create_task(session.submit(order))
    held = asyncio.Event()
    commit = bench.connector._runner.ledger.commit

    async def slow_commit(changes: object) -> None:
        task.cancel()
        await held.wait()
        await commit(changes)

    bench.connector._runner.ledger.commit = slow_commit
    with contextlib.suppress(asyncio.CancelledError):
        await task
    held.set()
    await until(lambda: len(sink.reports) == 2)
    assert kinds(sink.reports) == ["Accepted", "Fill"]
    looked_up = await session.lookup([order])
    assert as_acknowledged(looked_up) == sink.reports
    assert looked_up[0].executed_quantity == order.quantity


async def test_a_slow_sink_holds_up_nobody_and_loses_nothing() -> None:
    bench = Bench(PaperVenueSettings(limits=RunnerLimits(queued_reports_max=5)))
    await bench.connector.start()
    account, session, sink = await bench.session()
    other_account, other, other_sink = await bench.session(number=2, secrets=Secrets("another", "x", None))
    sink.gate.clear()
    for _ in range(20):
        await session.submit(bench.order(account, SPOT, Side.BUY, "0.01", "60005"))
    for _ in range(20):
        bench.market.level(SPOT, Side.SELL, "60005", "0")
        bench.market.level(SPOT, Side.SELL, "60005", "0.01")
        await bench.tick()
        reports = await other.submit(bench.order(other_account, SPOT, Side.BUY, "0.00100"))
        assert kinds(reports) == ["Accepted", "Fill"]
    assert other_sink.reports == []
    assert len(bench.connector._runner.report_queues[account.external.external_id][0]._waiting) <= 5
    sink.gate.set()
    await until(lambda: len({fill.trade_id for fill in sink.fills}) == 20)
    snapshot = await session.snapshot()
    assert {b.asset: b.total for b in snapshot.balances}["BTC"] == Decimal("10.2")
    await bench.connector.stop()


async def test_what_a_slow_sink_missed_is_read_a_page_at_a_time() -> None:
    """In small batches, each order's reports in their order, and what happens meanwhile comes after it."""
    bench = Bench(PaperVenueSettings(limits=RunnerLimits(queued_reports_max=1)))
    await bench.connector.start()
    account, session, sink = await bench.session()
    resting = [bench.order(account, SPOT, Side.BUY, "0.01", str(50_000 - n)) for n in range(ORDERS_PER_PAGE_MAX + 20)]
    for order in resting:
        await session.submit(order)
    sink.gate.clear()
    report_queue = bench.connector._runner.report_queues[account.external.external_id][0]
    first_ms = bench.clock.ms
    deliver, sizes = sink.deliver, []

    async def failing_at_first(reports: list[object]) -> None:
        await deliver(reports)
        sizes.append(len(reports))
        if len(sizes) == 1:
            raise DatabaseUnavailable("away")

    sink.deliver = failing_at_first
    report_queue.note_gap(0)
    await until(lambda: bool(report_queue._page), "the first page")
    assert report_queue._history is not None
    assert len(report_queue._page) == ORDERS_PER_PAGE_MAX
    bench.market.level(SPOT, Side.SELL, "50000", "0.01")
    await bench.tick()
    sink.gate.set()

    def is_delivered() -> bool:
        bench.clock.advance(250)
        return session.is_caught_up()

    await until(is_delivered, "the rest")
    assert max(sizes) <= ORDERS_PER_PAGE_MAX + 20
    assert {report.order_id for report in sink.reports} == {order.id for order in resting}
    assert kinds([report for report in sink.reports if report.order_id == resting[0].id])[-1] == "Fill"
    assert sink.reports[-1].at_ms > first_ms
    await bench.connector.stop()


async def test_a_snapshot_comes_after_what_happened_before_it(bench: Bench) -> None:
    account, session, sink = await bench.session()
    await session.submit(bench.order(account, SPOT, Side.BUY, "1", "60005"))
    sink.gate.clear()
    assert session.is_caught_up()
    bench.market.level(SPOT, Side.SELL, "60005", "0.4")
    await bench.tick()
    assert not session.is_caught_up()
    snapshot = asyncio.create_task(session.snapshot())
    await bench.tick()
    assert not snapshot.done()
    sink.gate.set()
    shown = await snapshot
    assert session.is_caught_up()
    assert len(sink.fills) == 1
    assert {b.asset: b.total for b in shown.balances}["BTC"] == Decimal("10.4")
    assert [order.order_id for order in shown.open_orders] == [UUID(int=1)]


async def test_a_sink_that_fails_is_tried_again(bench: Bench) -> None:
    account, session, sink = await bench.session()
    deliver, failures = sink.deliver, [RuntimeError("full"), RuntimeError("full")]

    async def failing(reports: object) -> None:
        if failures:
            raise failures.pop()
        await deliver(reports)

    sink.deliver = failing
    await session.submit(bench.order(account, SPOT, Side.BUY, "1", "60005"))
    bench.market.level(SPOT, Side.SELL, "60005", "0.4")
    await bench.tick()

    def has_come() -> bool:
        bench.clock.advance(250)
        return bool(sink.fills)

    await until(has_come)
    assert len(sink.fills) == 1


async def test_another_writer_ends_this_one(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await bench.disk.writer().take_over()
    assert kinds(await session.submit(bench.order(account, SPOT, Side.BUY, "0.5"))) == ["UnknownOutcome"]
    assert bench.connector.status() is VenueStatus.OFFLINE
    (report,) = await session.submit(bench.order(account, SPOT, Side.BUY, "0.5"))
    assert isinstance(report, NotSentReport)
    assert bench.disk.fills == []


async def test_orders_work_on_after_a_restart(bench: Bench) -> None:
    account, session, _ = await bench.session()
    resting = bench.order(account, SPOT, Side.BUY, "1", "60005")
    await session.submit(resting)
    await bench.connector.stop()
    await bench.restart()
    _, session, sink = await bench.session()
    bench.market.level(SPOT, Side.SELL, "60005", "1")
    await bench.tick()
    await until(lambda: bool(sink.fills))
    assert sink.fills[0].order_id == resting.id
    assert bench.disk.trade_sequence == 1
    assert set(kinds(await session.lookup([resting]))) == {"Accepted", "Fill"}


async def run_seeded(seed: int) -> list[tuple[str, Decimal, Decimal, int]]:
    """Fixed commands at fixed times over the synthetic market; what was filled."""
    from cadenza.adapters.venues.paper import PaperConnector
    from cadenza.adapters.venues.paper.market import MarketSettings, open_market

    settings = PaperVenueSettings(seed=seed, latency_ms_min=5, latency_ms_max=40)
    bench = Bench(settings)
    bench.connector = PaperConnector(
        source=open_market(MarketSettings(seed=seed), start_ms=bench.clock.ms),
        ledger=bench.disk.writer(),
        clock=bench.clock,
        failpoints=bench.failpoints,
        settings=settings,
    )
    await bench.connector.start()
    account, session, sink = await bench.session()
    reports = []
    for n in range(40):
        side = Side.BUY if n % 3 else Side.SELL
        submit = asyncio.create_task(session.submit(bench.order(account, SPOT, side, "0.05", str(60000 + n % 7))))
        await asyncio.sleep(0)
        for _ in range(10):
            await bench.tick(10)
        reports += await submit
    await until(lambda: bench.connector._runner.report_queues[account.external.external_id][0].is_idle)
    await bench.connector.stop()
    fills = sorted((r for r in [*reports, *sink.reports] if isinstance(r, FillReport)), key=lambda r: int(r.trade_id))
    return [(r.trade_id, r.price, r.quantity, r.at_ms) for r in fills]


async def test_the_same_seed_and_times_give_the_same_fills() -> None:
    first = await run_seeded(7)
    assert first
    assert first == await run_seeded(7)
    assert first != await run_seeded(8)


async def test_the_book_is_published_without_a_gap(bench: Bench) -> None:
    account, session, _ = await bench.session()
    keeper = BookKeeper()
    await bench.connector.open_book(SPOT.id, keeper)
    await bench.connector.open_book(SPOT.id, keeper)
    assert keeper.snapshots == 1
    await session.submit(bench.order(account, SPOT, Side.BUY, "0.25", "60005"))
    await session.submit(bench.order(account, SPOT, Side.BUY, "1.5"))
    bench.market.level(SPOT, Side.BUY, "60001", "3")
    await bench.tick()
    exchange = bench.connector._exchange

    def shown(side: Side) -> dict[Decimal, Decimal]:
        return {ticks * SPOT.pip_size: lots * SPOT.lot_size for ticks, lots in exchange.depth(SPOT.id, side, 99)}

    assert keeper.bids == shown(Side.BUY)
    assert keeper.asks == shown(Side.SELL) == {Decimal(60020): Decimal("1.5")}
    assert keeper.bids[Decimal(60005)] == Decimal("0.25")
    assert [(t.price, t.quantity, t.aggressor) for t in keeper.trades] == [
        (Decimal(60010), Decimal(1), Side.BUY),
        (Decimal(60020), Decimal("0.5"), Side.BUY),
    ]
    bench.disk.failures.append("lost")
    await session.submit(bench.order(account, SPOT, Side.BUY, "0.5"))
    await online(bench)
    assert keeper.asks == {Decimal(60020): Decimal("1.5")}
    await bench.connector.close_book(SPOT.id)
    bench.market.level(SPOT, Side.BUY, "60002", "3")
    await bench.tick()
    assert Decimal(60002) not in keeper.bids
    with pytest.raises(InstrumentNotFound):
        await bench.connector.open_book(InstrumentId("PAPER:NO/NE"), keeper)


async def test_any_key_is_good_and_reaches_its_own_accounts_only(bench: Bench) -> None:
    first = (await bench.connector.verify(CredentialType.HMAC, KEY)).accounts
    again = await bench.connector.verify(CredentialType.API_KEY, Secrets(KEY.api_key, "changed", "x"))
    assert first == again.accounts
    other = (await bench.connector.verify(CredentialType.HMAC, Secrets("other", "x", None))).accounts
    assert not {e.external_id for e in first} & {e.external_id for e in other}
    with pytest.raises(InvalidCredential):
        bench.connector.check_credential(CredentialType.HMAC, Secrets("", "x", None))
    with pytest.raises(CredentialRejected):
        await bench.connector.open_session(
            trading_account(bench.connector.spec.venue_id, other[0]), CredentialType.HMAC, KEY, RecordingSink()
        )


async def test_the_venue_has_room_for_so_many_accounts() -> None:
    bench = Bench(PaperVenueSettings(accounts=AccountSettings(accounts_max=3)))
    await bench.connector.start()
    await bench.connector.verify(CredentialType.HMAC, KEY)
    with pytest.raises(VenueUnavailable):
        await bench.connector.verify(CredentialType.HMAC, Secrets("other", "x", None))
    await bench.connector.verify(CredentialType.HMAC, KEY)
    await bench.connector.stop()


async def test_settings_that_make_money_from_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="rebate"):
        PaperVenueSettings(fees=FeeRates(maker=Decimal("-0.002"), taker=Decimal("0.001")))
