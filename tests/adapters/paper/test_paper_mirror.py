"""PAPER on another venue's books: orders fill at real prices, and never at prices that are not known to be current."""

import random
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inhouse_kit import BookKeeper, ManualClock, until
from tests.paper_bench import PERPETUAL, SPOT, Bench
from tests.simulated_kit import FastClock

from cadenza.adapters.venues.binance.parse_market import SPOT_BOOK_RULE
from cadenza.adapters.venues.binance.public_market import BinancePublicMarket
from cadenza.adapters.venues.binance.spec import spec_of
from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS
from cadenza.adapters.venues.paper.market.mirror import MirroredMarket
from cadenza.adapters.venues.paper.market.mirror_feeds import RETRY_MS_MAX, STALE_MS_MAX, MirrorFeeds
from cadenza.adapters.venues.paper.market.source import MarketCommand
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import InstrumentNotFound, VenueUnavailable
from cadenza.domain.ids import Environment, InstrumentId, Venue, VenueId
from cadenza.domain.market.book_age import CHANGE_LATE_MS_MAX, CONTRADICTED_MS_MAX
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level, MarketTrade
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import Side
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.reports import CanceledReport, FillReport
from cadenza.exchange import PublicTrade, ResetMarket, SetLevel
from cadenza.ports.venue import MarketSink
from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.venue import SimulatorSettings

BINANCE = VenueId(Venue.BINANCE, Environment.LIVE)
UPSTREAM = InstrumentId("BINANCE:BTC/USDT")
AGE_MS = 60_000
SYMBOLS = frozenset({"BTC/USDT"})
SPECS = {InstrumentType.SPOT: BookSpec(rule=SPOT_BOOK_RULE, age_ms_max=AGE_MS, depth=1_000)}


class TimedMarket(MirroredMarket):
    """Our monotonic clock goes with PAPER's time, and what comes between two calls of `advance` comes a millisecond
    after the first. `monotonic_ms` may be set to go its own way."""

    def __init__(
        self, specs: dict[InstrumentType, BookSpec], symbols: Container[str], earliest_ms: Callable[[], int]
    ) -> None:
        self.monotonic_ms = 0
        super().__init__(BINANCE, specs, symbols, earliest_ms, lambda: self.monotonic_ms)

    def advance(self, to_ms: int) -> Sequence[tuple[InstrumentId, MarketCommand]]:
        self.monotonic_ms = max(self.monotonic_ms, to_ms)
        commands = super().advance(to_ms)
        self.monotonic_ms += 1
        return commands


def market(earliest_ms: Callable[[], int] = lambda: 0, *, dates_snapshots: bool = False) -> TimedMarket:
    specs = {type: replace(spec, dates_snapshots=dates_snapshots) for type, spec in SPECS.items()}
    return TimedMarket(specs, SYMBOLS, earliest_ms)


def levels(side: dict[str, str]) -> tuple[Level, ...]:
    return tuple((D(price), D(quantity)) for price, quantity in side.items())


def snapshot(bids: dict[str, str], asks: dict[str, str], number: int = 10, at_ms: int = 0) -> BookSnapshot:
    return BookSnapshot(instrument_id=UPSTREAM, bids=levels(bids), asks=levels(asks), sequence=number, at_ms=at_ms)


def change(number: int, bids: dict[str, str], asks: dict[str, str], at_ms: int = 0) -> BookDelta:
    return BookDelta(
        instrument_id=UPSTREAM,
        bids=levels(bids),
        asks=levels(asks),
        sequence=number,
        first_sequence=number,
        at_ms=at_ms,
    )


def trade(price: str, quantity: str, aggressor: Side, at_ms: int = 0) -> MarketTrade:
    return MarketTrade(
        instrument_id=UPSTREAM, trade_id="1", price=D(price), quantity=D(quantity), aggressor=aggressor, at_ms=at_ms
    )


