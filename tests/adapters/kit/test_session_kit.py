"""What networked sessions share: their life, delivery, calls about orders, comparisons, the venue's clock."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import cast
from uuid import UUID

import pytest
from tests.adapters.binance.binance_world import order
from tests.inhouse_kit import ManualClock, RecordingSink, until

from cadenza.adapters.venues.kit import session_life
from cadenza.adapters.venues.kit.account_reading import ReadMoney, ReadOpenOrders
from cadenza.adapters.venues.kit.delivery import BATCH_REPORTS_MAX, ReportDelivery
from cadenza.adapters.venues.kit.fact_numbers import FactNumbers
from cadenza.adapters.venues.kit.held_news import HELD_MAX, HeldNews
from cadenza.adapters.venues.kit.known_account import KnownAccount
from cadenza.adapters.venues.kit.order_calls import OrderCalls, SubmitCall
from cadenza.adapters.venues.kit.order_names import names_of
from cadenza.adapters.venues.kit.session_life import FIRST_LOOK_MS, SessionLife
from cadenza.adapters.venues.kit.session_link import LinkState, SessionLink
from cadenza.adapters.venues.kit.user_stream import UserStream
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, OrderId, TradingAccountId
from cadenza.domain.trading.reports import BalanceReport, NotSentReport, Report, WithdrawnReport

ACCOUNT = TradingAccountId(UUID(int=1))


def balance(asset: str, total: str, at_ms: int = 1) -> BalanceReport:
    return BalanceReport(
        account_id=ACCOUNT, at_ms=at_ms, asset=asset, total=D(total), locked=D(0), borrowed=D(0), as_of=at_ms
    )


# --- the life of a session


def test_the_sink_hears_each_loss_once_and_since_when_news_may_be_missing() -> None:
    sink = RecordingSink()
    link = SessionLink(sink)
    link.lost("before the first time")
    link.live(100)
    link.worked_until(500)
    link.lost("cut")
    link.lost("cut again")
    link.worked_until(900)
    assert sink.life == [("lost", "cut")]
    link.live(1_000)
    link.live(1_000)
    assert sink.life == [("lost", "cut"), ("restored", 500)]
    link.ended("revoked")
    link.ended("revoked")
    link.lost("too late")
    assert sink.life[2:] == [("ended", "revoked")]


class WaitingStream:
    """Stands for a `UserStream` that waits for its turn to connect."""

    def __init__(self) -> None:
        self.had_turn = asyncio.Event()
        self.is_busy = False

    def start(self) -> None:
        """Nothing comes of it."""

    async def close(self) -> None:
        """There is nothing to end."""


async def test_a_session_that_opens_is_patient_with_our_own_pace_and_not_with_the_venue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_life, "FIRST_LIVE_MS_MAX", 0)
    clock, streams = ManualClock(), [WaitingStream(), WaitingStream()]
    life = SessionLife(
        account_id=ACCOUNT, sink=RecordingSink(), clock=clock, venue_clock=VenueClock(clock, _no_time), stream="stream",
        settled_until=lambda instant_ms: instant_ms,
    )  # fmt: skip
    life.follow(*cast(list[UserStream], streams))
    opening = asyncio.create_task(life.first_live(lambda: None))
    for stream in streams:
        for _ in range(20):
            await asyncio.sleep(0)
        assert not opening.done()
        stream.had_turn.set()
    with pytest.raises(VenueUnavailable, match="the stream does not open"):
        await opening
    await life.close()


class OneBalance:
    """Implements `AccountSource`: an account with one balance. `steps` is what was read, in order."""

    states_locked_in_stream = True

    def __init__(self) -> None:
        self.steps: list[str] = []

    async def money(self) -> ReadMoney:
        self.steps.append("money")
        return ReadMoney((balance("BTC", "1"),), ())

    async def open_orders(self) -> ReadOpenOrders:
        self.steps.append("orders")
        return ReadOpenOrders(())

    async def open_orders_of(self, instruments: frozenset[InstrumentId]) -> ReadOpenOrders:
        return await self.open_orders()

    async def past(self) -> list[Report]:
        self.steps.append("past")
        return []


def life_of(source: OneBalance, clock: ManualClock) -> SessionLife:
    life = SessionLife(
        account_id=ACCOUNT, sink=RecordingSink(), clock=clock, venue_clock=VenueClock(clock, _no_time), stream="stream",
        settled_until=lambda instant_ms: instant_ms,
    )  # fmt: skip
    life.reader(source)
    life.live()
    return life


async def test_a_replay_begins_with_the_first_look_at_the_account() -> None:
    """What the stream leaves out after the replay then differs from what was read before it."""
    source, clock = OneBalance(), ManualClock()
    life = life_of(source, clock)
    assert await life.looked_first(source.past()) == []
    assert await life.looked_first(source.past()) == []
    assert source.steps == ["money", "past", "past"]
    assert not life.known.agrees([balance("BTC", "2")])
    await life.close()


async def test_a_session_that_is_left_alone_looks_at_its_account_once_for_each_stream() -> None:
    source, clock = OneBalance(), ManualClock()
    life = life_of(source, clock)
    for expected in (1, 2):
        for _ in range(3):
            for _ in range(10):
                await asyncio.sleep(0)
            clock.advance(FIRST_LOOK_MS)
        await until(lambda expected=expected: len(source.steps) == expected)  # type: ignore[misc]
        life.lose("cut")
        life.live()
    await life.close()


async def test_a_snapshot_is_the_first_look_and_a_replay_that_begins_meanwhile_waits_for_it() -> None:
    source, clock = OneBalance(), ManualClock()
    life = life_of(source, clock)
    snapshot = asyncio.create_task(life.snapshot())
    replay = asyncio.create_task(life.looked_first(source.past()))

    def are_done() -> bool:
        clock.advance(10)
        return snapshot.done() and replay.done()

    await until(are_done)
    assert sorted(source.steps) == ["money", "orders", "past"]
    assert source.steps[-1] == "past"
    await life.close()


async def _no_time() -> int | None:
    return None


def test_a_gap_begins_where_the_stream_opened_if_it_never_brought_anything() -> None:
    sink = RecordingSink()
    link = SessionLink(sink)
    link.live(100)
    link.lost("cut")
    link.live(400)
    assert sink.life[-1] == ("restored", 100)


def test_a_closed_session_says_nothing() -> None:
    sink = RecordingSink()
    link = SessionLink(sink)
    link.live(100)
    link.close()
    for say in (link.lost, link.ended):
        say("after the close")
    link.live(200)
    assert (sink.life, link.state) == ([], LinkState.CLOSED)


# --- delivery


async def test_reports_are_delivered_in_order_and_in_batches() -> None:
    sink = RecordingSink()
    delivery = ReportDelivery(sink, ManualClock(), name="x")
    many = [balance("A", str(n), n) for n in range(1, BATCH_REPORTS_MAX * 2 + 5)]
    await delivery.put(many[:3])
    await delivery.put(many[3:])
    await delivery.wait_idle()
    assert sink.reports == many
    await delivery.close()


async def test_a_producer_waits_while_too_much_waits() -> None:
    sink = RecordingSink()
    sink.gate.clear()
    delivery = ReportDelivery(sink, ManualClock(), name="x", waiting_max=2)
    await delivery.put([balance("A", "1"), balance("A", "2")])
    more = asyncio.create_task(delivery.put([balance("A", "3")]))
    await asyncio.sleep(0)
    assert not more.done()
    assert not delivery.is_idle
    sink.gate.set()
    await more
    await delivery.wait_idle()
    assert [each.total for each in sink.of(BalanceReport)] == [D(1), D(2), D(3)]
    await delivery.close()


async def test_a_batch_that_was_not_taken_is_delivered_again() -> None:
    class FailingSink(RecordingSink):
        failures = 2

        async def deliver(self, reports: Sequence[Report]) -> None:
            if self.failures:
                self.failures -= 1
                raise DatabaseUnavailable("away")
            await super().deliver(reports)

    sink, clock = FailingSink(), ManualClock()
    delivery = ReportDelivery(sink, clock, name="x")
    await delivery.put([balance("A", "1")])

    def was_delivered() -> bool:
        clock.advance(300)
        return delivery.is_idle

    await until(was_delivered, "the delivery")
    assert len(sink.reports) == 1
    await delivery.close()


async def test_nothing_is_delivered_from_the_stop_on() -> None:
    """Also if the close that follows is cancelled before it has begun."""
    sink = RecordingSink()
    delivery = ReportDelivery(sink, ManualClock(), name="x")
    await delivery.put([balance("A", "1")])
    delivery.stop()
    closing = asyncio.create_task(delivery.close())
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await delivery.put([balance("A", "2")])
    await delivery.close()
    assert sink.reports == []


async def test_nothing_is_delivered_after_the_close() -> None:
    sink = RecordingSink()
    sink.gate.clear()
    delivery = ReportDelivery(sink, ManualClock(), name="x")
    await delivery.put([balance("A", "1")])
    await delivery.close()
    await delivery.close()
    sink.gate.set()
    await delivery.put([balance("A", "2")])
    await delivery.wait_idle()
    assert sink.reports == []


# --- calls about orders


async def test_an_order_is_sent_once_whoever_asks_again() -> None:
    sent: list[str] = []
    late: list[Report] = []

    async def keep(reports: Sequence[Report]) -> None:
        late.extend(reports)

    clock, gate = ManualClock(), asyncio.Event()
    calls = OrderCalls(keep, clock.now_ms)
    mine = evolve(order(), send_before_ms=clock.now_ms() + 1_000)

    async def work(call: SubmitCall) -> list[Report]:
        call.leave()
        sent.append("sent")
        await gate.wait()
        return [balance("A", "1")]

    first, second = (asyncio.create_task(calls.submit(mine, work)) for _ in range(2))
    await asyncio.sleep(0)
    gate.set()
    assert await first == await second
    assert await calls.submit(mine, work) == await first
    assert sent == ["sent"]
    clock.advance(1_001)
    other = evolve(mine, id=OrderId(UUID(int=99)))
    await calls.submit(other, work)
    assert sent == ["sent", "sent"]
    assert late == []


async def test_an_order_that_was_proved_not_to_be_sent_may_be_submitted_again() -> None:
    """At once, within its first deadline. Once it may have left, it is never sent again."""
    clock, mine, tries = ManualClock(), order(), 0
    calls = OrderCalls(_nobody, clock.now_ms)
    mine = evolve(mine, send_before_ms=clock.now_ms() + 5_000)

    async def work(call: SubmitCall) -> list[Report]:
        nonlocal tries
        tries += 1
        call.leave()  # to a client that then found that nobody listens
        if tries < 3:
            return [NotSentReport(**names_of(mine), at_ms=clock.now_ms(), recorded_at_ms=mine.created_at_ms)]
        return [balance("A", "1")]

    for expected in (NotSentReport, NotSentReport, BalanceReport, BalanceReport):
        (report,) = await calls.submit(mine, work)
        assert type(report) is expected
    assert tries == 3


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_an_order_that_waits_to_leave_is_withdrawn(turns: int) -> None:
    """Whether its submit has only just been asked for, or waits already: it is not sent, and both calls say so."""
    sent: list[str] = []
    calls, gate = OrderCalls(_nobody, ManualClock().now_ms), asyncio.Event()
    mine = order()

    async def work(call: SubmitCall) -> list[Report]:
        await gate.wait()
        call.leave()
        sent.append("sent")
        return []

    submitting = asyncio.create_task(calls.submit(mine, work))
    await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    withdrawn = calls.withdraw(mine)
    assert [type(report) for report in withdrawn] == [WithdrawnReport]
    gate.set()
    assert await submitting == withdrawn
    assert calls.withdraw(mine) == [], "once"
    assert sent == []


@pytest.mark.parametrize("turns", [0, 2])
async def test_nothing_leaves_once_the_calls_are_closed(turns: int) -> None:
    calls, gate = OrderCalls(_nobody, ManualClock().now_ms), asyncio.Event()
    sent: list[str] = []

    async def work(call: SubmitCall) -> list[Report]:
        await gate.wait()
        call.leave()
        sent.append("sent")
        return []

    submitting = asyncio.create_task(calls.submit(order(), work))
    await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    calls.close()
    calls.close()
    gate.set()
    assert [type(report) for report in await submitting] == [NotSentReport]
    late = evolve(order(), id=OrderId(UUID(int=98)))
    assert [type(report) for report in await calls.submit(late, work)] == [NotSentReport]
    assert sent == []


async def test_an_order_that_has_left_is_not_withdrawn() -> None:
    calls, gate = OrderCalls(_nobody, ManualClock().now_ms), asyncio.Event()
    mine = order()
    assert calls.withdraw(mine) == [], "it was never submitted here"

    async def work(call: SubmitCall) -> list[Report]:
        call.leave()
        await gate.wait()
        return [balance("A", "1")]

    submitting = asyncio.create_task(calls.submit(mine, work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert calls.withdraw(mine) == []
    calls.close()
    gate.set()
    assert await submitting == [balance("A", "1")]
    assert calls.withdraw(mine) == []


async def _nobody(reports: Sequence[Report]) -> None:
    raise AssertionError("no reply is late")


async def test_the_reply_to_a_caller_that_left_is_delivered_late() -> None:
    late: list[Report] = []

    async def keep(reports: Sequence[Report]) -> None:
        late.extend(reports)

    calls, gate = OrderCalls(keep, ManualClock().now_ms), asyncio.Event()

    async def work() -> list[Report]:
        await gate.wait()
        return [balance("A", "1")]

    calling = asyncio.create_task(calls.other(work()))
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    gate.set()
    await until(lambda: len(late) == 1, "the late reply")


# --- what is known of an account


def test_a_reading_is_compared_with_what_the_stream_said() -> None:
    known = KnownAccount()
    assert known.agrees([balance("A", "1"), balance("B", "2")]), "the first reading is believed"
    known.note([balance("A", "3")])
    assert known.agrees([balance("A", "3"), balance("B", "2")])
    assert not known.agrees([balance("A", "1"), balance("B", "2")])
    known.note([balance("B", "0")])
    assert known.agrees([balance("A", "3")]), "nothing is as good as not listed"
    known.forget()
    assert known.agrees([balance("C", "9")])
    assert not known.agrees([])


def test_what_could_not_be_read_is_not_compared() -> None:
    known = KnownAccount()
    assert known.agrees([balance("A", "1")], is_whole=False)
    assert known.agrees([balance("A", "1"), balance("B", "2")], is_whole=False), "it may have been there before"
    assert not known.agrees([balance("A", "2")], is_whole=False)
    assert known.agrees([balance("A", "1"), balance("B", "2")])
    assert not known.agrees([balance("A", "1")]), "now it is known"
    assert known.agrees([balance("A", "1")], is_whole=False)
    assert not known.agrees([balance("C", "1")], is_whole=False)


def test_facts_are_numbered_in_the_order_in_which_they_came() -> None:
    numbers = FactNumbers()
    taken = [numbers.take(at_ms) for at_ms in (5, 5, 7, 6, 8)]
    assert taken == [5_000, 5_001, 7_000, 7_001, 8_000]


# --- news that wait for other news


def test_news_of_a_new_name_wait_for_its_announcement() -> None:
    held = HeldNews()
    one, two = balance("A", "1"), balance("A", "2")
    assert held.hold("7", [one], 0) == ()
    assert held.hold("7", [two], 5) == ()
    assert held.announce("7") == [one, two]
    assert held.hold("7", [one], 6) == [one]
    assert held.is_empty
    assert held.announce("8") == ()
    assert held.is_announced("8")


def test_each_name_has_an_age_of_its_own() -> None:
    held = HeldNews()
    one, two, three = (balance("A", str(n)) for n in range(3))
    held.hold("7", [one], 0)
    held.hold("8", [two], 4)
    held.hold("7", [three], 5)
    assert held.waiting_since(3) == {"7": (one, three)}
    assert held.waiting_since(4) == {"7": (one, three), "8": (two,)}
    assert held.announce("7") == [one, three]
    assert held.waiting_since(4) == {"8": (two,)}


def test_news_is_complete_up_to_the_first_report_that_is_held() -> None:
    held = HeldNews()
    late, early = (replace(balance("A", "1"), at_ms=at_ms) for at_ms in (90, 70))
    assert held.complete_until(100) == 100
    held.hold("7", [late], 0)
    held.hold("8", [early], 0)
    assert held.complete_until(100) == 69
    held.announce("8")
    assert (held.complete_until(100), held.complete_until(50)) == (89, 50)


def test_what_waits_is_limited_and_nothing_is_dropped() -> None:
    held = HeldNews()
    out = [each for n in range(HELD_MAX + 10) for each in held.hold(str(n), [balance("A", str(n))], n)]
    assert [each.total for each in out if isinstance(each, BalanceReport)] == [D(n) for n in range(10)]
    assert len(held.waiting_since(HELD_MAX + 10)) == HELD_MAX
