"""An order's deadline: when it is not sent any more, and from when on an unknown order is proved dead."""

import asyncio
from dataclasses import replace

from tests.adapters.inhouse.inhouse_venues import THROUGH, InHouseVenue
from tests.inhouse_kit import SEND_WITHIN_MS, kinds, until
from tests.paper_bench import SPOT, Bench

from cadenza.adapters.venues.paper import PaperVenueSettings
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import NotSentReport


async def test_an_order_is_sent_until_its_deadline_and_not_later(venue: InHouseVenue) -> None:
    account, session, sink = await venue.bench.session()
    in_time, late = venue.order(account, THROUGH), venue.order(account, THROUGH)
    await venue.bench.tick(SEND_WITHIN_MS)
    assert kinds(await session.submit(in_time)) == ["Accepted", "Fill"]
    await venue.bench.tick(1)
    (report,) = await session.submit(late)
    assert isinstance(report, NotSentReport)
    assert report.order_id == late.id
    assert not venue.is_stored(late)
    assert sink.reports == []


async def test_an_order_that_arrives_after_its_deadline_is_refused() -> None:
    bench = Bench(PaperVenueSettings(latency_ms_min=100, latency_ms_max=100))
    await bench.connector.start()
    account, session, _ = await bench.session()
    order = bench.order(account, SPOT, Side.BUY, "0.5", send_before_ms=bench.clock.ms + 99)
    submit = asyncio.create_task(session.submit(order))
    await until(lambda: bool(bench.connector._runner._due), "the order's way to the venue")
    bench.clock.advance(100)
    (report,) = await submit
    assert isinstance(report, NotSentReport)
    assert bench.disk.orders == {}
    (report,) = await session.lookup([order])
    assert report.reason == RejectReason.NOT_FOUND_AT_VENUE
    await bench.connector.stop()


async def test_an_unknown_order_may_still_arrive_until_its_deadline(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    order = venue.order(account)
    await venue.bench.tick(SEND_WITHIN_MS)
    (report,) = await session.lookup([order])
    assert (kinds([report]), report.cause) == (["UnknownOutcome"], "it may still arrive")
    assert not venue.is_stored(order)
    assert kinds(await session.submit(order)) == ["Accepted"]


async def test_an_unknown_order_is_refused_for_ever_after_its_deadline(venue: InHouseVenue) -> None:
    account, session, sink = await venue.bench.session()
    order = venue.order(account)
    await venue.bench.tick(SEND_WITHIN_MS + 1)
    for _ in range(2):
        (report,) = await session.lookup([order])
        assert report.reason == RejectReason.NOT_FOUND_AT_VENUE
    assert venue.is_stored(order)
    sent_again = replace(order, send_before_ms=venue.bench.clock.ms + SEND_WITHIN_MS)
    (report,) = await session.submit(sent_again)
    assert report.reason == RejectReason.NOT_FOUND_AT_VENUE
    assert sink.reports == []


async def test_what_was_recorded_before_the_venue_started_cannot_arrive_any_more(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    before = venue.order(account)
    await venue.bench.tick(1)
    await venue.bench.restart()
    account, session, _ = await venue.bench.session()
    since = venue.order(account)
    reports = await session.lookup([before, since])
    assert kinds(reports) == ["Rejected", "UnknownOutcome"]
    assert [report.order_id for report in reports] == [before.id, since.id]


async def test_a_working_order_is_found_before_and_after_its_deadline(venue: InHouseVenue) -> None:
    account, session, _ = await venue.bench.session()
    resting, filled = venue.order(account), venue.order(account, THROUGH)
    for order in (resting, filled):
        await session.submit(order)
    for _ in range(2):
        reports = await session.lookup([resting, filled])
        assert kinds(reports) == ["Accepted", "Accepted", "Fill"]
        assert [report.executed_quantity for report in reports[:2]] == [0, filled.quantity]
        await venue.bench.tick(SEND_WITHIN_MS + 1)