class TestMirroredMarket:
    """What the engines are commanded to show."""

    def test_it_begins_without_a_market_and_shows_the_first_snapshot_whole(self) -> None:
        mirror = market()
        assert mirror.advance(1_000) == [(SPOT.id, ResetMarket((), (), 1_000))]
        assert mirror.is_suspended(SPOT.id)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        shown = [(SPOT.id, ResetMarket(((6_000_000, 100_000),), ((6_001_000, 200_000),), 1_050))]
        assert mirror.advance(1_050) == shown
        assert not mirror.is_suspended(SPOT.id)
        assert mirror.advance(1_049) == ()
        assert mirror.advance(1_050) == []

    def test_a_change_is_shown_by_what_it_changes_removals_first(self) -> None:
        mirror = market()
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "1", "59990": "1"}, {"60010": "2"}))
        mirror.advance(1)
        mirror.on_delta(change(11, {"60000": "0", "59990": "3"}, {"60005": "1"}))
        commands = [command for _, command in mirror.advance(2)]
        assert commands == [
            SetLevel(Side.BUY, 6_000_000, 0, 2),
            SetLevel(Side.BUY, 5_999_000, 300_000, 2),
            SetLevel(Side.SELL, 6_000_500, 100_000, 2),
        ]

    def test_a_trade_comes_before_the_change_that_it_makes(self) -> None:
        mirror = market()
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        mirror.advance(1)
        mirror.on_delta(change(11, {}, {"60010": "1.5"}))
        mirror.on_trade(trade("60010", "0.5", Side.BUY))
        commands = [command for _, command in mirror.advance(2)]
        assert commands == [
            PublicTrade(Side.BUY, 6_001_000, 50_000, 2),
            SetLevel(Side.SELL, 6_001_000, 150_000, 2),
        ]

    def test_finer_steps_are_rounded_away_from_the_middle_and_down(self) -> None:
        mirror = market()
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000.009": "0.000019", "60000.001": "0.00001"}, {"60000.011": "0.000009"}))
        ((_, shown),) = mirror.advance(1)
        assert shown == ResetMarket(((6_000_000, 2),), (), 1)

    @pytest.mark.parametrize("cause", ["stale", "gap", "silence", "late", "contradicted"])
    def test_what_is_not_known_to_be_current_is_withdrawn(self, cause: str) -> None:
        now = [0]
        mirror = market(lambda: now[0])
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        mirror.advance(1)
        at_ms = 2
        if cause == "stale":
            mirror.on_stale(UPSTREAM)
        elif cause == "gap":
            mirror.on_delta(change(13, {}, {}))
        elif cause == "late":
            now[0] = CHANGE_LATE_MS_MAX
            mirror.on_delta(change(11, {"60000": "2"}, {}))
            assert mirror.advance(2) == [(SPOT.id, SetLevel(Side.BUY, 6_000_000, 200_000, 2))]
            now[0] += 1
            mirror.on_delta(change(11, {}, {}))
            assert mirror.advance(3) == [], "a heartbeat may state the last change of a quiet market"
            mirror.on_delta(change(12, {"60000": "1"}, {}))
            at_ms = 4
        elif cause == "contradicted":
            mirror.on_trade(trade("60011", "0.5", Side.BUY, at_ms=1))
            assert [type(command) for _, command in mirror.advance(2)] == [PublicTrade]
            mirror.on_delta(change(10, {}, {}))
            assert mirror.advance(2 + CONTRADICTED_MS_MAX) == []
            at_ms = 3 + CONTRADICTED_MS_MAX
        else:
            assert mirror.advance(1 + AGE_MS) == []
            at_ms = 2 + AGE_MS
        mirror.on_trade(trade("60010", "0.5", Side.BUY))
        assert mirror.advance(at_ms) == [(SPOT.id, ResetMarket((), (), at_ms))]
        assert mirror.is_suspended(SPOT.id)
        assert mirror.advance(at_ms + 1) == []
        mirror.on_snapshot(snapshot({"50000": "1"}, {"50010": "2"}, 90))
        ((_, shown),) = mirror.advance(at_ms + 2)
        assert isinstance(shown, ResetMarket)
        assert shown.bids == ((5_000_000, 100_000),)

    def test_a_snapshot_that_its_venue_dates_and_that_comes_late_is_not_shown(self) -> None:
        mirror = market(lambda: 1 + CHANGE_LATE_MS_MAX, dates_snapshots=True)
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        assert mirror.advance(1) == []
        assert mirror.is_suspended(SPOT.id)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}, at_ms=1))
        assert len(mirror.advance(2)) == 1

    def test_a_change_answers_the_trades_before_it_and_duplicates_keep_no_market(self) -> None:
        mirror = market()
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        mirror.advance(1)
        mirror.on_trade(trade("60011", "0.5", Side.BUY, at_ms=1))
        mirror.advance(2)
        mirror.on_delta(change(11, {}, {"60010": "0", "60012": "1"}))
        mirror.advance(3)
        mirror.advance(3 + AGE_MS)
        assert not mirror.is_suspended(SPOT.id)
        mirror.on_delta(change(9, {"60000": "7"}, {}))
        mirror.advance(4 + AGE_MS)
        assert mirror.is_suspended(SPOT.id)

    def test_what_changes_while_papers_time_stands_still_is_shown(self) -> None:
        """So it does while our wall clock is set back. Our monotonic clock goes on."""
        mirror = market()
        mirror.advance(1_000)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        mirror.advance(1_001)
        mirror.on_delta(change(11, {"60000": "0", "61000": "1"}, {"60010": "0", "61010": "1"}))
        assert len(mirror.advance(1_001)) == 4
        assert mirror.advance(1_001) == []
        mirror.monotonic_ms += AGE_MS
        assert mirror.advance(1_001) == [(SPOT.id, ResetMarket((), (), 1_001))]

    def test_a_step_of_papers_time_makes_no_book_older(self) -> None:
        mirror = market()
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        mirror.advance(1)
        known_ms = mirror.monotonic_ms
        assert MirroredMarket.advance(mirror, 10 * AGE_MS) == []
        assert mirror.monotonic_ms == known_ms
        assert not mirror.is_suspended(SPOT.id)

    def test_an_old_change_that_the_snapshot_contains_withdraws_nothing(self) -> None:
        """A quiet market whose snapshot came late: the change with its number was buffered."""
        mirror = market(lambda: 12_000)
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "2"}, {"60010": "1"}, 11, at_ms=12_000))
        mirror.on_delta(change(11, {"60000": "2"}, {}, at_ms=1_000))
        assert len(mirror.advance(1)) == 1
        assert not mirror.is_suspended(SPOT.id)

    def test_heartbeats_keep_a_quiet_market(self) -> None:
        mirror = market()
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))
        mirror.advance(1)
        for n in range(1, 5):
            mirror.on_delta(change(10, {}, {}))
            assert mirror.advance(n * AGE_MS) == []

    def test_it_lists_what_it_is_told_to_mirror(self) -> None:
        assert [each.symbol for each in market().instruments] == ["BTC/USDT"]
        assert {each.symbol for each in market().securities} == {"BTC", "USDT"}
        every = TimedMarket(SPECS, {each.symbol for each in INSTRUMENTS}, lambda: 0)
        assert {each.type for each in every.instruments} == {InstrumentType.SPOT}

    @given(
        st.lists(
            st.tuples(st.sampled_from(Side), st.integers(1, 9), st.integers(0, 3)).map(
                lambda each: (each[0], (59_990 if each[0] is Side.BUY else 60_000) + each[1], each[2])
            ),
            max_size=40,
        )
    )
    def test_the_commands_show_what_the_other_venue_has(self, changes: list[tuple[Side, int, int]]) -> None:
        """The naive twin sets the levels one after another."""
        mirror = market()
        mirror.advance(0)
        mirror.on_snapshot(snapshot({"59990": "1"}, {"60010": "1"}))
        shown: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        wanted = {Side.BUY: {59_990: 1}, Side.SELL: {60_010: 1}}
        for number, (side, price, quantity) in enumerate([*changes, (Side.BUY, 1, 1)], start=1):
            for _, command in mirror.advance(number):
                if isinstance(command, ResetMarket):
                    shown = {Side.BUY: dict(command.bids), Side.SELL: dict(command.asks)}
                elif isinstance(command, SetLevel):
                    shown[command.side][command.price] = command.quantity
                    shown[command.side] = {p: q for p, q in shown[command.side].items() if q}
                both = shown[Side.BUY], shown[Side.SELL]
                assert not all(both) or max(both[0]) < min(both[1])
            assert shown == {
                side: {price * 100: quantity * 100_000 for price, quantity in wanted[side].items() if quantity}
                for side in Side
            }
            level = {str(price): str(quantity)}
            bids, asks = (level, {}) if side is Side.BUY else ({}, level)
            mirror.on_delta(change(10 + number, bids, asks))
            wanted[side][price] = quantity


