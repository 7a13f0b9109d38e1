"""On PAPER an order expires at its own instant, however late the venue gets to it."""

from decimal import Decimal

import pytest
from tests.inhouse_kit import replayed, until
from tests.paper_bench import SPOT, Bench

from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.trading.reports import ExpiredReport
from cadenza.ports.venue import VenueStatus

ETH = next(i for i in INSTRUMENTS if i.symbol == "ETH/USDT")
LONG_MS = 10_000
VERY_LONG_MS = 90_000
"""Longer than a market catches up with: it counts as a pause."""


@pytest.mark.parametrize("time_in_force", [TimeInForce.GTD, TimeInForce.DAY])
async def test_an_order_that_expires_while_the_venue_is_down_has_its_own_instant(
    bench: Bench, time_in_force: TimeInForce
) -> None:
    account, session, _ = await bench.session()
    expiry = bench.clock.ms + 500
    fields = {"time_in_force": time_in_force, "expire_at_ms": expiry}
    await session.submit(bench.order(account, SPOT, Side.BUY, "1", "59000", **fields))
    await bench.connector.stop()
    bench.clock.advance(LONG_MS)
    await bench.restart()
    _, again, _ = await bench.session()
    expired = [report for report in await replayed(again) if isinstance(report, ExpiredReport)]
    assert [report.at_ms for report in expired] == [expiry]
    assert [order.updated_at_ms for order in bench.disk.orders.values()] == [expiry]


async def test_the_market_after_the_expiry_does_not_fill_the_order(bench: Bench) -> None:
    account, session, _ = await bench.session()
    expiry = bench.clock.ms + 500
    fields = {"time_in_force": TimeInForce.GTD, "expire_at_ms": expiry}
    await session.submit(bench.order(account, SPOT, Side.BUY, "1", "59000", **fields))
    await bench.connector.stop()
    bench.clock.advance(LONG_MS)
    await bench.restart(books=False)
    bench.show(SPOT, {"58000": "1"}, {"58900": "5"})
    await bench.tick()
    _, again, _ = await bench.session()
    assert [report.at_ms for report in await replayed(again) if isinstance(report, ExpiredReport)] == [expiry]
    assert bench.disk.fills == []
    assert bench.total(account.external.external_id, "USDT") == Decimal(1_000_000)


@pytest.mark.parametrize("step_ms", [LONG_MS, VERY_LONG_MS])
async def test_a_slow_venue_stamps_expiries_with_their_instants_and_reports_them_in_time_order(
    bench: Bench, step_ms: int
) -> None:
    account, session, sink = await bench.session()
    first, second = bench.clock.ms + 300, bench.clock.ms + 800
    bench.show(ETH, {"2999": "1"}, {"3001": "1"})
    later = bench.order(account, SPOT, Side.BUY, "1", "59000", time_in_force=TimeInForce.GTD, expire_at_ms=second)
    sooner = bench.order(account, ETH, Side.BUY, "1", "2900", time_in_force=TimeInForce.GTD, expire_at_ms=first)
    await session.submit(later)
    await session.submit(sooner)
    bench.show(SPOT, {"60000": "1"}, {"60010": "1"})  # at the end of the step: the market moves after both expiries
    await bench.tick(step_ms)
    await until(lambda: len(sink.reports) == 2, "the expiries")
    assert [(report.order_id, report.at_ms) for report in sink.of(ExpiredReport)] == [
        (sooner.id, first),
        (later.id, second),
    ]


async def test_an_expiry_whose_commit_failed_keeps_its_instant(bench: Bench) -> None:
    account, session, sink = await bench.session()
    expiry = bench.clock.ms + 500
    fields = {"time_in_force": TimeInForce.GTD, "expire_at_ms": expiry}
    await session.submit(bench.order(account, SPOT, Side.BUY, "1", "59000", **fields))
    bench.disk.failures.append("lost")
    bench.clock.advance(LONG_MS)

    def is_back() -> bool:
        bench.clock.advance(50)
        return not bench.disk.failures and bench.connector.status() is VenueStatus.ONLINE

    await until(is_back, "the venue's return")
    await until(lambda: bool(sink.of(ExpiredReport)), "the expiry")
    assert {report.at_ms for report in sink.of(ExpiredReport)} == {expiry}
