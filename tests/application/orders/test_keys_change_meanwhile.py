"""A key that is revoked or rotated while a session is opened with it does not go on signing, however the two
interleave; an account whose only key is gone is locked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from cadenza.domain.accounts.operation import Operation, OperationStatus, OperationType
from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.ids import CredentialId
from cadenza.ports.storage.accounts import OperationFilter
from tests.application.orders.account_world import NEW_KEYS, Desk, locked_desk
from tests.application.orders.order_world import ACTOR, KEY, OrderWorld
from tests.application.orders.start_world import Start, started
from tests.application.orders.stored_keys import secrets_of
from tests.domain.trading.worlds import ACCOUNT, TENANT
from tests.serving import eventually

FIRST, SECOND = NEW_KEYS
Change = Callable[[Desk, CredentialId], Coroutine[Any, Any, None]]


async def revoke(desk: Desk, key: CredentialId) -> None:
    await desk.revoke(ACTOR, key)


async def rotate(desk: Desk, key: CredentialId) -> None:
    renewed = secrets_of("second", key)
    await desk.rotate(ACTOR, key, renewed.api_key, renewed.api_secret, None)


@pytest.fixture
async def desk(database_dsn: str) -> AsyncIterator[Desk]:
    async with locked_desk(database_dsn) as desk:
        yield desk


@pytest.fixture
async def start(database_dsn: str) -> AsyncIterator[Start]:
    async with started(database_dsn) as made:
        yield made


async def operations(world: OrderWorld) -> list[tuple[OperationType, OperationStatus]]:
    """What was done to the account, oldest first."""
    async with world.storage.read() as uow:
        found: list[Operation] = list(
            await uow.operations.page(
                OperationFilter(tenant_id=TENANT, account_id=ACCOUNT), after=None, offset=0, limit=10
            )
        )
    return sorted(((each.type, each.status) for each in found), key=lambda pair: pair[0].value)


async def test_revoked_before_the_account_is_known_to_use_it(desk: Desk) -> None:
    """Nobody who revokes sees the account: it is given its keys only once the venue has answered."""
    connecting = await desk.asked()
    await revoke(desk, FIRST)
    await revoke(desk, SECOND)
    account = await desk.let_through(connecting)
    assert account == await desk.stored()
    assert account.status is AccountStatus.LOCKED
    assert not desk.world.sessions.is_open(ACCOUNT)
    assert await operations(desk.world) == [
        (OperationType.CONNECT, OperationStatus.SUCCESS),
        (OperationType.CREDENTIAL_REVOKE, OperationStatus.SUCCESS),
    ]


async def test_revoked_while_the_account_is_taken_in(desk: Desk) -> None:
    """Who revokes locks the account, which is in the middle of being connected."""
    desk.let_snap.clear()
    desk.let_verify.set()
    connecting = desk.connecting()
    await desk.snapping.get()
    await revoke(desk, FIRST)
    await revoke(desk, SECOND)
    desk.let_snap.set()
    assert (await connecting).account.status is AccountStatus.LOCKED
    assert (await desk.stored()).status is AccountStatus.LOCKED
    assert not desk.world.sessions.is_open(ACCOUNT)


async def test_another_live_key_signs_instead(desk: Desk) -> None:
    connecting = await desk.asked()
    await revoke(desk, FIRST)
    assert (await desk.let_through(connecting)).status is AccountStatus.ACTIVE
    assert desk.world.sessions.is_open(ACCOUNT)
    assert desk.signed_by == [secrets_of("first", FIRST).api_key, secrets_of("first", SECOND).api_key]


async def test_a_key_that_does_not_sign_may_be_revoked(desk: Desk) -> None:
    connecting = await desk.asked()
    await revoke(desk, SECOND)
    assert (await desk.let_through(connecting)).status is AccountStatus.ACTIVE
    assert desk.signed_by == [secrets_of("first", FIRST).api_key]


async def test_rotated_meanwhile_the_new_key_signs(desk: Desk) -> None:
    connecting = await desk.asked()
    desk.let_verify.set()
    await rotate(desk, FIRST)
    assert (await connecting).account.status is AccountStatus.ACTIVE
    assert desk.world.sessions.is_open(ACCOUNT)
    assert desk.signed_by[-1] == secrets_of("second", FIRST).api_key


@pytest.mark.parametrize("change", [revoke, rotate])
async def test_whoever_is_first_the_lock_decides(desk: Desk, change: Change) -> None:
    """The change is under way, not committed, when the account is taken in: the connect waits for it."""
    desk.let_verify.set()
    async with desk.world.storage.begin() as uow:
        assert await uow.credentials.get(FIRST, lock=True)
        changing = asyncio.create_task(change(desk, FIRST))
        connecting = desk.connecting()

        async def is_active() -> bool:
            return (await desk.stored()).status is AccountStatus.ACTIVE

        await eventually(is_active)
        assert not connecting.done()
    await asyncio.gather(changing, connecting)
    assert desk.world.sessions.is_open(ACCOUNT)
    assert desk.signed_by[-1] != secrets_of("first", FIRST).api_key


async def test_rotated_while_the_keeper_opens_with_the_old_key(start: Start) -> None:
    opening = await start.open_the_port()

    async def is_asked() -> bool:
        return start.venue.asked == [ACCOUNT]

    await eventually(is_asked)
    renewed = await start.renew_key()
    start.venue.let_in.set()
    await opening
    assert start.venue.came == ["close", "replay"]  # nothing is told to the old key
    assert start.world.sessions.is_open(ACCOUNT)
    assert start.venue.signed_by == [secrets_of("first", KEY).api_key, renewed.api_key]