async def test_a_stale_market_fills_nothing_is_shown_as_stale_and_liquidates_nobody() -> None:
    """The market vanishes while an account holds a position; what it is worth is the last mark."""
    bench = Bench()
    await bench.connector.start()
    account, session, sink = await bench.session(AccountType.MARGIN)
    keeper = BookKeeper()
    await bench.connector.open_book(PERPETUAL.id, keeper)
    bought = bench.order(account, PERPETUAL, Side.BUY, "1")
    await session.submit(bought)
    mark = bench.connector._exchange.office.ledger.mark(PERPETUAL.id)
    assert mark is not None
    bench.show(PERPETUAL, {}, {})
    bench.market.suspended.add(PERPETUAL.id)
    await bench.tick()
    assert keeper.is_stale
    assert bench.connector._exchange.office.ledger.mark(PERPETUAL.id) == mark
    more = bench.order(account, PERPETUAL, Side.BUY, "1")
    replies = [*await session.submit(more), *sink.of(CanceledReport)]
    assert any(isinstance(report, CanceledReport) and report.order_id == more.id for report in replies)
    assert not [report for report in sink.of(FillReport) if report.order_id == more.id]
    late = BookKeeper()
    await bench.connector.close_book(PERPETUAL.id)
    await bench.connector.open_book(PERPETUAL.id, late)
    assert (late.is_stale, late.snapshots) == (True, 0)
    bench.market.suspended.clear()
    bench.show(PERPETUAL, {"61000": "5"}, {"61010": "5"})
    await bench.tick()
    assert (late.snapshots, late.is_stale, max(late.bids)) == (1, False, D(61000))
    assert bench.connector._exchange.office.ledger.mark(PERPETUAL.id) == D(61005)
    await bench.connector.stop()


