"""Executions at BITFINEX that are reported before the venue has computed their fees."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal as D
from functools import partial

import pytest
from tests.adapters.bitfinex.executions_world import Questions, Wire, fill, kinds_of_life, live_on, passing
from tests.bitfinex_kit import BitfinexDesk
from tests.inhouse_kit import replayed, until

from cadenza.adapters.venues.bitfinex import owed_fees
from cadenza.adapters.venues.bitfinex.owed_fees import ASK_PAUSE_MS, OWED_MS_MAX, PAUSE_MS_MAX, WINDOW_MS
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.reports import FillReport, Report, UnreadableReport
from cadenza.simulators.bitfinex.private_feeds import AccountFrame
from cadenza.simulators.bitfinex.trading import queries

FEE = 9
"""The place of the fee in an execution."""


class Fees:
    """Whether the venue has computed the fees that it lists."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.are_computed = False
        row = queries.trade_row
        monkeypatch.setattr(queries, "trade_row", lambda trade, has_fee: row(trade, has_fee=self.are_computed))


@pytest.fixture
def fees(monkeypatch: pytest.MonkeyPatch) -> Fees:
    return Fees(monkeypatch)


async def in_replay(desk: BitfinexDesk, accepted: Sequence[Report]) -> Sequence[Report]:
    """Cut the connection, and replay the gap."""
    await desk.venue.cut()
    await until(passing(desk, lambda: kinds_of_life(desk) == ["lost", "restored"]), "the new connection")
    return await replayed(desk.session, int(desk.sink.life[-1][1]))


async def in_lookup(desk: BitfinexDesk, accepted: Sequence[Report]) -> Sequence[Report]:
    return await desk.session.lookup([desk.believed(accepted)])


async def in_question(desk: BitfinexDesk, accepted: Sequence[Report]) -> Sequence[Report]:
    await until(passing(desk, lambda: len(desk.sink.fills) == 1), "the answer")
    return []


async def in_stream(desk: BitfinexDesk, accepted: Sequence[Report]) -> Sequence[Report]:
    """A `tu` that has no fee."""
    await until(lambda: len(desk.sink.fills) == 1, "the message")
    return []


def _without_fee(frame: AccountFrame) -> AccountFrame:
    if frame.kind != "tu":
        return frame
    assert isinstance(frame.row, list)
    return replace(frame, row=[*frame.row[:FEE], None, None, *frame.row[FEE + 2 :]])


@pytest.mark.parametrize("read", [in_replay, in_lookup, in_question, in_stream])
async def test_an_execution_counts_at_once_and_its_fee_once_the_venue_lists_it(
    spot: BitfinexDesk, fees: Fees, read: Callable[[BitfinexDesk, Sequence[Report]], object]
) -> None:
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = () if read is in_stream else ("tu",)
    wire.change = _without_fee
    accepted = await spot.session.submit(spot.order)
    await fill(spot, "1")
    found = await read(spot, accepted)  # type: ignore[misc]
    before = spot.believed(accepted, found)
    assert (before.status, before.executed_quantity, before.fees) == (OrderStatus.FILLED, D(1), ())
    await live_on(spot, 5 * ASK_PAUSE_MS)
    assert spot.believed(accepted, found).fees == ()
    fees.are_computed = True
    await until(passing(spot, lambda: any(each.fees for each in spot.sink.fills)), "the fee")
    after = spot.believed(accepted, found)
    assert (len(after.fees), after.executed_quantity) == (1, D(1))
    asked = len(questions.asked_ms)
    wire.change = lambda frame: frame
    wire.release()
    await live_on(spot, 2 * PAUSE_MS_MAX)
    assert spot.believed(accepted, found).fees == after.fees
    assert len(questions.asked_ms) == asked
    assert "lost" not in kinds_of_life(spot)[2:]


async def test_a_connection_that_ends_does_not_end_the_asking(spot: BitfinexDesk, fees: Fees) -> None:
    wire = Wire(spot)
    wire.withheld = ("tu",)
    accepted = await spot.session.submit(spot.order)
    await fill(spot, "1")
    found = await in_lookup(spot, accepted)
    await spot.venue.cut()
    await until(passing(spot, lambda: kinds_of_life(spot) == ["lost", "restored"]), "the new connection")
    fees.are_computed = True
    await until(passing(spot, lambda: bool(spot.sink.fills)), "the fee")
    assert spot.believed(accepted, found).fees


