"""A session may call its sink before `open_session` has returned."""

from collections.abc import Sequence
from typing import Any

import pytest

from cadenza.application.orders.sessions import Sessions
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.ids import PAPER
from cadenza.domain.trading.reports import Report, UnreadableReport
from cadenza.ports.venue import SessionSink
from cadenza.runtime.local import AsyncioConcurrency
from tests.application.orders.order_world import KEY, credential_of
from tests.domain.trading.worlds import ACCOUNT, account

SECRETS = Secrets("key", "secret", None)
LINE = UnreadableReport(account_id=ACCOUNT, at_ms=1, text="a line", why="it is odd")


class _HastyConnector:
    """Reports, loses its venue and finds it again while it opens a session."""

    def __init__(self) -> None:
        self.fails = False

    async def open_session(self, account: object, type: CredentialType, secrets: Secrets, sink: SessionSink) -> Any:
        await sink.deliver([LINE])
        sink.lost("a reset")
        sink.restored(5)
        if self.fails:
            raise VenueUnavailable("it does not answer")
        return object()


class _World:
    def __init__(self) -> None:
        self.connector = _HastyConnector()
        self.applied: list[tuple[Sequence[Report], bool]] = []
        connectors: Any = {PAPER: self.connector}
        self.sessions = Sessions(connectors=connectors, apply=self._apply, concurrency=AsyncioConcurrency())

    async def _apply(self, reports: Sequence[Report], is_complete: bool) -> None:
        self.applied.append((reports, is_complete))


async def test_early_reports_are_booked_and_an_early_outage_counts_once_the_session_is_there() -> None:
    world = _World()
    await world.sessions.open(account(), SECRETS, credential_of(KEY))
    assert world.applied == [([LINE], False)], "they do not show that nothing is missing"
    assert [restored.gap_since_ms for restored in world.sessions.to_reconcile()] == [5]
    assert not world.sessions.takes_orders(ACCOUNT)


async def test_of_an_opening_that_failed_only_the_reports_stay() -> None:
    world = _World()
    world.connector.fails = True
    with pytest.raises(VenueUnavailable):
        await world.sessions.open(account(), SECRETS, credential_of(KEY))
    assert world.applied == [([LINE], False)]
    assert (world.sessions.to_reconcile(), world.sessions.held_count) == ([], 0)
