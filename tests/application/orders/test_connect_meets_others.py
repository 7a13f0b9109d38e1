"""A connect asks the venue, which takes its time. What others did to the account meanwhile is not undone by it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from cadenza.application.accounts.update_account import DisableAccount, UpdateAccount
from cadenza.domain import errors as e
from cadenza.domain.accounts.operation import OperationStatus
from cadenza.domain.accounts.trading_account import (
    AccountStatus,
)
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.reports import BalanceReport
from tests.application.orders.account_world import FOUND, NEW_KEYS, Desk, locked_desk
from tests.application.orders.order_world import ACTOR, another_process
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, D, account


@pytest.fixture(params=[True, False], ids=["remembering", "reading"])
async def desk(database_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with locked_desk(database_dsn, remembers=request.param) as desk:
        yield desk


async def test_a_locked_account_is_brought_back_with_all_that_is_new(desk: Desk) -> None:
    before = await desk.stored()
    connected = await desk.let_through(await desk.asked())
    after = await desk.stored()
    assert replace(connected, complete_until_ms=after.complete_until_ms) == after, "reconciling moved the mark since"
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
        account_id=ACCOUNT, at_ms=NOW_MS, asset="USDT", total=D(total), locked=D(0), borrowed=D(0), as_of=NOW_MS
    )  # fmt: skip


async def test_a_new_credential_of_a_connected_account_becomes_a_further_one(desk: Desk) -> None:
    await desk.put(AccountStatus.ACTIVE)
    before = await desk.stored()
    connected = await desk.let_through(await desk.asked())
    assert connected.credential_ids == (*before.credential_ids, *NEW_KEYS)
    assert (connected.id, connected.status) == (before.id, AccountStatus.ACTIVE)
    assert await desk.connects() == []
    assert await desk.let_through(desk.connecting()) == connected, "again, it changes nothing"


async def test_a_new_credential_that_does_not_reach_the_connected_account_is_refused(desk: Desk) -> None:
    await desk.put(AccountStatus.ACTIVE)
    before = await desk.stored()
    desk.reaches = lambda secrets: False
    with pytest.raises(e.ExternalAccountNotReachable):
        await desk.let_through(await desk.asked())
    assert await desk.stored() == before
