"""Connectors start in the background: one that hangs or fails delays nobody, and works when it comes up."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cadenza.application.market_data.run_venues import FIRST_TRY_MS_MAX, LOOK_MS, REFRESH_MS, VenueCondition
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import PAPER, InstrumentId, VenueId
from cadenza.ports.venue import VenueStatus
from tests.application.market_data.market_world import OKX, MarketWorld, VenueRun
from tests.inhouse_kit import until

OKX_BTC, PAPER_BTC = InstrumentId("OKX:BTC/USDT"), InstrumentId("PAPER:BTC/USDT")


@pytest.fixture
async def run() -> AsyncIterator[VenueRun]:
    made = VenueRun(MarketWorld())
    yield made
    await made.stop()


def shown(run: VenueRun, venue_id: VenueId) -> tuple[VenueStatus, str | None]:
    condition: VenueCondition = dict(run.venues.conditions())[venue_id]
    return condition.status, condition.cause


async def test_a_venue_is_offline_until_its_connector_has_started(run: VenueRun) -> None:
    assert [run.venues.status(venue_id) for venue_id in (OKX, PAPER)] == [VenueStatus.OFFLINE] * 2
    run.start()
    await run.venues.first_tries()
    assert [run.venues.status(venue_id) for venue_id in (OKX, PAPER)] == [VenueStatus.ONLINE] * 2
    assert run.venues.has_tried_all
    assert sorted(run.listed, key=str) == [OKX, PAPER]


async def test_a_connector_knows_what_is_stored_of_its_venue_before_it_starts(run: VenueRun) -> None:
    """Also what the venue has taken off its list since."""
    run.world.okx.hangs.add("start")
    run.world.okx.listed = []
    run.start()
    await until(lambda: run.world.okx.calls == ["start"], "the start")
    assert run.world.okx.remembered == [OKX_BTC]


async def test_a_start_that_hangs_holds_up_no_other_venue(run: VenueRun) -> None:
    run.world.okx.hangs.add("start")
    run.start()
    await run.venues.first_try(PAPER)
    assert run.world.books.top(PAPER_BTC) is not None
    assert (run.venues.status(PAPER), run.venues.status(OKX)) == (VenueStatus.ONLINE, VenueStatus.OFFLINE)
    assert not run.venues.has_tried_all
    waiting = asyncio.create_task(run.venues.first_try(OKX))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    run.world.clock.advance(FIRST_TRY_MS_MAX)
    assert run.venues.has_tried_all
    await run.venues.first_tries()


async def test_a_start_that_hangs_is_cut_off_and_tried_again(run: VenueRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadenza.application.market_data.run_venues.CONNECTOR_START_MS_MAX", 20)
    run.world.okx.hangs.add("start")
    run.start()
    await until(lambda: shown(run, OKX) == (VenueStatus.OFFLINE, "VENUE_UNAVAILABLE"))
    run.world.okx.hangs.clear()
    await until(lambda: run.venues.status(OKX) is VenueStatus.ONLINE)


@pytest.mark.parametrize(
    ("error", "cause"), [(VenueUnavailable("away"), "VENUE_UNAVAILABLE"), (KeyError("result"), "KeyError")]
)
async def test_a_start_that_fails_is_shown_with_its_cause_and_tried_again(
    run: VenueRun, error: Exception, cause: str
) -> None:
    run.world.okx.fails["start"] = error
    began_ms = run.world.clock.now_ms()
    run.start()
    await run.venues.first_tries()
    run.world.clock.advance(5_000)
    detail = "away" if isinstance(error, VenueUnavailable) else None
    assert dict(run.venues.conditions())[OKX] == VenueCondition(
        status=VenueStatus.OFFLINE, since_ms=began_ms, cause=cause, detail=detail
    )
    assert run.venues.has_tried_all
    run.world.okx.fails.clear()
    await until(lambda: shown(run, OKX) == (VenueStatus.ONLINE, None))
    assert run.changes == [(OKX, VenueStatus.OFFLINE, cause), (PAPER, VenueStatus.ONLINE, None),
                           (OKX, VenueStatus.ONLINE, None)]  # fmt: skip
    assert OKX in run.came_online


async def test_an_outage_of_a_started_venue_has_a_cause_and_the_instant_of_its_beginning(run: VenueRun) -> None:
    def condition() -> VenueCondition:
        run.world.clock.advance(LOOK_MS)
        return dict(run.venues.conditions())[OKX]

    run.start()
    await until(lambda: condition().status is VenueStatus.ONLINE)
    run.world.okx.state, run.world.okx.cause = VenueStatus.OFFLINE, "OKX answered 503"
    await until(lambda: condition().detail == "OKX answered 503")
    began = condition()
    assert (began.status, began.cause) == (VenueStatus.OFFLINE, "VENUE_UNAVAILABLE")
    run.world.okx.cause = "OKX could not be asked: dns"
    await until(lambda: condition().detail == "OKX could not be asked: dns")
    assert condition().since_ms == began.since_ms
    run.world.okx.state = VenueStatus.ONLINE
    await until(lambda: condition().status is VenueStatus.ONLINE)
    assert condition().detail is None


async def test_a_subscription_of_a_venue_that_is_down_is_fed_when_it_comes_up(run: VenueRun) -> None:
    run.world.okx.is_down = True
    run.world.books.want(OKX_BTC, "a subscription")
    run.start()
    await run.venues.first_tries()
    for _ in range(3):
        await run.maintain()
    assert run.world.books.top(OKX_BTC) is None
    run.world.okx.is_down = False
    await until(lambda: run.venues.status(OKX) is VenueStatus.ONLINE)
    await until(lambda: OKX in run.came_online)
    await run.maintain()
    assert run.world.books.top(OKX_BTC) is not None


async def test_a_list_that_cannot_be_read_keeps_no_book_shut(run: VenueRun) -> None:
    run.unlisted.add(OKX)
    run.world.books.want(OKX_BTC, "a subscription")
    run.start()
    await run.venues.first_tries()
    assert shown(run, OKX) == (VenueStatus.ONLINE, "VENUE_UNAVAILABLE")
    await run.maintain()
    assert run.world.books.top(OKX_BTC) is not None
    run.unlisted.clear()
    await until(lambda: shown(run, OKX) == (VenueStatus.ONLINE, None))


async def test_lists_are_read_again_after_a_while_and_when_a_venue_comes_back(run: VenueRun) -> None:
    run.start()
    await run.venues.first_tries()

    async def look() -> None:
        looks = run.looks
        run.world.clock.advance(LOOK_MS)
        await until(lambda: run.looks >= looks + 2, "both venues looked at")

    await look()
    assert run.listed.count(OKX) == 1
    run.world.okx.state = VenueStatus.MAINTENANCE
    await look()
    assert shown(run, OKX) == (VenueStatus.MAINTENANCE, None)
    run.world.okx.state = VenueStatus.ONLINE
    await look()
    await until(lambda: run.listed.count(OKX) == 2)
    assert run.listed.count(PAPER) == 1
    run.world.clock.advance(REFRESH_MS)
    await until(lambda: (run.listed.count(OKX), run.listed.count(PAPER)) == (3, 2))


async def test_a_venue_that_was_started_and_is_offline_is_not_started_again(run: VenueRun) -> None:
    """PAPER, taken over by another process, stays there: two processes that took it back would fight for ever."""
    run.start()
    await run.venues.first_tries()
    run.world.paper.state = VenueStatus.OFFLINE
    for _ in range(3):
        looks = run.looks
        run.world.clock.advance(LOOK_MS)
        await until(lambda: run.looks >= looks + 2, "both venues looked at")  # noqa: B023
    assert shown(run, PAPER) == (VenueStatus.OFFLINE, None)
    assert run.world.paper.calls.count("start") == 1
