"""Keys that are changed under an account: the new one reaches it or the old one stays, its orders wait for the session
that another key signs, and what its operations tell is true wherever the process dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from cadenza.application.accounts.change_account import AccountChange
from cadenza.domain import errors as e
from cadenza.domain.accounts.credential import Credential, CredentialStatus, Secrets
from cadenza.domain.accounts.operation import OperationStatus, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.domain.ids import CredentialId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from tests.application.orders.account_world import NEW_KEYS, Desk, locked_desk
from tests.application.orders.order_world import ACTOR, credential_of
from tests.application.orders.stored_keys import keys, secrets_of
from tests.domain.trading.worlds import ACCOUNT, TENANT, account, request
from tests.serving import eventually

FIRST, SECOND = NEW_KEYS
ROTATED = OperationType.CREDENTIAL_ROTATE
REVOKED = OperationType.CREDENTIAL_REVOKE


@pytest.fixture
async def desk(database_dsn: str) -> AsyncIterator[Desk]:
    async with locked_desk(database_dsn) as desk:
        yield desk


async def connected(desk: Desk) -> Desk:
    desk.let_verify.set()
    assert (await desk.connecting()).account.status is AccountStatus.ACTIVE
    return desk


def rotating(desk: Desk, key: CredentialId) -> asyncio.Task[Credential]:
    renewed = secrets_of("second", key)
    return asyncio.create_task(desk.rotate(ACTOR, key, renewed.api_key, renewed.api_secret, None))


def reached_by_first_keys_only(secrets: Secrets) -> bool:
    return secrets.api_key.startswith("first")


async def stored_credential(desk: Desk, key: CredentialId) -> Credential:
    async with desk.world.storage.read() as uow:
        return (await keys().find(uow, TENANT, key))[0]


async def told(desk: Desk, type: OperationType) -> list[tuple[OperationStatus, str | None]]:
    return [(operation.status, operation.failure) for operation in await desk.operations(type)]


async def is_waited_for(desk: Desk) -> None:
    """Return when an order waits for its session."""

    async def waits() -> bool:
        return bool(list(desk.world.sessions.waited_for()))

    await eventually(waits)


async def connected_while_the_new_key_is_verified(desk: Desk) -> asyncio.Task[Credential]:
    """Whoever rotates does not see the account before the venue is asked."""
    renewed = secrets_of("second", FIRST).api_key
    desk.holds_up[renewed] = asyncio.Event()
    rotation = rotating(desk, FIRST)
    await desk.verifying.wait()
    await connected(desk)
    desk.holds_up[renewed].set()
    return rotation


# Connect and rotate at once


async def test_a_key_that_does_not_reach_an_account_connected_meanwhile_is_refused(desk: Desk) -> None:
    desk.reaches = reached_by_first_keys_only
    with pytest.raises(e.ExternalAccountNotReachable, match="the old one stays"):
        await (await connected_while_the_new_key_is_verified(desk))
    assert (await stored_credential(desk, FIRST)).version == 1
    assert (await desk.stored()).status is AccountStatus.ACTIVE
    assert (await desk.world.submit_order(ACTOR, request())).status is OrderStatus.ACCEPTED
    assert desk.signed_by == [secrets_of("first", FIRST).api_key]


async def test_a_key_that_reaches_an_account_connected_meanwhile_signs_for_it(desk: Desk) -> None:
    await (await connected_while_the_new_key_is_verified(desk))
    assert desk.signed_by == [secrets_of("first", FIRST).api_key, secrets_of("second", FIRST).api_key]
    assert await told(desk, ROTATED) == [(OperationStatus.SUCCESS, None)]


@pytest.mark.parametrize("key", NEW_KEYS, ids=["that signs", "that does not sign"])
async def test_rotated_meanwhile_to_a_key_that_does_not_reach_the_account_it_is_locked(
    desk: Desk, key: CredentialId
) -> None:
    desk.reaches = reached_by_first_keys_only
    connecting = await desk.asked()
    desk.holds_up[secrets_of("second", key).api_key] = asyncio.Event()
    desk.holds_up[secrets_of("second", key).api_key].set()
    await rotating(desk, key)
    assert (await desk.let_through(connecting)).status is AccountStatus.LOCKED
    assert (await desk.stored()).status is AccountStatus.LOCKED
    assert not desk.world.sessions.is_open(ACCOUNT)
    assert await told(desk, ROTATED) == [(OperationStatus.FAILED, "EXTERNAL_ACCOUNT_NOT_REACHABLE")]
    assert await told(desk, OperationType.CONNECT) == [(OperationStatus.SUCCESS, None)]
    await rotating(desk, key)  # a locked account does not hold the key
    desk.reaches = lambda secrets: True
    assert (await desk.connecting()).account.status is AccountStatus.ACTIVE


async def test_a_connect_that_came_late_does_not_lock_what_another_brought_back(desk: Desk) -> None:
    """Its key, rotated meanwhile, is none of the account's; its session is not to go on either."""
    desk.reaches = reached_by_first_keys_only
    desk.let_verify.set()
    desk.let_snap.clear()
    late = asyncio.create_task(desk.connect(ACTOR, (FIRST,), "x", None))
    await desk.snapping.get()
    other = asyncio.create_task(desk.connect(ACTOR, (SECOND,), "x", None))
    await desk.snapping.get()
    await rotating(desk, FIRST)

    def taken_in(before: TradingAccount, now_ms: int) -> TradingAccount:
        return replace(before, status=AccountStatus.ACTIVE, credential_ids=(SECOND,))

    await desk.world.committer.commit(AccountChange(ACCOUNT, taken_in, None))
    desk.let_snap.set()
    assert (await late).account.status is AccountStatus.ACTIVE
    assert (await other).account.status is AccountStatus.ACTIVE
    assert (await desk.stored()).status is AccountStatus.ACTIVE
    assert desk.signed_by == [secrets_of("first", FIRST).api_key, secrets_of("first", SECOND).api_key]
    assert desk.world.sessions.takes_orders(ACCOUNT)


