"""The states of the sessions in use: callers share a query, and an answer is never older than it may be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from tests.inhouse_kit import until
from tests.scripted.clock import FakeClock

from cadenza.application.identity.session_states import STALE_AFTER_MS, SessionStates
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.identity.session import SessionState
from cadenza.domain.ids import SessionId, TenantId, UserId
from cadenza.runtime.local import AsyncioConcurrency

SESSION = SessionId(UUID(int=1))
LIVE = SessionState(
    session_id=SESSION,
    user_id=UserId(UUID(int=2)),
    tenant_id=TenantId(UUID(int=3)),
    scopes=frozenset(),
    access=frozenset(),
    is_operator=False,
    is_live=True,
)


@dataclass
class SlowStorage:
    """Answers a query once the test lets it; `is_down` makes it fail then."""

    state: SessionState | None = LIVE
    queries: int = 0
    is_down: bool = False
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        yield SimpleNamespace(identity=self)

    async def get_session_state(self, session_id: SessionId, now_ms: int) -> SessionState | None:
        self.queries += 1
        state = self.state
        await self.may_answer.wait()
        if self.is_down:
            raise DatabaseUnavailable("down")
        return state


@pytest.fixture
def storage() -> SlowStorage:
    return SlowStorage()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def states(storage: Any, clock: FakeClock) -> SessionStates:
    return SessionStates(storage=storage, clock=clock, concurrency=AsyncioConcurrency())


async def many(states: SessionStates, storage: SlowStorage) -> list[Any]:
    """Ask a hundred times at once; let the storage answer when all wait."""
    asking = [asyncio.create_task(states.get(SESSION)) for _ in range(100)]
    await until(lambda: storage.queries > 0)
    storage.may_answer.set()
    return await asyncio.gather(*asking, return_exceptions=True)


async def test_callers_share_a_query(states: SessionStates, storage: SlowStorage, clock: FakeClock) -> None:
    assert await many(states, storage) == [LIVE] * 100
    assert storage.queries == 1
    clock.advance(STALE_AFTER_MS)
    assert await many(states, storage) == [LIVE] * 100
    assert storage.queries == 2


async def test_a_failed_query_fails_its_callers_and_the_next_caller_asks_again(
    states: SessionStates, storage: SlowStorage
) -> None:
    storage.is_down = True
    assert {type(answer) for answer in await many(states, storage)} == {DatabaseUnavailable}
    storage.is_down = False
    assert await states.get(SESSION) == LIVE


async def test_a_state_is_read_again_before_it_is_stale(
    states: SessionStates, storage: SlowStorage, clock: FakeClock
) -> None:
    storage.may_answer.set()
    await states.get(SESSION)
    clock.advance(STALE_AFTER_MS - 1)
    storage.state = replace(LIVE, is_live=False)
    assert await states.get(SESSION) == LIVE
    await until(lambda: storage.queries == 2)
    clock.advance(1)
    assert await states.get(SESSION) is None


async def test_an_answer_that_is_stale_is_never_given(
    states: SessionStates, storage: SlowStorage, clock: FakeClock
) -> None:
    storage.may_answer.set()
    await states.get(SESSION)
    clock.advance(STALE_AFTER_MS)
    storage.state = None
    assert await states.get(SESSION) is None


async def test_a_session_that_is_revoked_while_it_is_read_is_refused(
    states: SessionStates, storage: SlowStorage
) -> None:
    asking = asyncio.create_task(states.get(SESSION))
    await until(lambda: storage.queries == 1)
    states.mark_revoked([SESSION])
    storage.may_answer.set()
    assert await asking is None
    assert await states.get(SESSION) is None