async def test_an_account_that_would_be_liquidated_waits_for_the_suspended_market() -> None:
    """It is short of spot, whose price explodes, while what its other position is worth is not known."""
    bench = Bench()
    await bench.connector.start()
    account, session, sink = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "1"))
    await session.submit(bench.order(account, SPOT, Side.SELL, "1"))
    bench.show(PERPETUAL, {}, {})
    bench.market.suspended.add(PERPETUAL.id)
    await bench.tick()
    ledger = bench.connector._exchange.office.ledger
    external_id = account.external.external_id
    assert len(ledger.positions(external_id, "USDT")) == 2
    bench.show(SPOT, {"5000000": "100"}, {"5000001": "100"})
    await bench.tick()
    assert len(ledger.positions(external_id, "USDT")) == 2
    bench.market.suspended.clear()
    bench.show(PERPETUAL, {"60000": "50"}, {"60010": "50"})
    await bench.tick()
    assert ledger.positions(external_id, "USDT") == []
    await until(lambda: len(sink.of(FillReport)) >= 2, "the fills of the liquidation")
    await bench.connector.stop()


@dataclass
class Upstream:
    """A venue's public half whose feeds a test breaks."""

    up: bool = True
    lists: bool = True
    starts: int = 0
    opened: list[InstrumentId] = field(default_factory=list)
    closed: list[InstrumentId] = field(default_factory=list)
    is_stopped: bool = False

    async def start(self) -> None:
        self.starts += 1
        if not self.up:
            raise VenueUnavailable("down")

    async def stop(self) -> None:
        self.is_stopped = True

    async def open_book(self, instrument_id: InstrumentId, sink: MarketSink) -> None:
        if not self.lists:
            raise InstrumentNotFound("unlisted")
        if not self.up:
            raise VenueUnavailable("down")
        self.opened.append(instrument_id)
        sink.on_snapshot(snapshot({"60000": "1"}, {"60010": "2"}))

    async def close_book(self, instrument_id: InstrumentId) -> None:
        self.closed.append(instrument_id)


