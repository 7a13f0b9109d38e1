"""Outages of one session: what ends them, how long an order waits for that, and how their gaps are noted."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import Connectors, ExecutionSession, SessionSink
from cadenza.runtime.local import AsyncioConcurrency
from tests.application.orders.order_world import KEY, credential_of
from tests.domain.trading.worlds import ACCOUNT, TENANT, account
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock, FakeConcurrency


class OneSession:
    """A connector whose only session is itself; the test speaks to its sink."""

    sink: SessionSink
    on_close: Callable[[SessionSink], None] = staticmethod(lambda sink: None)

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        self.sink = sink
        return cast(ExecutionSession, self)

    async def close(self) -> None:
        self.on_close(self.sink)


async def nothing(reports: Sequence[Report], is_complete: bool) -> None:
    """Reports are not looked at."""


async def opened(
    on_close: Callable[[SessionSink], None] = lambda sink: None, concurrency: AsyncioConcurrency | None = None
) -> tuple[Sessions, SessionSink]:
    connector = OneSession()
    connector.on_close = on_close
    connectors = cast(Connectors, {account().venue_id: connector})
    sessions = Sessions(connectors=connectors, apply=nothing, concurrency=concurrency or AsyncioConcurrency())
    await sessions.open(account(), cast(Secrets, None), credential_of(KEY))
    return sessions, connector.sink


@pytest.mark.parametrize("second_gap_ms", [100, 200])
async def test_an_outage_during_the_reconciling_of_another_is_reconciled_too(second_gap_ms: int) -> None:
    sessions, sink = await opened()
    sink.lost("broken")
    sink.restored(100)
    (first,) = sessions.to_reconcile()
    sink.lost("broken again")
    sink.restored(second_gap_ms)
    sessions.reconciled(first)
    assert not sessions.takes_orders(ACCOUNT)
    (second,) = sessions.to_reconcile()
    assert second.gap_since_ms == 100
    sessions.reconciled(second)
    assert sessions.takes_orders(ACCOUNT)
    assert not sessions.to_reconcile()


@pytest.mark.parametrize("says", [
    lambda sink: sink.lost("broken while it was being closed"),
    lambda sink: sink.restored(100),
    lambda sink: sink.ended("ended while it was being closed"),
])  # fmt: skip
async def test_what_a_session_says_while_it_is_closed_holds_no_orders_of_the_next(
    says: Callable[[SessionSink], None],
) -> None:
    sessions, sink = await opened(on_close=says)
    await sessions.close(ACCOUNT)
    says(sink)
    await sessions.open(account(), cast(Secrets, None), credential_of(KEY))
    assert sessions.takes_orders(ACCOUNT)
    assert (sessions.held_count, sessions.outages()) == (0, {})


async def test_an_order_waits_no_longer_when_its_account_is_held_again_meanwhile() -> None:
    clock = FakeClock()
    sessions, sink = await opened(concurrency=FakeConcurrency(clock))
    sink.lost("broken")
    waiting = asyncio.create_task(sessions.wait_for(ACCOUNT, TENANT, 5_000))
    await until(lambda: bool(list(sessions.waited_for())), "the order waits")
    clock.advance(4_000)
    sink.restored(100)
    sessions.reconciled(sessions.to_reconcile()[0])
    sink.lost("broken again")
    await until(lambda: bool(list(sessions.waited_for())), "the order waits again")
    assert not waiting.done()
    clock.advance(1_000)
    await until(waiting.done, "the order waits no more")
    assert not sessions.takes_orders(ACCOUNT)


async def test_the_gaps_of_a_session_that_flaps_are_noted_one_at_a_time_and_the_earliest_counts() -> None:
    concurrency = AsyncioConcurrency()
    sessions, sink = await opened(concurrency=concurrency)
    noted: list[int] = []
    is_noted = asyncio.Event()

    async def note(account_id: TradingAccountId, since_ms: int) -> None:
        noted.append(since_ms)
        await is_noted.wait()

    sessions.on_gap = note
    sink.restored(500)
    await until(lambda: noted == [500], "the first gap is being noted")
    for since_ms in (400, 300, 350, *range(501, 600)):
        sink.lost("broken")
        sink.restored(since_ms)
    is_noted.set()
    assert await concurrency.drain(5_000) == 0
    assert noted == [500, 300]
    sink.restored(700)
    assert await concurrency.drain(5_000) == 0
    assert noted == [500, 300, 700]
