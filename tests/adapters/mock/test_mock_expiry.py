"""On MOCK whatever falls due happens at its own instant, however late the venue gets to it."""

import pytest
from tests.adapters.mock.mock_bench import MockBench
from tests.inhouse_kit import kinds, replayed, until

from cadenza.domain.market.enums import TimeInForce
from cadenza.domain.trading.reports import ExpiredReport

LONG_MS = 10_000


@pytest.mark.parametrize("time_in_force", [TimeInForce.GTD, TimeInForce.DAY])
async def test_an_order_that_expires_while_the_venue_is_down_has_its_own_instant(
    bench: MockBench, time_in_force: TimeInForce
) -> None:
    account, session, _ = await bench.session()
    expiry = bench.clock.ms + 500
    await session.submit(bench.order(account, None, time_in_force=time_in_force, expire_at_ms=expiry))
    await bench.connector.stop()
    bench.clock.advance(LONG_MS)
    await bench.restart()
    _, again, _ = await bench.session()
    assert [report.at_ms for report in await replayed(again) if isinstance(report, ExpiredReport)] == [expiry]
    assert [order.updated_at_ms for order in bench.disk.orders.values()] == [expiry]


async def test_a_script_that_goes_on_while_the_venue_is_down_ends_with_the_expiry(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    start, expiry = bench.clock.ms, bench.clock.ms + 700
    fields = {"time_in_force": TimeInForce.GTD, "expire_at_ms": expiry, "quantity": "3"}
    await session.submit(bench.order(account, "mock.partial:3:500", **fields))
    await bench.connector.stop()
    bench.clock.advance(LONG_MS)
    await bench.restart()
    _, again, _ = await bench.session()
    reports = await replayed(again)
    assert kinds(reports) == ["Accepted", "Fill", "Fill", "Expired"]
    assert [report.at_ms for report in reports] == [start, start, start + 500, expiry]


async def test_a_slow_venue_stamps_an_expiry_with_its_instant(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    expiry = bench.clock.ms + 500
    await session.submit(bench.order(account, None, time_in_force=TimeInForce.GTD, expire_at_ms=expiry))
    await bench.tick(LONG_MS)
    await until(lambda: bool(sink.reports), "the expiry")
    assert [report.at_ms for report in sink.of(ExpiredReport)] == [expiry]


async def test_an_expiry_whose_commit_failed_keeps_its_instant(bench: MockBench) -> None:
    account, session, sink = await bench.session()
    expiry = bench.clock.ms + 500
    await session.submit(bench.order(account, None, time_in_force=TimeInForce.GTD, expire_at_ms=expiry))
    bench.disk.failures.append("lost")
    bench.clock.advance(LONG_MS)
    await bench.recovered()
    await until(lambda: bool(sink.of(ExpiredReport)), "the expiry")
    assert {report.at_ms for report in sink.of(ExpiredReport)} == {expiry}
