"""Requests do not wait until every session is open: an order waits for its own, and goes out after what was missed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest

from cadenza.application.accounts.change_account import AccountChange
from cadenza.application.accounts.keep_sessions import ACCOUNTS_PER_VENUE_MAX, FIRST_TRIES_MS_MAX
from cadenza.application.accounts.update_account import disabled
from cadenza.application.orders import sessions as sessions_module
from cadenza.application.orders import tradable
from cadenza.domain import errors as e
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.ids import TenantId, TradingAccountId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.ports.alarms import Alarm
from cadenza.ports.storage.trading import OrderFilter
from tests.application.orders.order_world import ACTOR, KEY, OrderWorld, ScriptedSession, fills
from tests.application.orders.start_world import Start, started
from tests.domain.trading.worlds import ACCOUNT, TENANT, D, account, request
from tests.serving import eventually


@pytest.fixture
async def start(database_dsn: str) -> AsyncIterator[Start]:
    async with started(database_dsn) as made:
        yield made


async def _is_waited_for(world: OrderWorld) -> None:
    """Return when an order waits for its session."""

    async def waits() -> bool:
        return bool(list(world.sessions.waited_for()))

    await eventually(waits)


async def _recorded(world: OrderWorld) -> Sequence[Order]:
    async with world.storage.read() as uow:
        return await uow.orders.page(OrderFilter(tenant_id=TENANT), ascending=True, after=None, offset=0, limit=10)


async def test_an_order_waits_for_its_session_and_goes_out_after_what_was_missed(start: Start) -> None:
    world, venue = start.world, start.venue
    opening = await start.open_the_port()
    assert not world.sessions.takes_orders(ACCOUNT)
    submitting = asyncio.create_task(world.submit_order(ACTOR, request()))
    await _is_waited_for(world)
    assert world.session.submitted == []
    world.session.on_submit = lambda order: (venue.came.append("submit"), fills(order))[1]
    venue.let_in.set()
    assert (await submitting).status is OrderStatus.FILLED
    await opening
    assert venue.came == ["replay", "submit"]
    assert world.sessions.takes_orders(ACCOUNT)


async def test_nothing_is_recorded_while_an_order_waits(start: Start) -> None:
    world = start.world
    opening = await start.open_the_port()
    submitting = asyncio.create_task(world.submit_order(ACTOR, request(idempotency_key="k")))
    await _is_waited_for(world)
    submitting.cancel()  # the client hangs up, or the process dies
    with suppress(asyncio.CancelledError):
        await submitting
    assert await _recorded(world) == []
    start.venue.let_in.set()
    await opening
    assert world.session.submitted == []
    assert (await world.submit_order(ACTOR, request(idempotency_key="k"))).status is OrderStatus.ACCEPTED


async def test_where_the_session_does_not_open_the_order_is_not_sent_and_says_so(start: Start) -> None:
    world, start.venue.fails = start.world, True
    opening = await start.open_the_port()
    submitting = asyncio.create_task(world.submit_order(ACTOR, request()))
    await _is_waited_for(world)
    start.venue.let_in.set()
    with pytest.raises(e.VenueUnavailable):
        await submitting
    await opening
    assert await _recorded(world) == []
    assert start.keeper.failing == {ACCOUNT: "VENUE_UNAVAILABLE"}
    assert world.session.submitted == []


async def test_an_order_waits_for_a_limited_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tradable, "SESSION_WAIT_MS_MAX", 10)
    opening = await start.open_the_port()
    with pytest.raises(e.VenueUnavailable):
        await start.world.submit_order(ACTOR, request())
    assert await _recorded(start.world) == []
    start.venue.let_in.set()
    await opening


async def test_nothing_goes_out_while_the_account_is_being_reconciled(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tradable, "SESSION_WAIT_MS_MAX", 10)
    start.venue.let_in.set()
    start.venue.let_replay.clear()
    opening = await start.open_the_port()
    await start.venue.replaying.wait()
    assert start.world.sessions.is_open(ACCOUNT)
    with pytest.raises(e.VenueUnavailable):
        await start.world.submit_order(ACTOR, request())
    start.venue.let_replay.set()
    await opening
    assert start.world.session.submitted == []


async def _recorded_just_before_its_session_is_opened_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> "asyncio.Task[Order]":
    """Return the request, whose order is on disk and waits to be sent."""
    world, is_first = start.world, iter([True])
    start.venue.let_in.set()
    await start.tick()

    def reach(point: str) -> None:
        if point == "committer.after_commit" and next(is_first, False):
            world.sessions.hold_orders(account())

    monkeypatch.setattr(world.failpoints, "reach", reach)
    submitting: asyncio.Task[Order] = asyncio.create_task(world.submit_order(ACTOR, request()))
    await _is_waited_for(world)
    return submitting


@pytest.mark.parametrize("is_opened", [True, False])
async def test_an_order_that_was_recorded_before_its_session_is_opened_again_waits_too(
    start: Start, monkeypatch: pytest.MonkeyPatch, is_opened: bool
) -> None:
    world = start.world
    submitting = await _recorded_just_before_its_session_is_opened_again(start, monkeypatch)
    assert world.session.submitted == []
    if not is_opened:
        await world.sessions.close(ACCOUNT)
    world.sessions.release_orders(ACCOUNT)
    order = await submitting
    not_sent = "NOT_SENT: the trading account does not reach its venue at the moment; nothing was sent"
    assert (order.status, order.reject_reason) == (
        (OrderStatus.ACCEPTED, None) if is_opened else (OrderStatus.REJECTED, not_sent)
    )


async def test_an_order_that_was_cancelled_while_it_waited_to_be_sent_is_not_sent(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = start.world
    submitting = await _recorded_just_before_its_session_is_opened_again(start, monkeypatch)
    session = world.sessions._links.pop(ACCOUNT)  # it is opened again
    async with world.storage.read() as uow:
        (recorded,) = await uow.orders.unresolved(ACCOUNT)
        before = await uow.accounts.get(ACCOUNT)
    cancelled = await world.cancel_order(ACTOR, ACCOUNT, recorded.id)
    assert cancelled.status is OrderStatus.PENDING_CANCEL
    world.sessions._links[ACCOUNT] = session
    world.sessions.release_orders(ACCOUNT)
    order = await submitting
    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, "USER")
    assert world.session.submitted == []
    assert await world.balance("USDT") == (D(1_000_000), D(0))
    async with world.storage.read() as uow:
        after = await uow.accounts.get(ACCOUNT)
    assert before is not None
    assert after is not None
    assert after.complete_until_ms == before.complete_until_ms, "the venue has reported nothing"


async def test_strangers_learn_nothing_by_waiting(start: Start) -> None:
    opening = await start.open_the_port()
    stranger = replace(ACTOR, tenant_id=TenantId(UUID(int=77)))
    with pytest.raises(e.TradingAccountNotFound):
        await start.world.submit_order(stranger, request())
    assert list(start.world.sessions.waited_for()) == []
    start.venue.let_in.set()
    await opening


async def test_the_account_that_an_order_waits_for_comes_first(start: Start) -> None:
    world = start.world
    ids = [TradingAccountId(UUID(int=100 + n)) for n in range(3 * ACCOUNTS_PER_VENUE_MAX)]
    async with world.storage.begin() as uow:
        for id in ids:
            external = replace(account().external, external_id=str(id))
            await uow.accounts.add(account(id=id, external=external, credential_ids=(KEY,)))
        await uow.commit()
    opening = await start.open_the_port()

    async def as_many_as_may() -> bool:
        return len(start.venue.asked) == ACCOUNTS_PER_VENUE_MAX

    await eventually(as_many_as_may)
    last = list(start.keeper._turns._waiting)[-1]
    submitting = asyncio.create_task(world.submit_order(ACTOR, request(account_id=last)))
    await _is_waited_for(world)
    start.venue.let_in.set()
    await opening
    assert last in start.venue.asked[ACCOUNTS_PER_VENUE_MAX : 2 * ACCOUNTS_PER_VENUE_MAX], "not in the last third"
    assert len(start.venue.asked) == len(ids) + 1, "each was opened once"
    with pytest.raises(e.InsufficientBalance):  # decided after the wait, as ever
        await submitting


async def test_it_is_ready_when_every_session_has_been_tried(start: Start) -> None:
    opening = await start.open_the_port()
    assert start.world.sessions.held_count == 1
    assert not start.keeper.has_tried_all
    start.venue.fails = True
    start.venue.let_in.set()
    await opening
    assert start.keeper.has_tried_all
    assert start.world.sessions.held_count == 0


async def test_a_session_that_is_opened_again_is_waited_for(start: Start) -> None:
    world = start.world
    start.venue.let_in.set()
    await start.tick()
    start.venue.let_in.clear()
    await start.renew_key()
    again = asyncio.create_task(start.open_session.again(ACCOUNT))

    async def is_closed() -> bool:
        return not world.sessions.is_open(ACCOUNT)

    await eventually(is_closed)
    submitting: asyncio.Task[Order] = asyncio.create_task(world.submit_order(ACTOR, request()))
    await _is_waited_for(world)
    start.venue.let_in.set()
    assert (await submitting).status is OrderStatus.ACCEPTED
    await again


async def test_a_venue_that_hangs_keeps_the_start_from_being_ready_for_a_limited_time(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = await start.open_the_port()
    assert not start.keeper.has_tried_all
    late_ms = start.world.clock.monotonic_ms() + FIRST_TRIES_MS_MAX
    with monkeypatch.context() as later:
        later.setattr(start.world.clock, "monotonic_ms", lambda: late_ms)
        assert start.keeper.has_tried_all
    start.venue.let_in.set()
    await opening


async def test_an_opening_that_hangs_is_given_up_and_nothing_of_it_is_left(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "SESSION_OPEN_MS_MAX", 10)
    await start.tick()
    assert start.keeper.failing == {ACCOUNT: "VENUE_UNAVAILABLE"}
    assert start.keeper.has_tried_all
    start.venue.let_in.set()
    assert not start.world.sessions.is_open(ACCOUNT)
    assert start.world.sessions.held_count == 0


async def _drop_what_is_late(timeout_ms: int, work: Awaitable[object]) -> object:
    """Cancel work that is late, and drop its result if there is one all the same."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=timeout_ms / 1000)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return None


