"""The life of a session, at every venue that has a simulator: streams that break or fall silent, a venue that is away,
clocks that jump.

A venue's tests derive a class from the cases, and give the fixture `desk`.
"""

import asyncio
import sys
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.inhouse_kit import kinds, replayed, until
from tests.simulated_kit import Comparisons, SimulatedDesk

from cadenza.adapters.venues.kit.stream_check import CHECK_EVERY_MS
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.reports import FillReport, NotSentReport
from cadenza.ports.venue import VenueStatus

HALF = Decimal("0.5")


class LifeCases:
    """The cases. `desk` has an order of 1 that rests."""

    async def test_a_stream_that_falls_silent_is_noticed_by_comparison(self, desk: SimulatedDesk) -> None:
        """It stays open and brings nothing more. As always, the platform has read the account before that."""
        await desk.session.snapshot()
        await desk.session.submit(desk.order)
        await until(lambda: "ExternalOrder" in kinds(desk.sink.reports), "the stream works")
        await desk.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})
        silent_since = desk.venue.clock.monotonic_ms()  # which is the venue's clock
        await desk.fill()

        desk.venue.clock.advance(CHECK_EVERY_MS)

        def is_lost() -> bool:
            desk.venue.clock.advance(10)
            return "lost" in [what for what, _ in desk.sink.life]

        await until(is_lost, "the silence was noticed")
        await desk.venue.disarm()
        await until(lambda: [what for what, _ in desk.sink.life] == ["lost", "restored"], "another stream")
        restored = desk.sink.life[-1][1]
        assert isinstance(restored, int)
        assert restored <= silent_since
        again = await replayed(desk.session, restored)
        assert desk.believed(again).executed_quantity == HALF

    async def test_a_stream_that_was_silent_is_trusted_once_it_was_opened_again(self, desk: SimulatedDesk) -> None:
        """A snapshot lists an order that the silent stream did not bring. That is not held against the next stream,
        which has nothing to say of it."""
        await desk.session.snapshot()
        await desk.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})
        await desk.session.submit(desk.order)
        listing = asyncio.create_task(desk.session.snapshot())  # fails where the order locks money: that shows at once

        def is_lost() -> bool:
            desk.venue.clock.advance(CHECK_EVERY_MS if listing.done() else 10)
            return "lost" in [what for what, _ in desk.sink.life]

        await until(is_lost, "the silence was noticed")
        await asyncio.gather(listing, return_exceptions=True)
        await desk.venue.disarm()
        await until(lambda: [what for what, _ in desk.sink.life] == ["lost", "restored"], "another stream")
        await desk.session.snapshot()
        compared = Comparisons(desk.session)

        def is_compared() -> bool:
            desk.venue.clock.advance(100)
            return len(compared.found) >= 3

        await until(is_compared, "three comparisons")
        assert compared.found == [True] * 3
        assert [what for what, _ in desk.sink.life] == ["lost", "restored"]

    async def test_a_quiet_stream_is_not_taken_for_a_silent_one(self, desk: SimulatedDesk) -> None:
        await desk.session.snapshot()
        await pass_checks(desk, 5)
        assert desk.sink.life == []
        assert desk.session.is_caught_up()

    async def test_an_idle_account_asks_for_a_short_gap_only(self, desk: SimulatedDesk) -> None:
        """The gap begins where the stream was last known to work, not with its last message."""
        await desk.session.snapshot()
        await pass_checks(desk, 4)
        before = desk.session.venue_time_ms()
        await desk.venue.cut()
        await until(lambda: len(desk.sink.life) == 2, "the stream's return")
        since = desk.sink.life[-1][1]
        assert isinstance(since, int)
        assert before - since < 2 * CHECK_EVERY_MS

    async def test_a_stream_that_ends_comes_back_and_says_so(self, desk: SimulatedDesk) -> None:
        for action in desk.stream_ends:
            desk.sink.life.clear()
            await desk.venue.post("sockets", {"action": action})
            await until(lambda: [what for what, _ in desk.sink.life] == ["lost", "restored"], "the stream's return")
        await desk.session.submit(desk.order)
        await desk.fill()
        await until(lambda: bool(desk.sink.fills), "the stream brings news again")

    async def test_what_was_missed_while_the_connector_was_dead_is_found(self, desk: SimulatedDesk) -> None:
        accepted = await desk.session.submit(desk.order)
        since = accepted[0].at_ms
        await desk.connector.stop()
        await desk.fill()
        await desk.again()
        again = await replayed(desk.session, since)
        assert desk.believed(accepted, again).executed_quantity == HALF
        snapshot = await desk.session.snapshot()
        (shown,) = snapshot.open_orders
        assert shown.executed_quantity == HALF
        await desk.session.cancel(desk.believed(accepted, again))
        await until(lambda: desk.believed(accepted, again).status is OrderStatus.CANCELED, "the end")

    async def test_a_venue_that_goes_down_is_offline_until_it_answers_again(self, desk: SimulatedDesk) -> None:
        await desk.venue.fault("*", "reset_before", times=100_000)
        await desk.venue.cut()
        await until(lambda: desk.connector.status() is VenueStatus.OFFLINE, "the venue is away")
        assert not desk.session.is_caught_up()
        with pytest.raises(VenueUnavailable):
            await desk.session.snapshot()
        await desk.venue.disarm()

        def is_back() -> bool:
            desk.venue.clock.advance(20)
            return desk.connector.status() is VenueStatus.ONLINE and desk.session.is_caught_up()

        await until(is_back, "the venue's return")
        assert kinds(await desk.session.submit(desk.resting("0.1"))) == ["Accepted"]

    @pytest.mark.parametrize("jump_ms", [3_000, -3_000, 40_000, -40_000])
    async def test_a_venue_whose_clock_jumps_takes_orders_again(self, desk: SimulatedDesk, jump_ms: int) -> None:
        """A timestamp that is too far away is refused with proof; the clock is then measured again."""
        await desk.venue.post("faults", {"clock_offset_ms": jump_ms})
        first = await desk.session.submit(desk.resting("0.1"))
        assert kinds(first) == (["Accepted"] if jump_ms in desk.tolerated_jumps_ms else ["Rejected"])
        if jump_ms not in desk.tolerated_jumps_ms:
            await until(lambda: _is_noticed(desk, jump_ms), "the jump was noticed")
        assert kinds(await desk.session.submit(desk.resting("0.1"))) == ["Accepted"]

    async def test_a_step_of_our_wall_clock_moves_no_time_of_the_venue(self, desk: SimulatedDesk) -> None:
        before = desk.session.venue_time_ms()
        desk.venue.clock.wall_offset_ms = -3_000
        assert abs(desk.session.venue_time_ms() - before) < 1_000
        assert kinds(await desk.session.submit(desk.resting("0.1"))) == ["Accepted"]
        desk.venue.clock.wall_offset_ms = 60_000
        late = await desk.session.submit(desk.order)
        assert isinstance(late[0], NotSentReport)

    async def test_events_that_come_twice_or_swapped_are_booked_once(self, desk: SimulatedDesk) -> None:
        events = [{"on": "user", "kind": kind} for kind in ("duplicate", "duplicate", "swap", "duplicate")]
        await desk.venue.post("faults", {"events": events})
        accepted = await desk.session.submit(desk.order)
        await desk.fill()
        await desk.fill()
        await until(lambda: len({each.trade_id for each in desk.sink.of(FillReport)}) == 2, "both fills")
        assert desk.believed(accepted).status is OrderStatus.FILLED