async def test_a_fee_that_comes_in_the_stream_is_not_asked_for(spot: BitfinexDesk, fees: Fees) -> None:
    wire, questions = Wire(spot), Questions(spot)
    wire.withheld = ("tu",)
    accepted = await spot.session.submit(spot.order)
    await fill(spot, "1")
    found = await in_lookup(spot, accepted)
    wire.release()
    await until(lambda: len(spot.sink.fills) == 1, "the fee")
    asked = len(questions.asked_ms)
    await live_on(spot, 4 * ASK_PAUSE_MS)
    assert len(questions.asked_ms) == asked
    assert spot.believed(accepted, found).fees


async def test_the_pause_between_two_questions_about_a_fee_grows_and_an_alarm_follows_the_last(
    spot: BitfinexDesk, fees: Fees
) -> None:
    wire, questions = Wire(spot), Questions(spot)
    wire.change = _without_fee
    await spot.session.submit(spot.order)
    await fill(spot, "1")
    owed_ms = spot.venue.clock.monotonic_ms()

    def look() -> bool:
        spot.venue.clock.advance(ASK_PAUSE_MS // 2)
        return bool(spot.sink.of(UnreadableReport))

    await until(look, "the alarm")
    assert questions.asked_ms[-1] - owed_ms >= OWED_MS_MAX
    pauses_ms = [b - a for a, b in zip(questions.asked_ms, questions.asked_ms[1:], strict=False)]
    assert all(pause >= min(ASK_PAUSE_MS * 2**n, PAUSE_MS_MAX) for n, pause in enumerate(pauses_ms))
    assert len(pauses_ms) >= OWED_MS_MAX // (PAUSE_MS_MAX + 4 * ASK_PAUSE_MS)
    (report,) = spot.sink.of(UnreadableReport)
    assert "fee" in report.why
    assert str(spot.sink.fills[0].trade_id) in report.text
    asked = len(questions.asked_ms)
    await live_on(spot, 2 * ASK_PAUSE_MS)
    assert len(questions.asked_ms) == asked


async def test_questions_without_an_answer_end_no_asking(spot: BitfinexDesk, fees: Fees) -> None:
    wire = Wire(spot)
    wire.change = _without_fee
    accepted = await spot.session.submit(spot.order)
    await fill(spot, "1")
    await spot.venue.fault("trades.hist", "error_before", times=1_000)
    until_ms = spot.venue.clock.monotonic_ms() + OWED_MS_MAX + PAUSE_MS_MAX

    def look() -> bool:
        spot.venue.clock.advance(ASK_PAUSE_MS)
        return spot.venue.clock.monotonic_ms() >= until_ms

    await until(look, "the end of the hour")
    await spot.venue.disarm()
    fees.are_computed = True
    await until(passing(spot, lambda: len(spot.sink.fills) == 2), "the fee")
    assert spot.believed(accepted).fees
    assert spot.sink.of(UnreadableReport) == []


async def test_one_question_is_about_the_fees_of_one_window(
    spot: BitfinexDesk, fees: Fees, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So an old fee does not make it read all that happened since."""
    wire = Wire(spot)
    wire.change = _without_fee
    accepted = await spot.session.submit(spot.order)
    listed: list[int] = []
    await fill(spot, "0.2", "0.3")
    await live_on(spot, 2 * WINDOW_MS)
    await fill(spot, "0.5")
    found = owed_fees.OwedFees._found

    def noted(self: owed_fees.OwedFees, lines: Sequence[object]) -> list[Report]:
        listed.append(len(lines))
        return found(self, lines)  # type: ignore[arg-type]

    monkeypatch.setattr(owed_fees.OwedFees, "_found", noted)
    fees.are_computed = True
    await until(passing(spot, partial(_have_come, spot, 3)), "the fees")
    assert sorted(listed) == [1, 2]
    assert len(spot.believed(accepted).executions) == 3


def _have_come(desk: BitfinexDesk, count: int) -> bool:
    return len({each.trade_id for each in desk.sink.of(FillReport) if each.fees}) == count


async def test_only_so_many_fees_are_asked_for(spot: BitfinexDesk, fees: Fees, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed_fees, "OWED_MAX", 2)
    wire = Wire(spot)
    wire.change = _without_fee
    await spot.session.submit(spot.order)
    await fill(spot, "0.2", "0.3", "0.5")
    await until(passing(spot, lambda: len(spot.sink.of(UnreadableReport)) == 1), "the alarm")
    assert spot.sink.fills[0].trade_id in spot.sink.of(UnreadableReport)[0].text
    fees.are_computed = True
    await until(passing(spot, partial(_have_come, spot, 2)), "the fees")
