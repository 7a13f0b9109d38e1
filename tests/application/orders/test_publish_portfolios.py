"""A portfolio is a view: built for subscribers only, the newest wins, and the last one says what was committed last."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from cadenza.application.orders import publish_portfolios
from cadenza.application.orders.apply_report import ApplyReports
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.portfolio import Portfolio
from cadenza.domain.trading.position import PositionStatus
from cadenza.domain.trading.reports import BalanceReport
from cadenza.ports.alarms import Alarm
from tests.application.orders.order_world import ACTOR, KEY, OrderWorld, fills, order_world
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, account, request

MARGIN = TradingAccountId(UUID(int=77))


class ManualClock:
    """Stands still unless a test moves it."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return NOW_MS + self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        return None


class World:
    """The order path, with a reader that can be away or interrupted, and a clock of the test's own."""

    def __init__(self, orders: OrderWorld) -> None:
        self.orders = orders
        self.views = orders.publisher.portfolios
        self.publishing = orders.publish_portfolios
        self.clock = ManualClock()
        self.reads = self.deposits = 0
        self.is_away = False
        self.during_read: Any = None
        self._storage = self.publishing._storage
        self.publishing._storage = self  # type: ignore[assignment]
        self.publishing._clock = self.clock

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        if self.is_away:
            raise DatabaseUnavailable("away")
        self.reads += 1
        async with self._storage.read() as uow:
            yield uow
        if self.during_read is not None:
            await self.during_read()

    def subscribe(self, account_id: TradingAccountId = ACCOUNT) -> None:
        self.orders.publisher.subscribed.add(account_id)

    async def deposit(self, total: str, account_id: TradingAccountId = ACCOUNT) -> None:
        self.deposits += 1
        report = BalanceReport(
            account_id=account_id, at_ms=NOW_MS, asset="BTC", total=D(total), locked=D(0), borrowed=D(0),
            as_of=NOW_MS + self.deposits,
        )  # fmt: skip
        await self.orders.committer.commit_report(ApplyReports([report]))

    async def tick(self) -> list[Portfolio]:
        """Tick; return what that published."""
        self.views.clear()
        await self.publishing.tick()
        return list(self.views)


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[World]:
    async with order_world(database_dsn) as made:
        yield World(made)


def btc(view: Portfolio) -> Any:
    return next(held.balance.total for held in view.balances if held.balance.asset == "BTC")


async def test_nothing_is_built_for_nobody(world: World) -> None:
    world.publishing._portfolios = None  # type: ignore[assignment]
    await world.deposit("11")
    world.publishing.request(ACCOUNT)
    assert await world.tick() == []
    assert world.reads == 0
    assert not world.publishing._noted
    assert not world.publishing._due


async def test_changes_between_two_ticks_make_one_view_of_the_newest_without_a_read(world: World) -> None:
    world.subscribe()
    for total in ("11", "12", "13"):
        await world.deposit(total)
    [view] = await world.tick()
    assert (btc(view), world.reads) == (D(13), 0)
    assert [held.balance.asset for held in view.balances] == ["BTC", "USDT"]
    assert view.summary.equity == D(1_000_000) + 13 * D("99.75")
    assert await world.tick() == []


async def test_a_new_subscriber_gets_one_view_although_nothing_changes(world: World) -> None:
    await world.deposit("11")
    world.subscribe()
    world.publishing.request(ACCOUNT)
    [view] = await world.tick()
    assert (btc(view), world.reads) == (D(11), 1)
    assert await world.tick() == []


async def test_those_that_ask_while_a_view_is_delayed_all_get_one_after_their_delay(world: World) -> None:
    world.subscribe()
    published = []
    for at_ms in range(0, 2_000, 100):
        world.clock.at_ms = at_ms
        if at_ms < 1_000:
            world.publishing.request(ACCOUNT, delay_ms=500)
        published += [at_ms] * len(await world.tick())
    assert published == [500, 1_000, 1_400], "two in the time of ten requests, and one after the last request's delay"


async def test_rows_that_were_noted_during_a_read_win(world: World) -> None:
    world.subscribe()
    world.publishing.request(ACCOUNT)

    async def deposit() -> None:
        world.during_read = None
        await world.deposit("12")

    world.during_read = deposit
    assert await world.tick() == [], "what was read is older than what was committed meanwhile"
    [view] = await world.tick()
    assert btc(view) == D(12)


