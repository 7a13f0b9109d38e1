"""The venues' memory keeps the law of its port, over a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.inhouse_kit import until

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import open_pool
from cadenza.adapters.storage.venue_memory import SqlVenueMemories
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.ports.venue.memory import KEY_LENGTH_MAX, VALUE_LENGTH_MAX, MemoryTakenOver, VenueMemory

OKX = VenueId(Venue.OKX, Environment.LIVE)
OKX_UAT = VenueId(Venue.OKX, Environment.UAT)


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(database_dsn, connections_max=8)
    yield pool
    await pool.close()


@pytest.fixture
def memories(pool: asyncpg.Pool) -> SqlVenueMemories:
    return SqlVenueMemories(Connections(pool), OKX)


async def test_what_was_put_is_there_for_the_next_holder(database_dsn: str, memories: SqlVenueMemories) -> None:
    memory = await memories.open("account 1")
    assert await memory.get("cursor") is None
    await memory.put("cursor", "17")
    await memory.put("cursor", "18")
    assert await memory.get("cursor") == "18"
    other_process = await open_pool(database_dsn, connections_max=2)
    again = await SqlVenueMemories(Connections(other_process), OKX).open("account 1")
    assert await again.get("cursor") == "18"
    await other_process.close()


async def test_scopes_venues_and_environments_know_nothing_of_each_other(
    pool: asyncpg.Pool, memories: SqlVenueMemories
) -> None:
    mine = await memories.open("account 1")
    await mine.put("nonce", "5")
    assert await mine.next("cid") == 1
    uat = SqlVenueMemories(Connections(pool), OKX_UAT)
    for other in (await memories.open("account 2"), await uat.open("account 1")):
        assert await other.get("nonce") is None
        assert await other.next("cid") == 1
    assert await mine.get("nonce") == "5", "opening another scope takes nothing over"


async def test_a_counter_begins_with_its_first_and_gives_out_ranges(memories: SqlVenueMemories) -> None:
    memory = await memories.open("account 1")
    assert await memory.next("cid", first=1_000) == 1_000
    assert await memory.next("cid", first=1_000, count=10) == 1_001
    assert await memory.next("cid", first=5) == 1_011
    assert await memory.next("other", count=3) == 1
    assert await memory.next("other") == 4


async def test_no_number_is_given_out_twice_at_the_same_time(memories: SqlVenueMemories) -> None:
    memory = await memories.open("account 1")
    taken = await asyncio.gather(*(memory.next("cid", count=1 + number % 3) for number in range(120)))
    numbers = [first + i for number, first in enumerate(taken) for i in range(1 + number % 3)]
    assert len(numbers) == len(set(numbers)) == 240


async def test_no_number_is_given_out_again_by_the_next_holder(memories: SqlVenueMemories) -> None:
    taken = []
    for _ in range(3):
        memory = await memories.open("account 1")
        taken += [await memory.next("cid") for _ in range(3)]
    assert taken == sorted(set(taken))


async def test_a_counter_goes_on_after_what_it_was_advanced_past_and_never_goes_back(
    memories: SqlVenueMemories,
) -> None:
    memory = await memories.open("account 1")
    await memory.advance("cid", 500)
    assert await memory.next("cid") == 501
    await memory.advance("cid", 100)
    assert await memory.next("cid") == 502
    large = 10**30
    await memory.advance("nonce", large)
    assert await memory.next("nonce") == large + 1


async def test_whoever_opens_a_scope_takes_it_over(memories: SqlVenueMemories) -> None:
    former = await memories.open("account 1")
    await former.put("key", "former")
    holder = await memories.open("account 1")
    calls = (former.get("key"), former.put("key", "late"), former.next("cid"), former.advance("cid", 100))
    for call in calls:
        with pytest.raises(MemoryTakenOver):
            await call
    assert await holder.get("key") == "former"
    assert await holder.next("cid") == 1, "the former holder changed nothing"
    with pytest.raises(MemoryTakenOver):
        await former.put("key", "later still")


async def test_a_take_over_meets_a_former_holder_that_is_writing(memories: SqlVenueMemories) -> None:
    former = await memories.open("account 1")
    taken: list[int] = []

    async def write_until_fenced(memory: VenueMemory) -> None:
        while True:
            try:
                taken.append(await memory.next("cid"))
            except MemoryTakenOver:
                return

    writing = [asyncio.create_task(write_until_fenced(former)) for _ in range(3)]
    await until(lambda: len(taken) >= 20, "some numbers")
    holder = await memories.open("account 1")
    first = await holder.next("cid")
    before = len(taken)
    await asyncio.gather(*writing)
    mine = [first] + [await holder.next("cid") for _ in range(5)]
    assert not set(mine) & set(taken)
    assert max(taken) < first, "nothing of the former holder was written after the take-over"
    assert before <= len(taken)


async def test_a_write_under_way_is_over_before_the_scope_changes_hands(
    database_dsn: str, memories: SqlVenueMemories
) -> None:
    """The former holder's statement has locked the scope: the next one gets it with what was written, or before it."""
    former = await memories.open("account 1")
    await former.put("key", "0")
    blocker = await asyncpg.connect(database_dsn)
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("SELECT FROM venue_memory WHERE key = 'key' FOR UPDATE")
    writing = asyncio.create_task(former.put("key", "1"))
    while not await blocker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        assert not writing.done()
    opening = asyncio.create_task(memories.open("account 1"))
    await transaction.rollback()
    holder = await opening
    await writing
    assert await holder.get("key") == "1"
    await blocker.close()


@pytest.mark.parametrize("key", ["", "k" * (KEY_LENGTH_MAX + 1)])
async def test_a_key_has_limits(memories: SqlVenueMemories, key: str) -> None:
    memory = await memories.open("account 1")
    for call in (memory.get(key), memory.put(key, "x"), memory.next(key), memory.advance(key, 1), memories.open(key)):
        with pytest.raises(ValueError, match="a key has"):
            await call


async def test_a_value_has_a_limit(memories: SqlVenueMemories) -> None:
    memory = await memories.open("account 1")
    await memory.put("k" * KEY_LENGTH_MAX, "v" * VALUE_LENGTH_MAX)
    with pytest.raises(ValueError, match="a key has"):
        await memory.put("key", "v" * (VALUE_LENGTH_MAX + 1))
    for count in (0, -1):
        with pytest.raises(ValueError, match="count"):
            await memory.next("cid", count=count)