async def pass_checks(desk: SimulatedDesk, count: int) -> None:
    """Let time pass until the quiet stream was compared so often. A comparison takes as long as this machine needs for
    it, so time passes slowly meanwhile."""
    compared = Comparisons(desk.session)

    def is_compared() -> bool:
        desk.venue.clock.advance(1 if compared.is_under_way else 1_000)
        return len(compared.found) >= count

    await until(is_compared, "the comparisons")


def _is_noticed(desk: SimulatedDesk, jump_ms: int) -> bool:
    """Whether the session's idea of the venue's time has jumped too."""
    ahead_ms = desk.session.venue_time_ms() - desk.venue.clock.monotonic_ms()
    return bool(abs(ahead_ms - jump_ms) < abs(jump_ms) / 2)


class DelistingCases:
    """Where the venue answers about an instrument that it lists no more. BINANCE does not."""

    async def test_what_happened_in_an_instrument_that_left_the_list_while_nobody_listened_is_told(
        self, desk: SimulatedDesk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        accepted = await desk.session.submit(desk.order)
        stored = (await desk.connector.instruments()).instruments
        await desk.connector.stop()
        await desk.fill()
        module = sys.modules[type(desk.connector).__module__]
        read = module.read_catalogue

        async def without(*of: Any) -> Any:
            found = await read(*of)
            listed = tuple(each for each in found.instruments if each.id != desk.instrument.id)
            return replace(found, instruments=listed)

        monkeypatch.setattr(module, "read_catalogue", without)
        await desk.again(stored)
        found = await replayed(desk.session, accepted[0].at_ms)
        assert desk.believed([*accepted, *found]).executed_quantity == HALF
        assert desk.believed(await desk.session.lookup([desk.order])).status is OrderStatus.PARTIALLY_FILLED