async def test_a_view_that_waited_for_the_database_is_valued_at_the_prices_of_its_own_moment(world: World) -> None:
    await world.orders.add_account(account(id=MARGIN, external=replace(account().external, external_id="y")))
    await world.deposit("12", MARGIN)
    for account_id in (ACCOUNT, MARGIN):
        world.subscribe(account_id)
    await world.deposit("11")
    world.publishing.request(MARGIN)
    market: Any = world.publishing._portfolios._market

    async def fall_silent() -> None:
        world.clock.at_ms += publish_portfolios.VALUED_MS_MAX
        market.top = lambda _: None
        market.known_top = market.top

    world.during_read = fall_silent
    first, second = await world.tick()
    assert (first.account.id, first.summary.unpriced) == (ACCOUNT, ())
    assert (second.account.id, second.summary.unpriced) == (MARGIN, ("BTC",)), "no book is fresh now"


async def test_a_view_without_a_price_sounds_the_alarm_once(world: World) -> None:
    world.subscribe()
    market: Any = world.publishing._portfolios._market
    market.top = market.known_top = lambda _: None
    for total in ("11", "12"):
        await world.deposit(total)
        [view] = await world.tick()
        assert view.summary.unpriced == ("BTC",)
    sounded = [facts for alarm, facts in world.orders.alarms.sounded if alarm is Alarm.ASSET_UNPRICED]
    assert [(facts["asset"], facts["account_id"]) for facts in sounded] == [("BTC", ACCOUNT)]
    world.clock.at_ms += publish_portfolios.AWAITED_AGAIN_MS
    assert await world.tick() == [], "nothing is awaited"


async def test_a_view_whose_prices_are_still_to_come_is_followed_by_one_that_has_them(world: World) -> None:
    world.subscribe()
    market: Any = world.publishing._portfolios._market
    top = market.top
    market.top = market.known_top = lambda _: None
    market.may_come = lambda _: True
    await world.deposit("11")
    [view] = await world.tick()
    assert view.summary.unpriced == ("BTC",)
    assert world.orders.alarms.sounded == []
    market.top = market.known_top = top
    world.clock.at_ms += publish_portfolios.AWAITED_AGAIN_MS
    [view] = await world.tick()
    assert view.summary.unpriced == ()
    world.clock.at_ms += publish_portfolios.AWAITED_AGAIN_MS
    assert await world.tick() == []


async def test_the_views_of_one_moment_share_the_values_of_a_venue(world: World) -> None:
    portfolios: Any = world.publishing._portfolios
    made, valuation = [], portfolios.valuation
    portfolios.valuation = lambda venue_id: made.append(venue_id) or valuation(venue_id)
    world.subscribe()
    for at_ms in (0, publish_portfolios.VALUED_MS_MAX - 1, publish_portfolios.VALUED_MS_MAX):
        world.clock.at_ms = at_ms
        world.publishing.request(ACCOUNT)
        await world.tick()
    assert len(made) == 2


async def test_a_view_that_must_be_read_stays_due_while_the_database_is_away(world: World) -> None:
    world.subscribe()
    world.publishing.request(ACCOUNT)
    world.is_away = True
    assert await world.tick() == []
    world.is_away = False
    assert len(await world.tick()) == 1


async def test_the_rows_of_more_accounts_than_are_noted_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish_portfolios, "NOTED_ACCOUNTS_MAX", 1)
    await world.orders.add_account(account(id=MARGIN, external=replace(account().external, external_id="y")))
    world.subscribe()
    world.subscribe(MARGIN)
    await world.deposit("11")
    await world.deposit("12", MARGIN)
    await world.deposit("13")
    views = await world.tick()
    assert [(view.account.id, btc(view)) for view in views] == [(ACCOUNT, D(13)), (MARGIN, D(12))]
    assert world.reads == 1


async def test_a_position_that_closed_is_shown_closed_once(world: World) -> None:
    owner = account(AccountType.MARGIN, id=MARGIN, credential_ids=(KEY,))
    await world.orders.add_account(replace(owner, external=replace(owner.external, external_id="y")))
    world.subscribe(MARGIN)
    world.orders.session.on_submit = fills
    await world.orders.submit_order(ACTOR, request(account_id=MARGIN, quantity=D(1)))
    await world.orders.submit_order(ACTOR, request(account_id=MARGIN, quantity=D(1), side=Side.SELL, limit_price=D(95)))
    await world.deposit("11", MARGIN)
    [view] = await world.tick()
    assert [marked.position.status for marked in view.positions] == [PositionStatus.CLOSED]
    assert view.positions[0].position.realized_pnl == D(5)
    await world.deposit("12", MARGIN)
    [view] = await world.tick()
    assert view.positions == ()
