"""The relay over a real database: every event once and in order, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import asyncpg
import pytest
from tests.adapters.engines.server_api_double import ServerApiDouble, until
from tests.adapters.http import http_world as h

from cadenza.adapters.engines.centrifugo.limits import CentrifugoLimits
from cadenza.adapters.engines.centrifugo.relay import Relay
from cadenza.adapters.engines.centrifugo.server_api import ApiFailed, Publish
from cadenza.adapters.realtime.channels import name_of
from cadenza.adapters.storage.bodies import event_text
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.events import AccountEvent, AccountUpdated
from cadenza.ports.failpoints import Failpoints
from cadenza.runtime.local import NoFailpoints, SystemClock

ONE, TWO = TradingAccountId(h.uuid(101)), TradingAccountId(h.uuid(102))
KIND, BODY = event_text(AccountUpdated(h.ACCOUNT))


class Killed(BaseException):
    """The process has died here."""


class DyingFailpoints:
    def reach(self, name: str) -> None:
        assert name == "relay.after_publish"
        raise Killed


class World:
    """A database with two accounts, and a double of Centrifugo."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.api = ServerApiDouble()
        self.limits = CentrifugoLimits(events_per_account_max=3, relay_poll_ms=10, retry_ms_min=1, retry_ms_max=2)

    def relay(
        self, failpoints: Failpoints | None = None, poisoned: tuple[TradingAccountId, int] | None = None
    ) -> Relay:
        def encode(event: AccountEvent) -> bytes:
            if (event.account_id, event.sequence) == poisoned:
                raise ZeroDivisionError
            return b"%d" % event.sequence

        return Relay(
            self.api,
            storage=SqlStorage(self.pool),
            channel_of=name_of,
            encode=encode,
            clock=SystemClock(),
            failpoints=failpoints or NoFailpoints(),
            limits=self.limits,
        )

    async def add_account(self, account_id: TradingAccountId) -> None:
        external = replace(h.ACCOUNT.external, external_id=str(account_id))
        async with SqlStorage(self.pool).begin() as uow:
            assert await uow.accounts.add(replace(h.ACCOUNT, id=account_id, external=external, last_sequence=0))
            await uow.commit()

    async def append(self, account_id: TradingAccountId, count: int = 1) -> None:
        """Write to the log as the committer does: in one transaction with the account's last sequence."""
        async with self.pool.acquire() as connection, connection.transaction():
            last = await connection.fetchval(
                "UPDATE trading_accounts SET last_sequence = last_sequence + $2 WHERE id = $1 RETURNING last_sequence",
                account_id,
                count,
            )
            for sequence in range(last - count + 1, last + 1):
                await connection.execute(
                    "INSERT INTO account_events (account_id, sequence, tenant_id, at_ms, kind, body, origin) "
                    "VALUES ($1, $2, $3, $4, $5, $6, 'VENUE')",
                    account_id,
                    sequence,
                    h.TENANT_ID,
                    h.NOW_MS,
                    KIND,
                    BODY,
                )

    def published(self, account_id: TradingAccountId) -> list[object]:
        return self.api.data(name_of(account_id))


@pytest.fixture
async def world(database_dsn: str) -> AsyncIterator[World]:
    pool = await open_pool(database_dsn, connections_max=6)
    made = World(pool)
    for account_id in (ONE, TWO):
        await made.add_account(account_id)
    yield made
    await pool.close()


async def drain(relay: Relay) -> None:
    while await relay.relay_some():
        pass


async def test_events_come_once_in_order_with_a_key_each(world: World) -> None:
    relay = world.relay()
    await relay.begin()
    await world.append(ONE, 7)
    await world.append(TWO, 2)
    await drain(relay)
    assert world.published(ONE) == [1, 2, 3, 4, 5, 6, 7]
    assert world.published(TWO) == [1, 2]
    first = world.api.published[name_of(ONE)][0]
    assert (first.idempotency_key, first.tags) == (f"{ONE}:1", {"sequence": "1"})
    for request in world.api.requests:
        channels = [command.publish.channel for command in request if isinstance(command.publish, Publish)]
        assert len(channels) == len(set(channels)), "two events of an account side by side could overtake each other"
    assert not await world.relay().relay_some()


async def test_what_was_there_before_the_first_relay_is_not_published_and_later_accounts_are(world: World) -> None:
    await world.append(ONE, 3)
    await world.relay().begin()
    await world.append(ONE)
    third = TradingAccountId(h.uuid(103))
    await world.add_account(third)
    await world.append(third, 2)
    await world.relay().begin()
    await drain(world.relay())
    assert world.published(ONE) == [4]
    assert world.published(third) == [1, 2]