async def test_a_session_that_is_opened_though_it_was_cut_off_is_closed(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "SESSION_OPEN_MS_MAX", 10)

    async def opens_late(owner: object, type: object, secrets: object, sink: object) -> ScriptedSession:
        with suppress(asyncio.CancelledError):
            await start.venue.let_in.wait()
        return start.world.session

    start.venue.open_session = opens_late  # type: ignore[method-assign, assignment]
    start.world.concurrency.within = _drop_what_is_late  # type: ignore[method-assign, assignment]
    await start.tick()
    assert start.keeper.failing == {ACCOUNT: "VENUE_UNAVAILABLE"}
    assert start.venue.came == ["close"]
    assert not start.world.sessions.is_open(ACCOUNT)


async def test_a_session_whose_opening_is_cancelled_is_closed(start: Start) -> None:
    start.venue.let_in.set()
    start.venue.let_replay.clear()
    opening = asyncio.create_task(start.open_session(account(credential_ids=(KEY,))))
    await start.venue.replaying.wait()
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
    assert start.venue.came == ["replay", "close"]
    assert not start.world.sessions.takes_orders(ACCOUNT), "it is not reconciled"


async def test_a_key_that_its_venue_refuses_suspends_the_account_until_it_is_accepted(start: Start) -> None:
    world, venue = start.world, start.venue
    venue.let_in.set()
    venue.refusal = e.CredentialRejected("PAPER refused the key: -2015 Invalid API-key")
    for _ in range(2):
        await start.tick()
        start.keeper.try_again()
    assert [alarm for alarm, _ in world.alarms.sounded] == [Alarm.KEY_REFUSED], "once for each change"
    assert (await _status(world)) is AccountStatus.SUSPENDED
    with pytest.raises(e.CredentialRejected, match=rf"'{KEY}'.*-2015 Invalid API-key.*rotate it"):
        await world.submit_order(ACTOR, request())
    assert await _recorded(world) == []
    venue.refusal = None
    await start.tick()
    assert (await _status(world)) is AccountStatus.ACTIVE
    assert (await world.submit_order(ACTOR, request())).status is OrderStatus.ACCEPTED
    await world.sessions.close(ACCOUNT)
    venue.refusal = e.CredentialRejected("PAPER refused the key: again")
    await start.tick()
    assert [alarm for alarm, _ in world.alarms.sounded] == [Alarm.KEY_REFUSED] * 2


async def test_an_account_that_does_not_reach_its_venue_says_nothing_about_its_key(start: Start) -> None:
    world, start.venue.fails = start.world, True
    start.venue.let_in.set()
    await start.tick()
    assert world.alarms.sounded == []
    assert (await _status(world)) is AccountStatus.ACTIVE
    with pytest.raises(e.VenueUnavailable):
        await world.submit_order(ACTOR, request())


async def test_a_disabled_account_stays_disabled_while_its_key_is_refused(start: Start) -> None:
    world, venue = start.world, start.venue
    venue.let_in.set()
    await world.committer.commit(AccountChange(ACCOUNT, disabled, None))
    venue.refusal = e.CredentialRejected("PAPER refused the key")
    await start.tick()
    assert (await _status(world)) is AccountStatus.INACTIVE
    venue.refusal = None
    start.keeper.try_again()
    await start.tick()
    assert (await _status(world)) is AccountStatus.INACTIVE


async def _status(world: OrderWorld) -> AccountStatus:
    async with world.storage.read() as uow:
        found = await uow.accounts.get(ACCOUNT)
    assert found is not None
    return found.status
