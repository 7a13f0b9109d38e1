"""A start with many accounts: log-ins at the venue's pace, across a restart too, and what an opening asks for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.bitfinex_kit import BitfinexDesk, SimulatedBitfinex, simulated_bitfinex
from tests.inhouse_kit import RecordingSink, replayed, trading_account, until
from tests.simulated_kit import count_requests

from cadenza.adapters.venues.bitfinex.connector import BitfinexConnector
from cadenza.adapters.venues.bitfinex.endpoints import OPEN_ORDERS, PAST_ORDERS, PAST_TRADES, USER, WALLETS
from cadenza.adapters.venues.bitfinex.private_connects import PrivateConnects
from cadenza.adapters.venues.bitfinex.sockets import PRIVATE_CONNECTS
from cadenza.adapters.venues.kit.session_life import FIRST_LOOK_MS
from cadenza.adapters.venues.kit.stream_check import CHECK_EVERY_MS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.network.stream_events import NotReady
from cadenza.ports.venue import ExecutionSession
from cadenza.simulators.bitfinex.wire.errors import BitfinexRefusal
from cadenza.simulators.bitfinex.wire.pacing import LOGINS

MANY = 12
WINDOW_MS = PRIVATE_CONNECTS.length_ms


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[SimulatedBitfinex]:
    """A simulator with the venue's limits."""
    async with simulated_bitfinex(tmp_path, is_limited=True) as venue:
        yield venue


class LogIns:
    """When the simulator was asked to log in, and how often it refused that for the pace."""

    def __init__(self, venue: SimulatedBitfinex) -> None:
        pacing: Any = venue.simulator.venue.pacing
        charge = pacing.charge
        self.at_ms: list[int] = []
        self.refused = 0

        def counted(pace: Any, address: str, now_ms: int) -> None:
            if pace is LOGINS:
                self.at_ms.append(now_ms)
            try:
                charge(pace, address, now_ms)
            except BitfinexRefusal:
                self.refused += 1
                raise

        pacing.charge = counted


async def open_many(
    venue: SimulatedBitfinex, connector: BitfinexConnector, count: int, *, moves: bool = True
) -> list[ExecutionSession]:
    """Open so many sessions at once, while time passes faster, where it `moves`."""
    secrets = venue.secrets()
    external = (await connector.verify(CredentialType.HMAC, secrets)).accounts[0]
    accounts = [trading_account(connector.spec.venue_id, external, 10 + number) for number in range(count)]
    opening = [
        asyncio.create_task(connector.open_session(account, CredentialType.HMAC, secrets, RecordingSink()))
        for account in accounts
    ]

    def are_open() -> bool:
        venue.clock.advance(100 if moves else 0)
        return all(each.done() for each in opening)

    await until(are_open, "the sessions")
    return [each.result() for each in opening]


async def test_many_sessions_that_open_log_in_once_each(limited: SimulatedBitfinex) -> None:
    log_ins, connector = LogIns(limited), limited.connector()
    await connector.start()
    try:
        await open_many(limited, connector, MANY)
    finally:
        await connector.stop()
    assert (len(log_ins.at_ms), log_ins.refused) == (MANY, 0), "none is tried in vain, or twice"


async def test_a_restart_counts_the_log_ins_of_the_process_before(limited: SimulatedBitfinex) -> None:
    log_ins = LogIns(limited)
    for _ in range(3):
        connector = limited.connector()
        await connector.start()
        try:
            await open_many(limited, connector, 4)
        finally:
            await connector.stop()
    assert (len(log_ins.at_ms), log_ins.refused) == (12, 0)
    for first, sixth in zip(log_ins.at_ms, log_ins.at_ms[5:], strict=False):
        assert sixth - first >= WINDOW_MS


async def test_log_ins_of_long_ago_hold_up_nobody(limited: SimulatedBitfinex) -> None:
    for connector in (limited.connector(), limited.connector()):
        await connector.start()
        try:
            began_ms = limited.clock.monotonic_ms()
            opening = asyncio.create_task(open_many(limited, connector, PRIVATE_CONNECTS.weight_max, moves=False))
            await until(opening.done, "the sessions")
            assert len(opening.result()) == PRIVATE_CONNECTS.weight_max
            assert limited.clock.monotonic_ms() - began_ms < WINDOW_MS
        finally:
            await connector.stop()
        limited.clock.advance(WINDOW_MS + 1)


