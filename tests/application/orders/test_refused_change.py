"""A change that is refused after it changed something leaves nothing on disk, and its neighbours are committed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from cadenza.application.accounts.change_account import AccountChange
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import InvalidRequest
from cadenza.domain.trading.events import AccountUpdated
from cadenza.domain.trading.state import TradingState
from cadenza.ports.storage.trading import BatchKeys
from tests.application.orders.order_world import OrderWorld, order_world
from tests.domain.trading.worlds import ACCOUNT, D


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[OrderWorld]:
    async with order_world(database_dsn) as made:
        yield made


@dataclass(frozen=True, slots=True)
class RefusedInTheMiddle:
    """Changes the account, a balance and the log, and is refused then."""

    def name_keys(self, keys: BatchKeys) -> None:
        keys.accounts.add(ACCOUNT)

    def decide(self, state: TradingState) -> None:
        account = replace(state.account(ACCOUNT), nickname="half", complete_until_ms=None)
        state.put_account(account)
        state.change_balance(ACCOUNT, "USDT", total=D(-5), locked=D(1))
        state.emit(ACCOUNT, AccountUpdated(account))
        raise InvalidRequest("no")


async def stored(world: OrderWorld) -> TradingAccount:
    async with world.storage.read() as uow:
        account = await uow.accounts.get(ACCOUNT)
    assert account is not None
    return account


async def test_a_change_that_is_refused_in_the_middle_leaves_nothing(world: OrderWorld) -> None:
    before = await stored(world), await world.balance("USDT")
    with pytest.raises(InvalidRequest):
        await world.committer.commit(RefusedInTheMiddle())
    assert (await stored(world), await world.balance("USDT")) == before
    assert world.publisher.events == []


async def test_its_neighbours_in_the_batch_are_committed(world: OrderWorld) -> None:
    before, money = await stored(world), await world.balance("USDT")
    refused, renamed = await asyncio.gather(
        world.committer.commit(RefusedInTheMiddle()),
        world.committer.commit(
            AccountChange(ACCOUNT, lambda account, _: replace(account, nickname=account.nickname + "good"), None)
        ),
        return_exceptions=True,
    )
    assert isinstance(refused, InvalidRequest)
    assert isinstance(renamed, TradingAccount)
    assert renamed.nickname == before.nickname + "good"
    assert await stored(world) == renamed
    assert await world.balance("USDT") == money
    assert [event.sequence for event in world.publisher.events] == [before.last_sequence + 1]
