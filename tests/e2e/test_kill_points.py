"""Death at every boundary: SIGKILL where the server is about to write, or to speak, or has just done so.

Each case runs a scenario on a server that kills itself the n-th time it reaches a failpoint after the scenario's first
order, for n = 1, 2, … until the scenario runs through. Deaths before that are a test of their own. After each death a
new server starts over the same database, the client repeats what it got no answer to, with the same keys, and the
checker compares the venue's books with ours: no order twice, none lost, every fill booked once, balances conserved.
"""

import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from tests.databases import PostgresServer
from tests.e2e.trader import Trader, ok
from tests.e2e.truth import unanswered, violations
from tests.serving import DidNotStart, Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SETTINGS = {"MASTER_KEY": MASTER_KEY, "AUTH_SIGNUP": "open", "AUTH_NEW_TENANT_ENVIRONMENTS": "paper"}
FIRST_ORDER = "submit.after_id"
DEATHS_MAX = 12
DEATHS_AT_START_MAX = 3
CLIENT_ERRORS = (aiohttp.ClientError, ConnectionError, TimeoutError)


@dataclass
class World:
    """Two users with connected accounts in a database, and where it is. `clone` makes a copy for one death."""

    postgres: PostgresServer
    template: str
    maker: Trader
    taker: Trader
    numbers: Any
    has_died: bool = False
    price: str = ""
    """Of the scenario's resting order: a repeated request is the same request, wherever the market is by then."""

    def is_buried(self, order: dict[str, Any]) -> bool:
        """After a death: the order had not reached the venue, never will, and is closed. It is not sent late."""
        return self.has_died and order["status"] == "REJECTED" and order["executedQuantity"] == "0"

    @contextlib.asynccontextmanager
    async def clone(self) -> AsyncIterator[str]:
        name = f"{self.template}_{next(self.numbers)}"
        await self.postgres.run(f"CREATE DATABASE {name} TEMPLATE {self.template} OWNER cadenza STRATEGY WAL_LOG")
        try:
            yield self.postgres.dsn_of(name)
        finally:
            await self.postgres.run(f"DROP DATABASE {name} WITH (FORCE)")

    async def serve(self, dsn: str, directory: Path, **settings: object) -> Serving:
        serving = await Serving.start(directory / "data", SETTINGS, DATABASE_URL=dsn, **settings)
        for user in (self.maker, self.taker):
            user.api.move(serving.url)
        return serving


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    template = "kill_points"
    await postgres_server.run(f"CREATE DATABASE {template} OWNER cadenza")
    async with Trader("") as maker, Trader("") as taker:
        prepared = World(postgres_server, template, maker, taker, itertools.count(1))
        serving = await prepared.serve(postgres_server.dsn_of(template), tmp_path_factory.mktemp("prepare"))
        try:
            for user in (maker, taker):
                await user.enter()
                await user.connect()
        finally:
            await serving.stop()
        yield prepared
    await postgres_server.run(f"DROP DATABASE {template} WITH (FORCE)")


Scenario = Callable[[World], Awaitable[None]]


async def market_order(world: World) -> None:
    """An order that is filled in its reply."""
    order = await world.taker.submit(quantity="0.02", idempotencyKey="k-market", awaitClosed=True)
    assert order["executedQuantity"] == "0.02" or world.is_buried(order)


async def rest_and_cancel(world: World) -> None:
    """An order that rests, and is taken off."""
    resting = await world.maker.submit(
        orderType="LIMIT", limitPrice="20000", quantity="0.5", idempotencyKey="k-rest", clientOrderId="c-rest"
    )
    if world.is_buried(resting):
        return
    canceled = await world.maker.cancel(resting)
    assert canceled["status"] in ("CANCELLED", "PENDING_CANCEL")


async def fill_by_another(world: World) -> None:
    """An order that is filled by somebody else's: the news comes by the stream."""
    if not world.price:
        world.price = (await world.maker.book())["bids"][0][0]
    resting = await world.maker.submit(
        orderType="LIMIT", limitPrice=world.price, quantity="0.03", idempotencyKey="k-maker"
    )
    if world.is_buried(resting):
        return
    taking = await world.taker.submit(orderSide="SELL", quantity="9", idempotencyKey="k-taker", awaitClosed=True)
    if world.is_buried(taking):
        await world.maker.try_cancel(resting)  # else the market may come to it while the server stops
        return

    async def is_filled() -> bool:
        return bool((await world.maker.order(resting["tradeOrderId"]))["status"] == "FILLED")

    await eventually(is_filled)


