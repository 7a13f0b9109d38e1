"""An account that is archived while its session is being opened has none afterwards, however the two interleave."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cadenza.application.accounts.change_account import AccountChanger
from cadenza.application.accounts.connect_account import AdoptSnapshot
from cadenza.application.accounts.disconnect_account import DisconnectAccount
from cadenza.domain import errors as e
from cadenza.domain.accounts.operation import OperationType
from cadenza.domain.accounts.trading_account import AccountStatus, TradingAccount
from cadenza.ports.venue import AccountSnapshot
from tests.application.orders.order_world import ACTOR
from tests.application.orders.start_world import Start, started
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, TENANT
from tests.serving import eventually


@pytest.fixture
async def start(database_dsn: str) -> AsyncIterator[Start]:
    async with started(database_dsn) as made:
        yield made


def changer(start: Start) -> AccountChanger:
    world = start.world
    return AccountChanger(storage=world.storage, committer=world.committer, clock=world.clock, ids=world.ids)


async def disconnect(start: Start) -> None:
    world = start.world
    use_case = DisconnectAccount(
        storage=world.storage, committer=world.committer, changer=changer(start), sessions=world.sessions,
        clock=world.clock,
    )  # fmt: skip
    assert (await use_case(ACTOR, ACCOUNT)).account.status is AccountStatus.DISCONNECTED


async def stored(start: Start) -> TradingAccount:
    async with start.world.storage.read() as uow:
        found = await uow.accounts.get(ACCOUNT)
    assert found is not None
    return found


async def test_archived_while_the_venue_is_asked_for_a_session(start: Start) -> None:
    opening = await start.open_the_port()

    async def is_asked() -> bool:
        return start.venue.asked == [ACCOUNT]

    await eventually(is_asked)
    await disconnect(start)
    start.venue.let_in.set()
    await opening
    assert not start.world.sessions.is_open(ACCOUNT)
    assert start.venue.came == ["close"]  # nothing is replayed into an archived account
    assert start.keeper.failing == {}


async def test_archived_while_it_is_reconciled(start: Start) -> None:
    start.venue.let_replay.clear()
    start.venue.let_in.set()
    opening = await start.open_the_port()
    await start.venue.replaying.wait()
    await disconnect(start)
    start.venue.let_replay.set()
    await opening
    assert not start.world.sessions.is_open(ACCOUNT)
    assert start.venue.came == ["replay", "close"]


async def test_archived_before_the_keeper_comes_to_it(start: Start) -> None:
    await start.keeper.find_due()
    await disconnect(start)
    start.venue.let_in.set()
    await start.tick()
    assert not start.world.sessions.is_open(ACCOUNT)
    assert start.world.sessions.held_count == 0


async def test_a_connect_that_comes_late_does_not_bring_an_archived_account_back(start: Start) -> None:
    operation = await changer(start).begin(await stored(start), OperationType.CONNECT)
    await disconnect(start)
    empty: Any = AccountSnapshot(balances=(), positions=(), open_orders=(), as_of=NOW_MS, at_ms=NOW_MS)
    with pytest.raises(e.AccountDisconnected):
        await start.world.committer.commit(AdoptSnapshot(ACCOUNT, empty, operation))
    assert (await stored(start)).status is AccountStatus.DISCONNECTED
    assert (await stored(start)).tenant_id == TENANT
