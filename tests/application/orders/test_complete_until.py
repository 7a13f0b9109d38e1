"""What a venue had not reported when the process ended is asked for again, however far its news was behind."""

from collections.abc import AsyncIterator, Sequence

import pytest

from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.reports import (
    BalanceReport,
    ExternalOrderReport,
    NotSentReport,
    OwnReport,
    Report,
    UndeterminedOutcomeReport,
    UnknownOutcomeReport,
    WithdrawnReport,
)
from cadenza.ports.venue import REPORTED_WITHIN_MS, ReplayPiece
from tests.application.orders.order_world import ACTOR, OrderWorld, accepts, named, order_world
from tests.domain.trading.worlds import ACCOUNT, BTC, D, request

BEGUN_MS = 1_700_000_000_000 - 1_000
"""Up to when the account of these tests has been heard at the start."""
MINUTE_MS = 60_000
OWN_REPORTS: Sequence[tuple[type[OwnReport], dict[str, str]]] = (
    (NotSentReport, {}),
    (WithdrawnReport, {}),
    (UnknownOutcomeReport, {"cause": "timeout"}),
    (UndeterminedOutcomeReport, {"cause": "forgotten"}),
)


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


def elsewhere(at_ms: int, name: str = "hand") -> ExternalOrderReport:
    return ExternalOrderReport(
        account_id=ACCOUNT, venue_order_id=name, at_ms=at_ms, instrument_id=BTC, side=Side.BUY,
        type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(1), limit_price=D(90), executed_quantity=D(0),
    )  # fmt: skip


async def complete_until(world: OrderWorld) -> int | None:
    async with world.storage.read() as uow:
        account = await uow.accounts.get(ACCOUNT)
    assert account is not None
    return account.complete_until_ms


def answers_at(at_ms: int) -> object:
    """An answer that accepts an order at that instant of the venue's."""

    def answer(order: object) -> Sequence[Report]:
        (accepted,) = accepts(order)  # type: ignore[arg-type]
        return [type(accepted)(**{f: getattr(accepted, f) for f in accepted.__dataclass_fields__} | {"at_ms": at_ms})]

    return answer


async def restart(world: OrderWorld, happened: Sequence[Report]) -> None:
    """A new process opens the session of an account whose venue knows of all that happened."""

    async def replay(since_ms: int) -> AsyncIterator[ReplayPiece]:
        news = [report for report in happened if report.at_ms >= since_ms]
        yield ReplayPiece(reports=news, covers_from_ms=since_ms)

    world.session.replay = replay  # type: ignore[method-assign]
    world.session.on_lookup = lambda order: []
    world.session.venue_ms = max([BEGUN_MS, *(report.at_ms for report in happened)])
    await world.reconcile(ACCOUNT, world.session)


async def is_known(world: OrderWorld, report: ExternalOrderReport) -> bool:
    async with world.storage.read() as uow:
        return report.venue_order_id in {order.venue_order_id for order in await uow.orders.unresolved(ACCOUNT)}


async def test_an_order_placed_elsewhere_that_waited_behind_our_own_news_is_not_missed(world: OrderWorld) -> None:
    late = elsewhere(BEGUN_MS + MINUTE_MS)
    world.session.is_idle = False  # it waits in the venue's outbox, while our own orders are answered
    world.session.on_submit = answers_at(BEGUN_MS + 30 * MINUTE_MS)  # type: ignore[assignment]
    await world.submit_order(ACTOR, request())
    assert await complete_until(world) == BEGUN_MS
    await restart(world, [late])
    assert await is_known(world, late)


async def test_an_answer_moves_the_bound_when_nothing_is_on_its_way(world: OrderWorld) -> None:
    at_ms = BEGUN_MS + 30 * MINUTE_MS
    world.session.on_submit = answers_at(at_ms)  # type: ignore[assignment]
    await world.submit_order(ACTOR, request())
    assert await complete_until(world) == at_ms
    asked: list[int] = []

    async def replay(since_ms: int) -> AsyncIterator[ReplayPiece]:
        asked.append(since_ms)
        yield ReplayPiece(reports=[], covers_from_ms=since_ms)

    world.session.replay = replay  # type: ignore[method-assign]
    await world.reconcile(ACCOUNT, world.session)
    assert asked == [at_ms - REPORTED_WITHIN_MS]


async def test_the_stream_moves_it_and_never_back(world: OrderWorld) -> None:
    await world.sink.deliver([elsewhere(BEGUN_MS + MINUTE_MS, "a")])
    assert await complete_until(world) == BEGUN_MS + MINUTE_MS
    await world.sink.deliver([elsewhere(BEGUN_MS, "b")])
    assert await complete_until(world) == BEGUN_MS + MINUTE_MS


async def test_a_stream_that_begins_before_the_account_is_reconciled_does_not_hide_what_was_before(
    world: OrderWorld,
) -> None:
    before, after = elsewhere(BEGUN_MS + MINUTE_MS, "before"), elsewhere(BEGUN_MS + 30 * MINUTE_MS, "after")
    owner = await _account(world)
    world.sessions.hold_orders(owner)
    await world.sink.deliver([after])
    assert await complete_until(world) == BEGUN_MS  # and here it dies, before it is reconciled
    world.sessions.release_orders(ACCOUNT)
    await restart(world, [before, after])
    assert await is_known(world, before)
    assert await complete_until(world) == after.at_ms


@pytest.mark.parametrize("own", OWN_REPORTS, ids=[type.__name__ for type, _ in OWN_REPORTS])
async def test_a_report_of_our_own_moves_nothing(
    world: OrderWorld, own: tuple[type[OwnReport], dict[str, str]]
) -> None:
    type, more = own
    world.session.on_submit = lambda order: [type(**named(order) | {"at_ms": BEGUN_MS + MINUTE_MS}, **more)]
    await world.submit_order(ACTOR, request())
    assert await complete_until(world) == BEGUN_MS


async def test_a_venue_whose_clock_is_ahead_is_not_believed(world: OrderWorld) -> None:
    await world.sink.deliver([elsewhere(world.clock.now_ms() + 1_000 * MINUTE_MS)])
    until_ms = await complete_until(world)
    assert until_ms is not None
    assert until_ms <= world.clock.now_ms()


async def test_what_changes_nothing_writes_nothing(world: OrderWorld) -> None:
    same = BalanceReport(
        account_id=ACCOUNT, at_ms=BEGUN_MS + MINUTE_MS, asset="USDT", total=D(1_000_000), locked=D(0), borrowed=D(0),
        as_of=BEGUN_MS + MINUTE_MS,
    )  # fmt: skip
    before = world.trading.transactions_total
    await world.sink.deliver([same])
    assert world.trading.transactions_total == before
    assert await complete_until(world) == BEGUN_MS


async def _account(world: OrderWorld) -> TradingAccount:
    async with world.storage.read() as uow:
        found = await uow.accounts.get(ACCOUNT)
    assert found is not None
    return found
