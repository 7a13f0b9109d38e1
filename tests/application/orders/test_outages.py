"""Outages of one session: the reconciling of one outage does not end a later one."""

from collections.abc import Sequence
from typing import cast

import pytest

from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import Connectors, ExecutionSession, SessionSink
from cadenza.runtime.local import AsyncioConcurrency
from tests.application.orders.order_world import KEY, credential_of
from tests.domain.trading.worlds import ACCOUNT, account


class OneSession:
    """A connector whose only session is itself; the test speaks to its sink."""

    sink: SessionSink

    async def open_session(
        self, account: TradingAccount, type: CredentialType, secrets: Secrets, sink: SessionSink
    ) -> ExecutionSession:
        self.sink = sink
        return cast(ExecutionSession, self)


async def nothing(reports: Sequence[Report], is_complete: bool) -> None:
    """Reports are not looked at."""


async def opened() -> tuple[Sessions, SessionSink]:
    connector = OneSession()
    connectors = cast(Connectors, {account().venue_id: connector})
    sessions = Sessions(connectors=connectors, apply=nothing, concurrency=AsyncioConcurrency())
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