async def test_the_feeds_are_opened_until_it_succeeds_and_again_when_they_stay_stale() -> None:
    clock, upstream, mirror = ManualClock(), Upstream(up=False), market()
    feeds = MirrorFeeds(mirror, upstream, clock)
    feeds.start()
    await until(lambda: upstream.starts == 1, "the first try")

    def passes(condition: bool) -> bool:
        clock.advance(1_000)
        return condition

    await until(lambda: passes(upstream.starts == 3), "more tries")
    upstream.up = True
    await until(lambda: passes(upstream.opened == [UPSTREAM]), "the book")
    assert mirror.books[SPOT.id].book.is_fresh
    mirror.on_stale(UPSTREAM)
    before_ms = clock.ms
    await until(lambda: passes(upstream.closed == [UPSTREAM]), "it is given up")
    assert clock.ms - before_ms >= STALE_MS_MAX
    await until(lambda: passes(len(upstream.opened) == 2), "it is opened again")
    upstream.up = False
    mirror.on_stale(UPSTREAM)
    await until(lambda: passes(len(upstream.closed) == 2), "it is given up again")
    upstream.up = True
    before_ms = clock.ms
    await until(lambda: passes(len(upstream.opened) == 3), "and opened")
    assert clock.ms - before_ms <= 2 * RETRY_MS_MAX
    await feeds.stop()
    assert upstream.is_stopped
    await feeds.stop()


@asynccontextmanager
async def mirrored_simulator(directory: Path) -> AsyncIterator[tuple[Bench, MirrorFeeds, object]]:
    settings = SimulatorSettings(data_dir=directory)
    async with run_simulator(settings, SystemClock(), SystemIds()) as simulator:
        spec = spec_of(Environment.LIVE, base=simulator.url)
        venue = BinancePublicMarket(spec=spec, clock=FastClock(), randomness=random.Random(1))
        mirror = MirroredMarket(spec.venue_id, spec.order_books, SYMBOLS, venue.earliest_ms, SystemClock().monotonic_ms)
        feeds = MirrorFeeds(mirror, venue, FastClock(10))
        bench = Bench()
        bench.market = mirror  # type: ignore[assignment]
        bench.connector = bench._new_connector()
        await bench.connector.start()
        feeds.start()
        try:
            yield bench, feeds, simulator
        finally:
            await feeds.stop()
            await bench.connector.stop()


async def test_paper_money_fills_at_the_prices_of_binance_and_not_without_it(tmp_path: Path) -> None:
    """PAPER against the simulator of BINANCE, over real sockets."""
    async with mirrored_simulator(tmp_path) as (bench, _, simulator):
        keeper = BookKeeper()
        await bench.connector.open_book(SPOT.id, keeper)
        assert keeper.is_stale

        def shown() -> bool:
            bench.clock.advance(50)
            bench.connector._runner._news.set()
            return not keeper.is_stale

        await until(shown, "the market")
        (best, _), (ask, _) = simulator.venue.spot.feeds["BTCUSDT"].best()  # type: ignore[attr-defined]
        assert (max(keeper.bids), min(keeper.asks)) == (best, ask)
        account, session, _ = await bench.session()
        replies = await session.submit(bench.order(account, SPOT, Side.BUY, "0.01"))
        assert [report.price for report in replies if isinstance(report, FillReport)] == [ask]
        simulator.venue.cut_sockets()  # type: ignore[attr-defined]
        await until(lambda: not shown(), "stale")
        await until(shown, "back")
        earliest_ms: Callable[[], int] = bench.market._earliest_ms  # type: ignore[attr-defined]
        await until(lambda: abs(earliest_ms() - SystemClock().now_ms()) < CHANGE_LATE_MS_MAX, "the clock of BINANCE")
