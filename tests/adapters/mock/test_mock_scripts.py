"""MOCK: what each script has happen, and what a typing error has."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.adapters.mock.mock_bench import ASK, MockBench
from tests.inhouse_kit import SEND_WITHIN_MS, kinds

from cadenza.adapters.venues.mock import MalformedScript, Script
from cadenza.adapters.venues.mock.script import SCRIPTED_REASONS, STEPS, StepName
from cadenza.adapters.venues.mock.spec import DELAY_MS_MAX, PARTS_MAX
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.reports import CanceledReport, RejectedReport


@pytest.mark.parametrize("reason", SCRIPTED_REASONS)
async def test_reject(bench: MockBench, reason: RejectReason) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, f"mock.reject:{reason}")
    (report,) = await session.submit(order)
    assert isinstance(report, RejectedReport)
    assert report.reason == reason
    assert kinds(await session.lookup([order])) == ["Rejected"]
    assert sink.reports == []


async def test_rate_limited(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    (report,) = await session.submit(bench.order(account, "mock.rate-limited"))
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.RATE_LIMITED


async def test_never_arrives(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.never-arrives")
    assert kinds(await session.submit(order)) == ["UnknownOutcome"]
    assert bench.disk.orders == {}
    await bench.tick(SEND_WITHIN_MS)
    assert kinds(await session.lookup([order])) == ["UnknownOutcome"]
    await bench.tick(1)
    (report,) = await session.lookup([order])
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.NOT_FOUND_AT_VENUE
    (late,) = await session.submit(replace(order, send_before_ms=bench.clock.ms + SEND_WITHIN_MS))
    assert late.reason == RejectReason.NOT_FOUND_AT_VENUE
    assert sink.reports == []


async def test_rest(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    for price in ("70000", None):  # marketable, and MARKET: the script comes first
        order = bench.order(account, "mock.rest", price=price)
        assert kinds(await session.submit(order)) == ["Accepted"]
        await bench.tick(DELAY_MS_MAX)
        assert kinds(await session.cancel(order)) == ["Canceled"]
    assert sink.reports == []


async def test_fill_at_once_and_later(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    now, later = bench.order(account, "mock.fill"), bench.order(account, "mock.fill:300")
    accepted, fill = await session.submit(now)
    assert (fill.price, fill.quantity) == (Decimal(50000), Decimal(1))
    assert kinds(await session.submit(later)) == ["Accepted"]
    await bench.tick(299)
    assert sink.reports == []
    await bench.tick(1)
    (fill,) = await bench.delivered(sink, 1)
    assert (fill.order_id, fill.at_ms) == (later.id, accepted.at_ms + 300)


async def test_a_scripted_fill_is_never_worse_than_the_book(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    for price in (None, "70000"):
        _, fill = await session.submit(bench.order(account, "mock.fill", price=price))
        assert fill.price == Decimal(ASK)


async def test_partial_fills_come_one_by_one(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.partial:3:500", "0.00100")
    _, first = await session.submit(order)
    await bench.tick(499)
    assert sink.reports == []
    await bench.tick(1)
    await bench.delivered(sink, 1)
    await bench.tick(500)
    await bench.delivered(sink, 2)
    fills = [first, *sink.reports]
    assert [fill.quantity for fill in fills] == [Decimal("0.00033"), Decimal("0.00033"), Decimal("0.00034")]
    assert [fill.at_ms - first.at_ms for fill in fills] == [0, 500, 1000]
    assert len({fill.trade_id for fill in fills}) == 3
    await bench.tick(5_000)
    assert len(sink.reports) == 2


async def test_all_parts_at_once_and_too_many_parts(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    assert kinds(await session.submit(bench.order(account, "mock.partial:4"))) == ["Accepted", *["Fill"] * 4]
    (report,) = await session.submit(bench.order(account, "mock.partial:11", "0.00010"))
    assert isinstance(report, RejectedReport)
    assert report.reason == "INVALID_ORDER: 10 lots cannot be filled in 11 parts"


async def test_expire_and_cancel_by_the_venue(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    await session.submit(bench.order(account, "mock.expire:100"))
    await session.submit(bench.order(account, "mock.venue-cancel:200"))
    await bench.tick(100)
    await bench.delivered(sink, 1)
    await bench.tick(100)
    assert kinds(await bench.delivered(sink, 2)) == ["Expired", "Canceled"]
    assert [report.reason for report in sink.of(CanceledReport)] == [CancelReason.VENUE]


async def test_the_clock_ends_a_scripted_order_too(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    expiry = bench.clock.ms + 700
    order = bench.order(account, "mock.partial:3:500", time_in_force=TimeInForce.GTD, expire_at_ms=expiry, quantity="3")
    await session.submit(order)
    await bench.tick(5_000)
    assert kinds(await bench.delivered(sink, 2)) == ["Fill", "Expired"]


async def test_ack_delay(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.ack-delay:1000.fill:200")
    submit = bench.start(session.submit(order))
    await bench.until_at_work(order)
    other = bench.order(account, None)
    assert kinds(await session.submit(other)) == ["Accepted"]  # nobody else waits
    await bench.tick(200)
    assert kinds(await bench.delivered(sink, 1)) == ["Fill"]
    assert not submit.done()
    await bench.tick(800)
    assert kinds(await submit) == ["Accepted"]
    assert len(sink.reports) == 1


async def test_a_caller_that_does_not_wait_for_a_delayed_ack_gets_it_by_the_stream(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.ack-delay:1000.fill")
    submit = bench.start(session.submit(order))
    await bench.until_at_work(order)
    submit.cancel()
    assert kinds(await bench.delivered(sink, 2)) == ["Accepted", "Fill"]


async def test_ack_lost(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.ack-lost", price=None)
    assert kinds(await session.submit(order)) == ["UnknownOutcome"]
    assert kinds(await session.lookup([order])) == ["Accepted", "Fill"]
    later = bench.order(account, "mock.ack-lost.fill:100")
    assert kinds(await session.submit(later)) == ["UnknownOutcome"]
    await bench.tick(100)
    assert kinds(await bench.delivered(sink, 1)) == ["Fill"]
    assert sink.reports[0].order_id == later.id


async def test_fill_before_ack(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    sink.gate.clear()
    order = bench.order(account, "mock.fill-before-ack")
    submit = bench.start(session.submit(order))
    await bench.until_at_work(order)
    await bench.tick()
    assert not submit.done()
    sink.gate.set()
    assert kinds(await submit) == ["Accepted"]
    assert kinds(sink.reports) == ["Fill"]


async def test_a_part_before_the_ack(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    assert kinds(await session.submit(bench.order(account, "mock.fill-before-ack.partial:2:100"))) == ["Accepted"]
    assert kinds(sink.reports) == ["Fill"]
    await bench.tick(100)
    assert kinds(await bench.delivered(sink, 2)) == ["Fill", "Fill"]


async def test_duplicate_fill(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    reports = await session.submit(bench.order(account, "mock.duplicate-fill"))
    assert kinds(reports) == ["Accepted", "Fill"]
    assert await bench.delivered(sink, 2) == reports
    assert len(bench.disk.fills) == 1


async def test_cancel_refused(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.cancel-refused:2")
    await session.submit(order)
    for expected in ("CancelRefused", "CancelRefused", "Canceled"):
        assert kinds(await session.cancel(order)) == [expected]
    assert sink.reports == []


async def test_cancel_slow(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.partial:2:300.cancel-slow:500", "2")
    await session.submit(order)
    await bench.tick(100)
    assert await session.cancel(order) == []
    await bench.tick(100)
    assert await session.cancel(order) == []  # not begun again
    await bench.tick(100)
    assert kinds(await bench.delivered(sink, 1)) == ["Fill"]
    resting = bench.order(account, "mock.cancel-slow:500")
    await session.submit(resting)
    assert await session.cancel(resting) == []
    await bench.tick(499)
    assert len(sink.reports) == 1
    await bench.tick(1)
    assert kinds(await bench.delivered(sink, 2)) == ["Fill", "Canceled"]
    assert sink.reports[1].order_id == resting.id


async def test_cancel_too_late(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    order = bench.order(account, "mock.cancel-too-late")
    await session.submit(order)
    fill, refused = await session.cancel(order)
    assert kinds([fill, refused]) == ["Fill", "CancelRefused"]
    assert fill.quantity == 1
    assert refused.reason == "ALREADY_CLOSED"
    assert kinds(await session.lookup([order])) == ["Accepted", "Fill"]


async def test_late_fill(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.late-fill:400", "3")
    await session.submit(order)
    (canceled,) = await session.cancel(order)
    assert (kinds([canceled]), canceled.reason) == (["Canceled"], CancelReason.USER)
    assert kinds(await session.cancel(order)) == ["Canceled"]
    await bench.tick(399)
    assert sink.reports == []
    await bench.tick(1)
    confirmed, fill = await bench.delivered(sink, 2)
    assert kinds([confirmed, fill]) == ["Canceled", "Fill"]
    assert (fill.quantity, fill.at_ms - canceled.at_ms) == (Decimal("1.5"), 400)
    assert set(kinds(await session.lookup([order]))) == {"Accepted", "Fill", "Canceled"}
    assert kinds(await session.cancel(order))[-1] == "CancelRefused"


async def test_a_late_fill_of_one_lot_keeps_what_it_held_until_then(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    order = bench.order(account, "mock.late-fill:400", "9.9", side=Side.SELL, price="70000")
    await session.submit(order)
    await session.cancel(order)
    (refused,) = await session.submit(bench.order(account, None, "1", side=Side.SELL, price="70000"))
    assert isinstance(refused, RejectedReport)
    assert refused.reason == RejectReason.INSUFFICIENT_BALANCE
    await bench.tick(400)
    await bench.delivered(sink, 2)
    assert kinds(await session.submit(bench.order(account, None, "1", side=Side.SELL, price="70000"))) == ["Accepted"]
    smallest = bench.order(account, "mock.late-fill", "0.00010")
    await session.submit(smallest)
    await session.cancel(smallest)
    assert (await bench.delivered(sink, 4))[-1].quantity == Decimal("0.00005")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("mock", "a script is"),
        ("mock-7", "a script is"),
        ("Mock.rest", "a script is"),
        ("mock:rest", "a script is"),
        ("mock.", "there is no step ''"),
        ("mock.rset", "there is no step 'rset'"),
        ("mock.rest ", "there is no step 'rest '"),
        ("mock.rest 1 -", "there is no step"),
        ("mock.reject", "reject needs its REASON"),
        ("mock.reject:insufficient_balance", "must be one of"),
        ("mock.reject:DUPLICATE_SENT_ID", "must be one of"),
        ("mock.reject:OTHER.rest", "nothing else can happen"),
        ("mock.fill:-1", "whole number"),
        ("mock.fill:٣", "whole number"),
        ("mock.fill:99999999999999999999", "whole number"),
        (f"mock.fill:{DELAY_MS_MAX + 1}", "between 0 and"),
        ("mock.fill:1:2", "no more than 1"),
        ("mock.partial:0", "between 1 and"),
        (f"mock.partial:{PARTS_MAX + 1}", "between 1 and"),
        ("mock.partial::5", "whole number"),
        ("mock.rest.fill", "exclude each other"),
        ("mock.ack-lost.ack-delay:5", "exclude each other"),
        ("mock.fill-before-ack.rest", "needs a fill at once"),
        ("mock.duplicate-fill.fill:5", "needs a fill at once"),
        ("mock.cancel-slow", "cancel-slow needs its MS"),
    ],
)
async def test_a_malformed_script_is_refused_and_says_so(bench: MockBench, script: str, says: str) -> None:
    with pytest.raises(MalformedScript, match=says):
        Script.read(script)
    account, session, _ = await bench.session()
    (report,) = await session.submit(bench.order(account, script))
    assert isinstance(report, RejectedReport)
    assert report.reason.startswith("INVALID_ORDER: the script in clientOrderId: ")
    assert says.split("'")[0] in report.reason


def test_every_step_has_a_group() -> None:
    assert set(STEPS) == set(StepName)


async def test_the_suffix_may_be_anything(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    for suffix in ("", "1", "#.mock:reject", "é 中"):
        order = bench.order(account, None, client_order_id=f"mock.fill#{suffix}")
        assert kinds(await session.submit(order)) == ["Accepted", "Fill"]
