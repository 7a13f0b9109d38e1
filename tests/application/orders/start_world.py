"""A world as it is just after a start: its account has no session, and the keeper is about to open it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from cadenza.application.accounts.keep_sessions import KeepSessions
from cadenza.application.accounts.open_session import OpenSession
from cadenza.application.accounts.refused_keys import RefusedKeys
from cadenza.domain import errors as e
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.ids import PAPER, TradingAccountId
from cadenza.domain.trading.reports import Report
from cadenza.ports.venue import ReplayPiece
from tests.application.orders.order_world import KEY, OrderWorld, ScriptedSession, order_world
from tests.application.orders.stored_keys import keys, secrets_of, store_credentials
from tests.domain.trading.worlds import ACCOUNT, SPEC, TENANT
from tests.serving import eventually


class Venue:
    """A venue whose sessions open when the test lets them; it remembers what came in which order."""

    spec = SPEC

    def __init__(self, world: OrderWorld) -> None:
        self.session = world.session
        self.let_in = asyncio.Event()
        self.asked: list[TradingAccountId] = []
        self.signed_by: list[str] = []
        self.fails = False
        self.refusal: e.CredentialRejected | None = None
        self.came: list[str] = []
        self.has_missed: Sequence[Report] = ()
        self.open_session = self._open_session
        self.session.replay = self._replay  # type: ignore[method-assign]
        self.session.close = self._close  # type: ignore[method-assign]
        self.replaying = asyncio.Event()
        self.let_replay = asyncio.Event()
        self.let_replay.set()

    async def _open_session(self, owner: Any, type: Any, secrets: Secrets, sink: Any) -> ScriptedSession:
        self.asked.append(owner.id)
        self.signed_by.append(secrets.api_key)
        await self.let_in.wait()
        if self.fails:
            raise e.VenueUnavailable("the venue does not answer")
        if self.refusal is not None:
            raise self.refusal
        return self.session

    async def _replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        self.came.append("replay")
        self.replaying.set()
        await self.let_replay.wait()
        yield ReplayPiece(reports=self.has_missed, covers_from_ms=since_ms)

    async def _close(self) -> None:
        self.came.append("close")


async def tried(venue_id: Any) -> None:
    """Every venue has been tried."""


class Start:
    """A world as it is just after a start: its accounts have no session, the keeper finds them due."""

    def __init__(self, world: OrderWorld) -> None:
        self.world, self.venue = world, Venue(world)
        world.sessions._connectors = {PAPER: self.venue}  # type: ignore[dict-item]
        nothing: Any = None
        self.open_session = OpenSession(
            storage=world.storage, sessions=world.sessions, keys=keys(), reconcile=world.reconcile,
            refused_keys=RefusedKeys(sessions=world.sessions, committer=world.committer, alarms=world.alarms),
        )  # fmt: skip
        self.keeper = KeepSessions(
            storage=world.storage, sessions=world.sessions, keys=keys(), open_session=self.open_session,
            reconcile=world.reconcile, connect=nothing, disconnect=nothing, follow=nothing, changer=nothing,
            first_try=tried,
            clock=world.clock, concurrency=world.concurrency,
        )  # fmt: skip

    async def renew_key(self) -> Secrets:
        """Put another key in, as a rotation does; returns it."""
        renewed = secrets_of("second", KEY)
        async with self.world.storage.begin() as uow:
            credential, _ = await keys().find(uow, TENANT, KEY, lock=True)
            credential = replace(credential, version=2)
            await uow.credentials.update(credential, keys().seal(credential, renewed))
            await uow.commit()
        return renewed

    async def open_the_port(self) -> asyncio.Task[None]:
        """Begin to open the sessions; return a task that ends when none is expected any more."""
        await self.keeper.find_due()
        await self.keeper.tick()
        return asyncio.create_task(self.opened())

    async def opened(self) -> None:
        async def is_expected_no_more() -> bool:
            return not self.world.sessions.held_count

        await eventually(is_expected_no_more)

    async def tick(self) -> None:
        """One round of the keeper; return when all that it began has ended."""
        await self.keeper.tick()
        assert await self.world.concurrency.drain(5_000) == 0


@asynccontextmanager
async def started(dsn: str) -> AsyncIterator[Start]:
    async with order_world(dsn) as world:
        await world.sessions.close(ACCOUNT)
        await store_credentials(world.storage, KEY)
        yield Start(world)