SCENARIOS: dict[str, tuple[Scenario, tuple[str, ...]]] = {
    "market": (
        market_order,
        (
            "committer.before_commit",
            "committer.after_commit",
            "submit.before_venue",
            "paper.before_commit",
            "paper.after_commit",
            "submit.after_venue",
        ),
    ),
    "cancel": (
        rest_and_cancel,
        (
            "committer.before_commit",
            "committer.after_commit",
            "cancel.before_venue",
            "paper.before_commit",
            "paper.after_commit",
            "cancel.after_venue",
        ),
    ),
    "fill": (
        fill_by_another,
        ("committer.before_commit", "committer.after_commit", "paper.before_commit", "paper.after_commit"),
    ),
}
CASES = [(name, failpoint) for name, (_, failpoints) in SCENARIOS.items() for failpoint in failpoints]


@pytest.mark.parametrize(("name", "failpoint"), CASES, ids=lambda value: value)
async def test_nothing_is_lost_or_doubled(world: World, tmp_path: Path, name: str, failpoint: str) -> None:
    scenario = SCENARIOS[name][0]
    deaths = 0
    for count in range(1, DEATHS_MAX + 1):
        async with world.clone() as dsn:
            has_died = await run_with_death(world, dsn, tmp_path, scenario, f"{FIRST_ORDER}>{failpoint}:{count}")
            assert await violations(dsn) == {}, f"after death at {failpoint}, time {count}"
        if not has_died:
            break
        deaths += 1
    assert deaths > 0, f"{failpoint} is never reached by this scenario"
    assert deaths < DEATHS_MAX, "it never ran through"


async def run_with_death(world: World, dsn: str, directory: Path, scenario: Scenario, failpoint: str) -> bool:
    """Run the scenario, again after a death; return whether there was one. Leaves no server behind."""
    world.has_died, world.price = False, ""
    serving = await world.serve(dsn, directory, FAILPOINT=failpoint)
    try:
        try:
            await scenario(world)
        except CLIENT_ERRORS:
            assert await serving.ended() == -9
        if serving.process.returncode is None:
            await settled(dsn)
            assert await serving.stop() == 0
            return False
    finally:
        await serving.kill()
    serving = await world.serve(dsn, directory)
    world.has_died = True
    try:
        await scenario(world)
        await settled(dsn)
        assert await serving.stop() == 0
    finally:
        await serving.kill()
    return True


@pytest.mark.parametrize(
    "failpoint",
    [
        "reconcile.after_piece",
        "reconcile.after_replay",
        "reconcile.before_lookup",
        "reconcile.after_lookup",
        "snapshot.after_venue",
        "committer.before_commit",
    ],
)
async def test_dying_in_the_midst_of_reconciling_is_no_worse(world: World, tmp_path: Path, failpoint: str) -> None:
    async with world.clone() as dsn:
        serving = await world.serve(dsn, tmp_path, FAILPOINT="submit.before_venue:1")
        with contextlib.suppress(*CLIENT_ERRORS):
            await market_order(world)
        assert await serving.ended() == -9
        deaths = 0
        for _ in range(DEATHS_AT_START_MAX):
            try:
                serving = await world.serve(dsn, tmp_path, FAILPOINT=f"{failpoint}:1")
            except DidNotStart:
                deaths += 1
            else:
                deaths += await dies_before_it_is_ready(serving)
                await serving.kill()
        assert deaths > 0
        serving = await world.serve(dsn, tmp_path)
        world.has_died = True
        await market_order(world)
        await settled(dsn)
        assert await serving.stop() == 0
        assert await violations(dsn) == {}


async def dies_before_it_is_ready(serving: Serving) -> bool:
    """Requests are answered while sessions are opened and reconciled; ready is a server that has tried them all."""

    async def has_died_or_is_ready() -> bool:
        if serving.process.returncode is not None:
            return True
        with contextlib.suppress(*CLIENT_ERRORS):
            async with aiohttp.request("GET", f"{serving.url}/readyz") as answer:
                return answer.status == 200
        return False

    await eventually(has_died_or_is_ready)
    return serving.process.returncode is not None