async def test_without_its_memory_nothing_is_opened(limited: SimulatedBitfinex) -> None:
    """It is not known then how many log-ins the venue counts."""
    connects = PrivateConnects(limited.clock, limited.memories)

    async def fail(scope: str) -> Any:
        raise DatabaseUnavailable("it is away")

    async def fail_to_put(key: str, value: str) -> None:
        raise DatabaseUnavailable("it is away")

    limited.memories.open, opened = fail, limited.memories.open  # type: ignore[method-assign]
    with pytest.raises(NotReady, match="database"):
        await connects.turn("a-key")
    limited.memories.open = opened  # type: ignore[method-assign]
    held = await connects.turn("a-key")
    memory: Any = limited.memories.holders["private connects"]
    memory.put, put = fail_to_put, memory.put
    with pytest.raises(NotReady, match="database"):
        await connects.turn("a-key")
    memory.put = put
    held.give_back()
    tickets = [await connects.turn("a-key") for _ in range(PRIVATE_CONNECTS.weight_max)]
    assert len(tickets) == PRIVATE_CONNECTS.weight_max, "the failure took no turn"


async def test_another_process_that_begins_to_log_in_ends_nobodys_turns(limited: SimulatedBitfinex) -> None:
    first, second = (PrivateConnects(limited.clock, limited.memories) for _ in range(2))
    await first.turn("a-key")
    await second.turn("a-key")
    await first.turn("a-key")


# --- what an opening asks for


async def pass_time(desk: BitfinexDesk, duration_ms: int) -> None:
    ends_ms = desk.venue.clock.monotonic_ms() + duration_ms

    def is_over() -> bool:
        desk.venue.clock.advance(50)
        return bool(desk.venue.clock.monotonic_ms() >= ends_ms)

    await until(is_over, "the time")


async def another(desk: BitfinexDesk) -> ExecutionSession:
    """Open another account of the same key, whose openings are counted."""
    secrets = desk.venue.secrets()
    external = (await desk.connector.verify(CredentialType.HMAC, secrets)).accounts[0]
    account = trading_account(desk.connector.spec.venue_id, external, 99)
    return await desk.connector.open_session(account, CredentialType.HMAC, secrets, RecordingSink())


async def test_the_snapshot_of_an_account_that_is_connected_is_its_first_reading(spot: BitfinexDesk) -> None:
    await pass_time(spot, 2 * FIRST_LOOK_MS)
    counted = count_requests(spot.session)
    session = await another(spot)
    await session.snapshot()
    await pass_time(spot, 2 * FIRST_LOOK_MS)
    assert counted[OPEN_ORDERS.path] == 1
    assert counted[WALLETS.path] == 2, "one of them verified the key"


async def test_a_session_that_opens_again_asks_for_nothing_twice(spot: BitfinexDesk) -> None:
    """A replay begins with a look at the account, and a snapshot follows it. The key was verified once besides,
    which asks for the user and the wallets."""
    await pass_time(spot, 2 * FIRST_LOOK_MS)
    counted = count_requests(spot.session)
    session = await another(spot)
    await replayed(session, session.venue_time_ms() - 60_000)
    await session.snapshot()
    await pass_time(spot, 2 * FIRST_LOOK_MS)
    expected = {WALLETS: 3, OPEN_ORDERS: 2, PAST_ORDERS: 1, PAST_TRADES: 1, USER: 2}
    assert {endpoint: counted[endpoint.path] for endpoint in expected} == expected


async def test_a_session_that_is_left_alone_reads_the_account_soon_and_once(spot: BitfinexDesk) -> None:
    counted = count_requests(spot.session)
    await pass_time(spot, 4 * FIRST_LOOK_MS)
    assert counted[WALLETS.path] == 1


async def test_an_idle_account_costs_three_readings_in_two_minutes(spot: BitfinexDesk) -> None:
    await spot.session.snapshot()
    await pass_time(spot, 2 * FIRST_LOOK_MS)
    counted = count_requests(spot.session)
    for _ in range(6):
        await pass_time(spot, CHECK_EVERY_MS)
    assert counted[WALLETS.path] == 3