async def test_a_death_between_publishing_and_the_cursor_publishes_nothing_twice(world: World) -> None:
    await world.relay().begin()
    await world.append(ONE, 2)
    with pytest.raises(Killed):
        await world.relay(DyingFailpoints()).relay_some()
    assert world.published(ONE) == [1, 2]
    await world.append(ONE)
    await drain(world.relay())
    assert world.published(ONE) == [1, 2, 3]


async def test_a_lost_answer_is_asked_for_again_under_the_same_keys(world: World) -> None:
    relay = world.relay()
    await relay.begin()
    await world.append(ONE, 2)
    world.api.loses_answers = True
    with pytest.raises(ApiFailed):
        await relay.relay_some()
    world.api.loses_answers = False
    await drain(relay)
    assert world.published(ONE) == [1, 2]


async def test_one_that_fails_is_not_overtaken_and_holds_nobody_else_back(world: World) -> None:
    relay = world.relay()
    await relay.begin()
    await world.append(ONE, 3)
    await world.append(TWO, 3)
    world.api.refuse = lambda publish: publish.idempotency_key == f"{ONE}:2"
    with pytest.raises(ApiFailed, match="1 accounts"):
        await relay.relay_some()
    assert (world.published(ONE), world.published(TWO)) == ([1], [1, 2, 3])
    world.api.refuse = lambda publish: False
    await drain(relay)
    assert (world.published(ONE), world.published(TWO)) == ([1, 2, 3], [1, 2, 3])


async def test_an_event_that_cannot_be_encoded_holds_its_own_account_up(world: World) -> None:
    relay = world.relay(poisoned=(ONE, 2))
    await relay.begin()
    await world.append(ONE, 3)
    await world.append(TWO, 3)
    with pytest.raises(ApiFailed, match="1 accounts"):
        await relay.relay_some()
    assert (world.published(ONE), world.published(TWO)) == ([1], [1, 2, 3])
    await drain(world.relay())
    assert world.published(ONE) == [1, 2, 3]


async def test_accounts_that_always_have_something_to_publish_hold_nobody_back(world: World) -> None:
    world.limits = replace(world.limits, accounts_per_round_max=1)
    relay = world.relay()
    await relay.begin()
    await world.append(TWO)
    for _ in range(2):
        await world.append(ONE, world.limits.events_per_account_max + 1)
        await relay.relay_some()
    assert world.published(TWO) == [1]


async def test_accounts_that_are_stuck_hold_nobody_back(world: World) -> None:
    world.limits = replace(world.limits, accounts_per_round_max=1)
    relay = world.relay(poisoned=(ONE, 1))
    await relay.begin()
    await world.append(ONE)
    await world.append(TWO)
    for _ in range(2):
        with suppress(ApiFailed):
            await relay.relay_some()
    assert world.published(TWO) == [1]
    with pytest.raises(ApiFailed, match=str(ONE)):
        await relay.relay_some()


async def test_two_relays_take_an_account_one_at_a_time(world: World) -> None:
    first, second = world.relay(), world.relay()
    await first.begin()
    await world.append(ONE)
    world.api.gate = asyncio.Event()
    at_work = asyncio.create_task(first.relay_some())
    await until(lambda: len(world.api.requests) == 1)
    await world.append(ONE)
    await world.append(TWO)
    also_at_work = asyncio.create_task(second.relay_some())
    await until(lambda: len(world.api.requests) == 2)
    world.api.gate.set()
    await asyncio.gather(at_work, also_at_work)
    channels = [request[0].publish.channel for request in world.api.requests[:2] if request[0].publish]
    assert channels == [name_of(ONE), name_of(TWO)], "the account that the first holds is passed over"
    world.api.gate = None
    await drain(second)
    assert (world.published(ONE), world.published(TWO)) == ([1, 2], [1])


async def test_it_runs_on_through_an_outage_and_sees_what_nobody_reported(world: World) -> None:
    relay = world.relay()
    await relay.begin()
    world.api.is_down = True
    running = asyncio.create_task(relay.run())
    await world.append(ONE, 2)
    relay.wake()
    await until(lambda: relay.failures_total >= 3)
    world.api.is_down = False
    await until(lambda: world.published(ONE) == [1, 2])
    await world.append(TWO)  # another process has committed it
    await until(lambda: world.published(TWO) == [1])
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
