"""The account use cases over one account, and a venue that answers when the test lets it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cadenza.application.accounts.change_account import AccountChange, AccountChanger
from cadenza.application.accounts.connect_account import ConnectAccount
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.follow_credentials import FollowCredentials
from cadenza.application.accounts.keep_sessions import KeepSessions
from cadenza.application.accounts.open_session import OpenSession
from cadenza.application.accounts.refused_keys import RefusedKeys
from cadenza.application.accounts.revoke_credential import RevokeCredential
from cadenza.application.accounts.rotate_credential import RotateCredential
from cadenza.application.accounts.views import AccountView
from cadenza.application.accounts.watch_key_rights import WatchKeyRights
from cadenza.domain import errors as e
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.operation import Operation, OperationType
from cadenza.domain.accounts.trading_account import (
    AccountStatus,
    AccountType,
    CollateralMode,
    ExternalAccount,
    MarginMode,
    TradingAccount,
)
from cadenza.domain.ids import PAPER, CredentialId, TradingAccountId
from cadenza.ports.storage.accounts import OperationFilter
from cadenza.ports.venue import AccountSnapshot, KeyRights, VerifiedKey
from tests.application.orders.order_world import ACTOR, OrderWorld, balance_report, order_world
from tests.application.orders.stored_keys import keys, store_credentials
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, SPEC, TENANT

NEW_KEYS = (CredentialId(UUID(int=11)), CredentialId(UUID(int=10)))
FOUND = ExternalAccount(
    external_id="x", type=AccountType.MARGIN, external_type="unified", collateral_mode=CollateralMode.CROSS,
    margin_mode=MarginMode.PORTFOLIO, max_leverage=7,
)  # fmt: skip


def to(status: AccountStatus) -> Callable[[TradingAccount, int], TradingAccount]:
    return lambda before, now_ms: before.with_status(status, now_ms)


async def tried(venue_id: Any) -> None:
    """Every venue has been tried."""


class Desk:
    """The account use cases over one account, and a venue that answers when the test lets it."""

    def __init__(self, world: OrderWorld) -> None:
        self.world = world
        self.verifying, self.let_verify = asyncio.Event(), asyncio.Event()
        self.holds_up: dict[str, asyncio.Event] = {}
        """Api keys that the venue takes its time to verify, whatever `let_verify` says."""
        self.reaches: Callable[[Secrets], bool] = lambda secrets: True
        self.opening, self.let_open = asyncio.Event(), asyncio.Event()
        self.let_open.set()
        self.snapping: asyncio.Queue[None] = asyncio.Queue()
        self.let_snap = asyncio.Event()
        self.let_snap.set()
        self.holds: tuple[Any, ...] = (balance_report("USDT", "1000000"), balance_report("BTC", "10"))
        self.fails = False
        self.signed_by: list[str] = []
        self.opened_for = ACCOUNT
        self.rights: KeyRights | None = None
        self.changer = AccountChanger(
            storage=world.storage, committer=world.committer, clock=world.clock, ids=world.ids
        )
        self.disconnect = DisconnectAccount(
            storage=world.storage, committer=world.committer, changer=self.changer, sessions=world.sessions,
            clock=world.clock,
        )  # fmt: skip
        self.open_session = OpenSession(
            storage=world.storage, sessions=world.sessions, keys=keys(), reconcile=world.reconcile,
            refused_keys=RefusedKeys(sessions=world.sessions, committer=world.committer, alarms=world.alarms),
        )  # fmt: skip
        self.follow = follow = FollowCredentials(
            storage=world.storage, sessions=world.sessions, open_session=self.open_session, changer=self.changer
        )
        self.key_rights = WatchKeyRights(alarms=world.alarms)
        self.connect = ConnectAccount(
            storage=world.storage, committer=world.committer, sessions=world.sessions, keys=keys(),
            changer=self.changer, follow=follow, ask_venue=world.ask_venue, reconcile=world.reconcile,
            key_rights=self.key_rights, clock=world.clock, ids=world.ids, concurrency=world.concurrency,
        )  # fmt: skip
        self.revoke = RevokeCredential(
            storage=world.storage, keys=keys(), changer=self.changer, follow=follow, clock=world.clock, ids=world.ids
        )
        self.rotate = RotateCredential(
            storage=world.storage, sessions=world.sessions, open_session=self.open_session, keys=keys(),
            changer=self.changer, key_rights=self.key_rights, clock=world.clock, ids=world.ids,
            concurrency=world.concurrency,
        )  # fmt: skip
        self.keeper = KeepSessions(
            storage=world.storage, sessions=world.sessions, keys=keys(), open_session=self.open_session,
            reconcile=world.reconcile, connect=self.connect, disconnect=self.disconnect, follow=follow,
            changer=self.changer, first_try=tried, clock=world.clock, concurrency=world.concurrency,
        )  # fmt: skip
        connector: Any = SimpleNamespace(
            verify=self._verify,
            open_session=self._open_session,
            check_credential=lambda type, secrets: None,
            spec=SPEC,
        )
        world.sessions._connectors = {PAPER: connector}
        world.session.snapshot = self._snapshot  # type: ignore[method-assign]

    async def tick(self) -> None:
        """One round of the keeper; return when all that it began has ended."""
        await self.keeper.tick()
        assert await self.world.concurrency.drain(5_000) == 0

    def connecting(self) -> asyncio.Task[AccountView]:
        return asyncio.create_task(self.connect(ACTOR, NEW_KEYS, "x", None))

    async def asked(self) -> asyncio.Task[AccountView]:
        """Start a connect, up to where the venue is asked."""
        task = self.connecting()
        await self.verifying.wait()
        return task

    async def let_through(self, task: asyncio.Task[AccountView]) -> TradingAccount:
        self.let_verify.set()
        return (await task).account

    async def put(self, status: AccountStatus) -> None:
        """Bring the account into the state, with no session."""
        await self.world.sessions.close(ACCOUNT)
        await self.world.committer.commit(AccountChange(ACCOUNT, to(status), None))

    async def stored(self, account_id: TradingAccountId = ACCOUNT) -> TradingAccount:
        async with self.world.storage.read() as uow:
            found = await uow.accounts.get(account_id)
        assert found is not None
        return found

    async def connects(self) -> Sequence[Operation]:
        """Return the account's connects, newest first."""
        return await self.operations(OperationType.CONNECT)

    async def operations(self, type: OperationType) -> Sequence[Operation]:
        """Return what was done to the account, newest first."""
        wanted = OperationFilter(tenant_id=TENANT, account_id=ACCOUNT, type=type)
        async with self.world.storage.read() as uow:
            return await uow.operations.page(wanted, after=None, offset=0, limit=10)

    async def _verify(self, type: CredentialType, secrets: Secrets) -> VerifiedKey:
        self.verifying.set()
        await self.holds_up.get(secrets.api_key, self.let_verify).wait()
        return VerifiedKey([FOUND] if self.reaches(secrets) else [], self.rights)

    async def _open_session(self, owner: Any, type: Any, secrets: Secrets, sink: Any) -> Any:
        self.signed_by.append(secrets.api_key)
        self.opened_for = owner.id
        self.opening.set()
        await self.let_open.wait()
        return self.world.session

    async def _snapshot(self) -> AccountSnapshot:
        self.snapping.put_nowait(None)
        await self.let_snap.wait()
        if self.fails:
            raise e.VenueUnavailable("the venue does not answer")
        balances = tuple(replace(report, account_id=self.opened_for) for report in self.holds)
        return AccountSnapshot(balances=balances, positions=(), open_orders=(), as_of=NOW_MS, at_ms=NOW_MS)


@asynccontextmanager
async def locked_desk(dsn: str, *, remembers: bool = True) -> AsyncIterator[Desk]:
    """A desk whose account is locked, and may be brought back with `NEW_KEYS`."""
    async with order_world(dsn, remembers=remembers) as world:
        await store_credentials(world.storage, *NEW_KEYS)
        desk = Desk(world)
        await desk.put(AccountStatus.LOCKED)
        yield desk