async def test_a_wish_to_cancel_outlives_the_death_of_the_server(world: World, tmp_path: Path) -> None:
    async with world.clone() as dsn:
        serving = await world.serve(dsn, tmp_path, FAILPOINT="cancel.before_venue:1")
        resting = await world.maker.submit(orderType="LIMIT", limitPrice="20000", quantity="0.5")
        with contextlib.suppress(*CLIENT_ERRORS):
            await world.maker.cancel(resting)
        assert await serving.ended() == -9
        serving = await world.serve(dsn, tmp_path)
        await settled(dsn)
        assert (await world.maker.order(resting["tradeOrderId"]))["status"] == "CANCELLED"
        assert await serving.stop() == 0


async def test_a_reconnected_account_books_nothing_twice(world: World, tmp_path: Path) -> None:
    """What was traded before the snapshot that a new connection goes on from is in the snapshot, and never moves money
    again: not by the replay after a restart, nor by the lookup of an order that was filled in part."""
    async with world.clone() as dsn:
        standing = {"PAPER_MARKET": "recording", "PAPER_RECORDING_SPEED": "0.01"}
        serving = await world.serve(dsn, tmp_path, **standing)
        maker, taker = world.maker, world.taker
        await maker.submit(quantity="0.5", awaitClosed=True)
        price, queue_ahead = (await maker.book())["bids"][0]
        resting = await maker.submit(orderType="LIMIT", limitPrice=price, quantity="3")
        await taker.submit(orderSide="SELL", quantity=str(Decimal(queue_ahead) + 1), awaitClosed=True)

        async def is_filled_in_part() -> bool:
            return bool((await maker.order(resting["tradeOrderId"]))["status"] == "PARTIALLY_FILLED")

        await eventually(is_filled_in_part)
        held = (await maker.balances(maker.spot))["BTC"]
        old_spot, old_margin = maker.spot, maker.margin
        for account_id in (old_spot, old_margin):
            await ok(maker.api.post("/api/v3/tradingAccount/disconnect", {"tradingAccountId": account_id}))
        await maker.connect()
        assert maker.spot != old_spot
        assert (await maker.order(resting["tradeOrderId"]))["status"] == "REVOKED"
        assert (await maker.balances(old_spot))["USDT"][1] == 0
        assert (await maker.balances(maker.spot))["BTC"] == held
        adopted = (await maker.orders(tradingAccountId=maker.spot, orderStatus="PARTIALLY_FILLED"))[0]
        was = await maker.order(resting["tradeOrderId"])
        assert [e["externalTradeId"] for e in adopted["executions"]] == [
            e["externalTradeId"] for e in was["executions"]
        ]
        await serving.kill()
        serving = await world.serve(dsn, tmp_path, **standing)
        assert (await maker.balances(maker.spot))["BTC"] == held

        async def is_canceled() -> bool:  # its session may be opening still: then the wish is told afterwards
            return bool((await maker.order(adopted["tradeOrderId"]))["status"] == "CANCELLED")

        await maker.cancel(adopted)
        await eventually(is_canceled)
        assert await serving.stop() == 0
        assert "our balances are the venue's" not in await violations(dsn)
        maker.spot, maker.margin = old_spot, old_margin


async def settled(dsn: str) -> None:
    """Wait until every order has its answer and every law holds: news may still be on its way."""

    async def is_settled() -> bool:
        return not await unanswered(dsn) and not await violations(dsn)

    await eventually(is_settled)


async def test_the_checker_sees_a_lie(world: World, tmp_path: Path) -> None:
    """A checker that cannot fail proves nothing."""
    async with world.clone() as dsn:
        serving = await world.serve(dsn, tmp_path)
        world.has_died = False
        await market_order(world)
        await serving.stop()
        assert await violations(dsn) == {}
        connection = await asyncpg.connect(dsn)
        await connection.execute("DELETE FROM executions")
        await connection.execute("UPDATE paper_balance SET total = total + 1 WHERE asset = 'USDT'")
        await connection.execute("UPDATE orders SET reserved_remaining = 1")
        await connection.close()
        assert set(await violations(dsn)) >= {
            "every fill is booked exactly once",
            "the venue's balances are the sums of its postings",
            "our balances are the venue's",
            "closed orders hold nothing",
        }
