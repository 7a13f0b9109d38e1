"""A connect asks the venue, which takes its time. What others did to the account meanwhile is not undone by it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from cadenza.application.accounts.change_account import AccountChange, AccountChanger
from cadenza.application.accounts.connect_account import ConnectAccount
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.application.accounts.update_account import DisableAccount, UpdateAccount
from cadenza.application.accounts.views import AccountView
from cadenza.domain import errors as e
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.operation import Operation, OperationStatus, OperationType
from cadenza.domain.accounts.trading_account import (
    AccountStatus,
    AccountType,
    CollateralMode,
    ExternalAccount,
    MarginMode,
    TradingAccount,
)
from cadenza.domain.ids import PAPER, CredentialId, TradingAccountId
from cadenza.domain.trading.reports import BalanceReport
from cadenza.ports.storage.accounts import OperationFilter
from cadenza.ports.venue import AccountSnapshot
from tests.application.orders.order_world import ACTOR, OrderWorld, another_process, order_world
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, TENANT, D, account

NEW_KEYS = (CredentialId(UUID(int=11)), CredentialId(UUID(int=10)))
FOUND = ExternalAccount(
    external_id="x", type=AccountType.MARGIN, external_type="unified", collateral_mode=CollateralMode.CROSS,
    margin_mode=MarginMode.PORTFOLIO, max_leverage=7,
)  # fmt: skip


class Desk:
    """The account use cases over one account, and a venue that answers when the test lets it."""

    def __init__(self, world: OrderWorld) -> None:
        self.world = world
        self.verifying, self.let_verify = asyncio.Event(), asyncio.Event()
        self.snapping: asyncio.Queue[None] = asyncio.Queue()
        self.let_snap = asyncio.Event()
        self.let_snap.set()
        self.holds: tuple[BalanceReport, ...] = ()
        self.fails = False
        self.changer = AccountChanger(
            storage=world.storage, committer=world.committer, clock=world.clock, ids=world.ids
        )
        self.disconnect = DisconnectAccount(
            storage=world.storage, committer=world.committer, changer=self.changer, sessions=world.sessions,
            clock=world.clock,
        )  # fmt: skip
        keys: Any = SimpleNamespace(open=self._open)
        self.connect = ConnectAccount(
            storage=world.storage, committer=world.committer, sessions=world.sessions, keys=keys, changer=self.changer,
            reconcile=world.reconcile, clock=world.clock, ids=world.ids,
        )  # fmt: skip
        connector: Any = SimpleNamespace(verify=self._verify, open_session=self._open_session)
        world.sessions._connectors = {PAPER: connector}
        world.session.snapshot = self._snapshot  # type: ignore[method-assign]

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
        wanted = OperationFilter(tenant_id=TENANT, account_id=ACCOUNT, type=OperationType.CONNECT)
        async with self.world.storage.read() as uow:
            return await uow.operations.page(wanted, after=None, offset=0, limit=10)

    async def _open(self, uow: Any, tenant_id: Any, credential_id: CredentialId) -> Any:
        return SimpleNamespace(id=credential_id, venue_id=PAPER, type=CredentialType.HMAC), None

    async def _verify(self, type: CredentialType, secrets: Any) -> Sequence[ExternalAccount]:
        self.verifying.set()
        await self.let_verify.wait()
        return [FOUND]

    async def _open_session(self, owner: Any, secrets: Any, sink: Any) -> Any:
        return self.world.session

    async def _snapshot(self) -> AccountSnapshot:
        self.snapping.put_nowait(None)
        await self.let_snap.wait()
        if self.fails:
            raise e.VenueUnavailable("the venue does not answer")
        return AccountSnapshot(balances=self.holds, positions=(), open_orders=(), at_ms=NOW_MS)


def to(status: AccountStatus) -> Callable[[TradingAccount, int], TradingAccount]:
    return lambda before, now_ms: before.with_status(status, now_ms)


@pytest.fixture(params=[True, False], ids=["remembering", "reading"])
async def desk(database_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with order_world(database_dsn, remembers=request.param) as world:
        desk = Desk(world)
        await desk.put(AccountStatus.LOCKED)
        yield desk


async def test_a_locked_account_is_brought_back_with_all_that_is_new(desk: Desk) -> None:
    before = await desk.stored()
    connected = await desk.let_through(await desk.asked())
    after = await desk.stored()
    assert connected == after
    assert (after.status, after.external, after.credential_ids) == (AccountStatus.ACTIVE, FOUND, NEW_KEYS)
    assert (after.id, after.nickname, after.created_at_ms) == (before.id, before.nickname, before.created_at_ms)
    assert after.adopted_at_ms == NOW_MS
    assert [operation.status for operation in await desk.connects()] == [OperationStatus.SUCCESS]


async def test_archived_meanwhile_it_stays_archived(desk: Desk) -> None:
    connecting = await desk.asked()
    await desk.disconnect(ACTOR, ACCOUNT)
    archived = await desk.stored()
    with pytest.raises(e.AccountDisconnected, match="connect it again to get a new one"):
        await desk.let_through(connecting)
    assert await desk.stored() == archived
    assert archived.status is AccountStatus.DISCONNECTED
    assert not desk.world.sessions.is_open(ACCOUNT)
    (operation,) = await desk.connects()
    assert (operation.status, operation.failure) == (OperationStatus.FAILED, "ACCOUNT_DISCONNECTED")
    again = (await desk.connecting()).account
    assert (again.id != ACCOUNT, again.status) == (True, AccountStatus.ACTIVE)
    assert (await desk.stored()).status is AccountStatus.DISCONNECTED


async def test_archived_meanwhile_by_another_process(desk: Desk, database_dsn: str) -> None:
    connecting = await desk.asked()
    async with another_process(database_dsn) as other:
        await Desk(other).disconnect(ACTOR, ACCOUNT)
    with pytest.raises(e.AccountDisconnected):
        await desk.let_through(connecting)
    assert (await desk.stored()).status is AccountStatus.DISCONNECTED
    assert [operation.status for operation in await desk.connects()] == [OperationStatus.FAILED]


async def test_archived_while_the_account_is_taken_in(desk: Desk) -> None:
    desk.let_snap.clear()
    desk.let_verify.set()
    connecting = desk.connecting()
    await desk.snapping.get()
    await desk.disconnect(ACTOR, ACCOUNT)
    desk.let_snap.set()
    with pytest.raises(e.AccountDisconnected):
        await connecting
    assert (await desk.stored()).status is AccountStatus.DISCONNECTED
    assert not desk.world.sessions.is_open(ACCOUNT)
    assert [operation.status for operation in await desk.connects()] == [OperationStatus.FAILED]


async def test_a_name_given_meanwhile_is_kept(desk: Desk) -> None:
    connecting = await desk.asked()
    await UpdateAccount(changer=desk.changer)(ACTOR, ACCOUNT, "the new desk")
    assert (await desk.let_through(connecting)).nickname == "the new desk"
    assert (await desk.stored()).nickname == "the new desk"


async def test_brought_back_and_disabled_meanwhile_it_stays_disabled(desk: Desk) -> None:
    connecting = await desk.asked()
    await desk.put(AccountStatus.ACTIVE)
    await DisableAccount(changer=desk.changer)(ACTOR, ACCOUNT)
    disabled = await desk.stored()
    assert await desk.let_through(connecting) == disabled
    assert await desk.stored() == disabled
    assert [operation.status for operation in await desk.connects()] == [OperationStatus.SUCCESS]


async def test_two_connects_at_once_take_the_account_in_once(desk: Desk) -> None:
    desk.let_snap.clear()
    desk.let_verify.set()
    first, second = desk.connecting(), desk.connecting()
    await desk.snapping.get()
    await desk.snapping.get()
    desk.let_snap.set()
    assert {(await first).account.status, (await second).account.status} == {AccountStatus.ACTIVE}
    adopted = await desk.stored()
    assert adopted.adopted_at_ms == NOW_MS
    assert [operation.status for operation in await desk.connects()] == [OperationStatus.SUCCESS] * 2


async def test_a_snapshot_that_comes_late_does_not_put_the_money_back(desk: Desk) -> None:
    """Two connects asked for a snapshot; the account trades since the first was taken in."""
    desk.holds = (balance("5"),)
    desk.let_snap.clear()
    desk.let_verify.set()
    late = desk.connecting()
    await desk.snapping.get()
    await desk.put(AccountStatus.ACTIVE)
    desk.let_snap.set()
    await late
    assert await desk.world.balance("USDT") == (D(1_000_000), D(0))


async def test_a_connect_that_fails_archives_only_what_is_still_new(desk: Desk) -> None:
    await desk.put(AccountStatus.SETUP)
    desk.let_snap.clear()
    desk.let_verify.set()
    failing = desk.connecting()
    await desk.snapping.get()
    await desk.put(AccountStatus.ACTIVE)
    desk.fails = True
    desk.let_snap.set()
    with pytest.raises(e.VenueUnavailable):
        await failing
    assert (await desk.stored()).status is AccountStatus.ACTIVE


async def test_a_new_account_that_cannot_be_taken_in_is_archived(desk: Desk) -> None:
    await desk.put(AccountStatus.SETUP)
    desk.let_verify.set()
    desk.fails = True
    with pytest.raises(e.VenueUnavailable):
        await desk.connecting()
    assert (await desk.stored()).status is AccountStatus.DISCONNECTED


async def test_an_account_is_written_as_it_is_read(desk: Desk) -> None:
    full = replace(
        account(), id=TradingAccountId(UUID(int=77)), external=replace(FOUND, external_id="y"), credential_ids=NEW_KEYS
    )
    async with desk.world.storage.begin() as uow:
        assert await uow.accounts.add(full)
        assert not await uow.accounts.add(replace(full, id=TradingAccountId(UUID(int=78))))
        await uow.commit()
    assert await desk.stored(full.id) == full


def balance(total: str) -> BalanceReport:
    return BalanceReport(
        account_id=ACCOUNT, order_id=None, venue_order_id=None, at_ms=NOW_MS, asset="USDT", total=D(total),
        borrowed=D(0),
    )  # fmt: skip