async def test_when_nobody_can_tell_whether_the_key_reaches_the_account_it_is_locked(desk: Desk) -> None:
    desk.let_snap.clear()
    desk.let_verify.set()
    connecting = desk.connecting()
    await desk.snapping.get()
    await rotating(desk, FIRST)

    def fails(secrets: Secrets) -> bool:
        raise e.VenueUnavailable("the venue does not answer")

    desk.reaches = fails
    desk.let_snap.set()
    assert (await connecting).account.status is AccountStatus.LOCKED
    assert await told(desk, ROTATED) == [(OperationStatus.FAILED, "VENUE_UNAVAILABLE"), (OperationStatus.SUCCESS, None)]


async def test_while_nobody_knows_whether_the_key_was_changed_it_does_not_sign(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> Credential:
        raise e.DatabaseUnavailable("the database does not answer")

    monkeypatch.setattr(desk.connect._keys, "current", fails)
    desk.let_verify.set()
    with pytest.raises(e.DatabaseUnavailable):
        await desk.connecting()
    assert not desk.world.sessions.is_open(ACCOUNT)
    await desk.tick()
    assert desk.world.sessions.takes_orders(ACCOUNT)


# Orders meanwhile


async def revoke_first(desk: Desk) -> None:
    await desk.revoke(ACTOR, FIRST)


async def rotate_first(desk: Desk) -> None:
    await rotating(desk, FIRST)


@pytest.mark.parametrize("change", [revoke_first, rotate_first])
async def test_an_order_waits_for_the_session_that_another_key_signs(
    desk: Desk, change: Callable[[Desk], Awaitable[None]]
) -> None:
    await connected(desk)
    closing, let_close = asyncio.Event(), asyncio.Event()

    async def close() -> None:
        closing.set()
        await let_close.wait()

    desk.world.session.close = close  # type: ignore[method-assign]
    changing = asyncio.ensure_future(change(desk))
    await closing.wait()
    submitting: asyncio.Task[Order] = asyncio.create_task(desk.world.submit_order(ACTOR, request()))
    await is_waited_for(desk)
    let_close.set()
    assert (await submitting).status is OrderStatus.ACCEPTED
    await changing


async def test_the_session_goes_on_when_a_key_that_does_not_sign_is_changed(desk: Desk) -> None:
    await connected(desk)
    before = desk.world.sessions.get(ACCOUNT)
    closed: list[None] = []

    async def close() -> None:
        closed.append(None)

    desk.world.session.close = close  # type: ignore[method-assign]
    await rotating(desk, SECOND)
    await desk.revoke(ACTOR, SECOND)
    assert closed == []
    assert desk.world.sessions.get(ACCOUNT) is before
    assert desk.signed_by == [secrets_of("first", FIRST).api_key]
    assert await told(desk, REVOKED) == [(OperationStatus.SUCCESS, None)]


async def test_whoever_waits_for_a_session_gets_it_or_is_told_that_there_is_none(desk: Desk) -> None:
    sessions = desk.world.sessions
    with pytest.raises(e.VenueUnavailable):
        await sessions.session_for(ACCOUNT, TENANT, 1_000)
    sessions.hold_orders(account())
    with pytest.raises(e.VenueUnavailable, match="does not reach"):
        await sessions.session_for(ACCOUNT, TENANT, 10)
    waiting = asyncio.create_task(sessions.session_for(ACCOUNT, TENANT, 5_000))
    await is_waited_for(desk)
    opened = await sessions.open(account(), secrets_of("first", FIRST), credential_of(FIRST))
    sessions.release_orders(ACCOUNT)
    sessions.hold_orders(account())  # once more, before the waiting one goes on
    await is_waited_for(desk)
    assert not waiting.done()
    sessions.release_orders(ACCOUNT)
    assert await waiting is opened


# Deaths


async def test_the_operation_of_a_rotation_is_true_once_the_new_key_is_in_place(desk: Desk) -> None:
    await connected(desk)
    desk.opening.clear()
    desk.let_open.clear()
    rotation = rotating(desk, FIRST)
    await desk.opening.wait()
    rotation.cancel()  # the process dies here
    with suppress(asyncio.CancelledError):
        await rotation
    assert (await stored_credential(desk, FIRST)).version == 2
    assert await told(desk, ROTATED) == [(OperationStatus.SUCCESS, None)]


async def test_a_rotation_that_died_before_was_not_made(desk: Desk) -> None:
    await connected(desk)
    desk.holds_up[secrets_of("second", FIRST).api_key] = asyncio.Event()
    desk.verifying.clear()
    rotation = rotating(desk, FIRST)
    await desk.verifying.wait()
    rotation.cancel()
    with suppress(asyncio.CancelledError):
        await rotation
    await desk.keeper.finish_operations()
    assert (await stored_credential(desk, FIRST)).version == 1
    assert await told(desk, ROTATED) == [(OperationStatus.FAILED, "INTERRUPTED")]


async def test_an_account_that_nobody_locked_is_locked_by_the_keeper(desk: Desk) -> None:
    """The connect died before it looked; whoever revoked had looked before the account was there."""
    await connected(desk)
    await desk.world.sessions.close(ACCOUNT)
    async with desk.world.storage.begin() as uow:
        for key in NEW_KEYS:
            credential, _ = await keys().find(uow, TENANT, key, lock=True)
            await uow.credentials.update(replace(credential, status=CredentialStatus.REVOKED, revoked_at_ms=1))
        await uow.commit()
    await desk.tick()
    assert (await desk.stored()).status is AccountStatus.LOCKED
    assert await told(desk, REVOKED) == [(OperationStatus.SUCCESS, None)]
    assert desk.keeper.failing == {}
    await desk.tick()
    assert len(await desk.operations(REVOKED)) == 1


async def test_an_account_that_was_given_a_live_key_meanwhile_is_not_locked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.let_verify.set()
    await desk.connect(ACTOR, (FIRST,), "x", None)
    finish = desk.changer.finish

    def given(before: TradingAccount, now_ms: int) -> TradingAccount:
        return replace(before, credential_ids=(SECOND,))

    async def finish_late(*arguments: Any) -> TradingAccount:
        await desk.world.committer.commit(AccountChange(ACCOUNT, given, None))
        return await finish(*arguments)

    monkeypatch.setattr(desk.changer, "finish", finish_late)
    await desk.revoke(ACTOR, FIRST)
    assert (await desk.stored()).status is AccountStatus.ACTIVE
    assert desk.signed_by[-1] == secrets_of("first", SECOND).api_key
    assert desk.world.sessions.takes_orders(ACCOUNT)


async def test_a_connect_that_cannot_be_ended_holds_one_connection_at_a_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key was revoked: the operation fails, in a transaction of its own."""
    operation = await desk.changer.begin(await desk.stored(), OperationType.CONNECT)
    fail, storage = desk.changer.fail, desk.world.storage
    idle_counts: list[int] = []

    async def counted(*arguments: Any) -> None:
        idle_counts.append(storage._connections._pool.get_size() - storage._connections._pool.get_idle_size())
        await fail(*arguments)

    monkeypatch.setattr(desk.changer, "fail", counted)
    await desk.keeper.finish_operations()
    await desk.keeper.finish_at_venues()
    assert idle_counts == [0]
    assert [(each.id, each.status) for each in await desk.connects()] == [(operation.id, OperationStatus.FAILED)]


# What is needed by a start only


async def test_a_session_is_opened_with_the_account_as_it_is(desk: Desk) -> None:
    """The keeper found it due long ago; it was brought back with another key since."""
    await connected(desk)
    old = replace(await desk.stored(), credential_ids=(SECOND,))
    await desk.world.sessions.close(ACCOUNT)
    await desk.open_session(old)
    assert desk.world.sessions.takes_orders(ACCOUNT)
    assert desk.signed_by[-1] == secrets_of("first", FIRST).api_key


async def test_when_the_reply_of_the_commit_is_lost_the_old_key_does_not_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected(desk)
    swap = desk.rotate._swap

    async def is_made_but_not_told(*args: Any) -> Any:
        await swap(*args)
        raise e.DatabaseUnavailable("the reply was lost")

    monkeypatch.setattr(desk.rotate, "_swap", is_made_but_not_told)
    with pytest.raises(e.DatabaseUnavailable):
        await rotating(desk, FIRST)
    assert not desk.world.sessions.is_open(ACCOUNT)
    await desk.open_session(await desk.stored())
    assert desk.signed_by[-1] == secrets_of("second", FIRST).api_key
    assert await told(desk, ROTATED) == [(OperationStatus.SUCCESS, None)]


# Where the one who changed a key could not do all that follows from it


@pytest.mark.parametrize("is_rotated", [True, False])
async def test_an_open_session_of_a_key_that_was_changed_is_found_by_the_keeper(desk: Desk, is_rotated: bool) -> None:
    await connected(desk)
    async with desk.world.storage.begin() as uow:
        for key in NEW_KEYS:
            credential, _ = await keys().find(uow, TENANT, key, lock=True)
            if is_rotated:
                credential = replace(credential, version=2)
                await uow.credentials.update(credential, keys().seal(credential, secrets_of("second", key)))
            else:
                await uow.credentials.update(replace(credential, status=CredentialStatus.REVOKED, revoked_at_ms=1))
        await uow.commit()
    assert desk.world.sessions.is_open(ACCOUNT)
    await desk.tick()
    if is_rotated:
        assert desk.signed_by[-1] == secrets_of("second", FIRST).api_key
        assert desk.world.sessions.takes_orders(ACCOUNT)
    else:
        assert not desk.world.sessions.is_open(ACCOUNT)
        assert (await desk.stored()).status is AccountStatus.LOCKED
    asked = len(desk.signed_by)
    await desk.tick()
    assert len(desk.signed_by) == asked


async def test_a_revocation_that_cannot_be_followed_leaves_nobody_signing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connected(desk)
    await desk.revoke(ACTOR, SECOND)

    async def is_away(*args: Any) -> None:
        raise e.DatabaseUnavailable("away")

    with monkeypatch.context() as while_away:
        while_away.setattr(desk.changer, "finish", is_away)
        with pytest.raises(e.DatabaseUnavailable):
            await desk.revoke(ACTOR, FIRST)
    assert not desk.world.sessions.is_open(ACCOUNT)
    await desk.tick()
    assert (await desk.stored()).status is AccountStatus.LOCKED


async def test_a_session_whose_key_cannot_be_told_is_closed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await connected(desk)

    def is_away() -> Any:
        raise e.DatabaseUnavailable("away")

    with monkeypatch.context() as while_away:
        while_away.setattr(desk.world.storage, "read", is_away)
        await desk.open_session.again(ACCOUNT)
    assert not desk.world.sessions.is_open(ACCOUNT)
    assert desk.world.sessions.held_count == 0
    await desk.tick()
    assert desk.world.sessions.takes_orders(ACCOUNT)
