"""`cadenza orders` and `cadenza reports`: what an operator has to look at, and how an order in doubt is resolved."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal as D
from pathlib import Path

import asyncpg
import pytest

from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.kept import KeepReason
from cadenza.domain.trading.order import Doubt, Order
from cadenza.domain.trading.reports import UndeterminedOutcomeReport
from tests.application.orders.order_world import ACTOR, loses_the_answer, named, order_world
from tests.cli.conftest import Cadenza, done, keep_reports
from tests.domain.trading.worlds import request
from tests.serving import Serving, eventually

_GAP = (
    "INSERT INTO news_gaps VALUES ('00000000-0000-0000-0000-000000000002', 1700000000000, 1700000060000, 1700000100000)"
)


async def make_doubtful(dsn: str, count: int = 1) -> list[Order]:
    """Orders whose outcome asking the venue cannot determine."""
    orders = []
    async with order_world(dsn) as world:
        world.session.on_submit = loses_the_answer
        for number in range(count):
            order = await world.submit_order(ACTOR, request(client_order_id=f"c{number}"))
            await world.intake.apply([UndeterminedOutcomeReport(**named(order), cause="the venue has no lookup")])
            orders.append(await world.stored(order))
    assert all(order.doubt is Doubt.UNDETERMINED for order in orders)
    return orders


async def stored(dsn: str, order_id: OrderId) -> Order:
    pool = await open_pool(dsn, connections_max=1)
    try:
        async with SqlStorage(pool).read() as uow:
            found = await uow.orders.get(order_id)
    finally:
        await pool.close()
    assert found is not None
    return found


async def execute(dsn: str, statement: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def jobs(dsn: str) -> int:
    (row,) = asyncio.run(execute(dsn, "SELECT count(*) AS waiting FROM jobs.queue WHERE entrypoint = 'orders.resolve'"))
    return int(row["waiting"])


# --- cadenza reports


def test_nothing_to_look_at(outside: Cadenza) -> None:
    assert done(outside("reports")) == "0 reports fit no order yet, 0 could not be booked.\n"
    assert done(outside("orders", "doubtful")) == ""


def test_reports_are_printed_with_why_they_were_kept(outside: Cadenza, database_dsn: str) -> None:
    refused = {"reason": KeepReason.REFUSED, "detail": "value out of range", "kept_at_ms": 1_700_000_000_001}
    asyncio.run(keep_reports(database_dsn, {}))
    lines = done(outside("reports")).splitlines()
    start = "2023-11-14T22:13:20.000Z  account 00000000-0000-0000-0000-000000000002  NO_ORDER  canceled  {"
    assert lines[0].startswith(start)
    assert '"venue_order_id":"hand 0"' in lines[0]
    assert lines[1:] == ["1 reports fit no order yet, 0 could not be booked."]
    name = lines[0].rsplit("  name ", 1)[1]
    assert done(outside("reports", "dismiss", name)) == "The report is dismissed.\n"
    assert done(outside("reports")) == "0 reports fit no order yet, 0 could not be booked.\n"
    again = outside("reports", "dismiss", name)
    assert again.exit_code != 0
    assert "no report that is kept has the name" in again.stderr
    asyncio.run(execute(database_dsn, "DELETE FROM kept_reports"))
    asyncio.run(keep_reports(database_dsn, refused))
    lines = done(outside("reports")).splitlines()
    assert "  REFUSED (value out of range)  canceled  {" in lines[0]
    assert lines[1:] == ["0 reports fit no order yet, 1 could not be booked."]


def test_what_is_more_than_asked_for_is_counted(outside: Cadenza, database_dsn: str) -> None:
    kept = [{"kept_at_ms": 1_700_000_000_000 + number} for number in range(3)]
    asyncio.run(keep_reports(database_dsn, *kept))
    lines = done(outside("reports", "--limit", "2")).splitlines()
    assert len(lines) == 3
    assert lines[2] == "3 reports fit no order yet, 0 could not be booked, 1 more than are printed."
    assert outside("reports", "--limit", "0").exit_code == 2


def test_times_of_which_nothing_is_known_are_printed(outside: Cadenza, database_dsn: str) -> None:
    asyncio.run(execute(database_dsn, _GAP))
    gap, _ = done(outside("reports")).splitlines()
    said = "nothing is known from 2023-11-14T22:13:20.000Z to 2023-11-14T22:14:20.000Z"
    assert gap == f"account 00000000-0000-0000-0000-000000000002  {said}"


# --- cadenza orders


def test_orders_in_doubt_are_printed_the_oldest_first(outside: Cadenza, database_dsn: str) -> None:
    first, second = asyncio.run(make_doubtful(database_dsn, 2))
    lines = done(outside("orders", "doubtful")).splitlines()
    assert [line.split("  ")[1] for line in lines] == [str(first.id), str(second.id)]
    assert f"account {first.account_id}  {first.instrument_id}  BUY 1  booked 0  SUBMITTED  UNDETERMINED" in lines[0]
    assert f"our id at the venue {first.sent_id}  the venue's -" in lines[0]
    assert len(done(outside("orders", "doubtful", "--limit", "1")).splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--outcome", "lost"], "--outcome must be one of never-arrived, canceled, working, not 'lost'"),
        (["--outcome", "canceled", "--fill", "T1,0.5"], "--fill must be TRADE_ID,QUANTITY,PRICE,MILLISECONDS"),
        (["--outcome", "canceled", "--fill", "T1,x,90,1"], "--fill must be TRADE_ID,QUANTITY,PRICE,MILLISECONDS"),
        (
            ["--outcome", "canceled", "--fill", "T1,0.5,90,1", "--fee", "T1,USDT"],
            "--fee must be TRADE_ID,QUANTITY,ASSET",
        ),
        (["--outcome", "canceled", "--fill", "T1,0.5,90,1", "--fee", "T2,1,USDT"], "belongs to no --fill"),
        (["--outcome", "canceled", "--fill", "T1,0.2,90,1", "--fill", "T1,0.2,90,1"], "have the same TRADE_ID"),
        (["--outcome", "canceled", "--fill", "T1,-1,90,1"], "a fill has a positive quantity and price"),
        (
            ["--outcome", "canceled", "--fill", "T1,0.5,90,1700000000000000"],
            "0 is not the time of a fill in milliseconds",
        ),
        (["--outcome", "canceled", "--fill", "T1,1.5,90,1"], "1.5 is more than the 1 that were ordered"),
        (["--outcome", "never-arrived", "--fill", "T1,0.5,90,1"], "was not rejected: say canceled"),
    ],
)
def test_a_wrong_resolution_is_refused_in_a_sentence(
    outside: Cadenza, database_dsn: str, arguments: list[str], said: str
) -> None:
    (order,) = asyncio.run(make_doubtful(database_dsn))
    result = outside("orders", "resolve", str(order.id), *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert jobs(database_dsn) == 0


def test_only_an_order_in_doubt_can_be_resolved(outside: Cadenza, database_dsn: str) -> None:
    unknown = outside("orders", "resolve", "00000000-0000-0000-0000-000000000099", "--outcome", "working")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "cadenza: there is no order 00000000-0000-0000-0000-000000000099\n",
    )

    async def accepted() -> Order:
        async with order_world(database_dsn) as world:
            return await world.submit_order(ACTOR, request())

    order = asyncio.run(accepted())
    result = outside("orders", "resolve", str(order.id), "--outcome", "working")
    assert (result.exit_code, result.stderr) == (1, "cadenza: the order is not in doubt: it is ACCEPTED\n")


def test_a_second_resolution_says_that_one_is_waiting(outside: Cadenza, database_dsn: str) -> None:
    (order,) = asyncio.run(make_doubtful(database_dsn))
    done(outside("orders", "resolve", str(order.id), "--outcome", "never-arrived"))
    second = outside("orders", "resolve", str(order.id), "--outcome", "canceled")
    assert (second.exit_code, second.stdout) == (1, "")
    assert "an earlier resolution of this order is waiting for the server; this one was not accepted" in second.stderr
    assert jobs(database_dsn) == 1


def test_the_cancel_of_a_closed_order_is_left_to_the_server(outside: Cadenza, database_dsn: str) -> None:
    unknown = outside("orders", "cancel-closed", "00000000-0000-0000-0000-000000000099")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "cadenza: there is no order 00000000-0000-0000-0000-000000000099\n",
    )
    (order,) = asyncio.run(make_doubtful(database_dsn))
    is_open = outside("orders", "cancel-closed", str(order.id))
    assert (is_open.exit_code, is_open.stdout) == (1, "")
    assert "the order is SUBMITTED, which is not closed: cancel it by the API" in is_open.stderr
    asyncio.run(execute(database_dsn, "UPDATE orders SET status = 'FILLED'"))
    said = done(outside("orders", "cancel-closed", str(order.id)))
    assert said.startswith(f"The server will cancel what is left of order {order.id} (FILLED here) at PAPER:")
    second = outside("orders", "cancel-closed", str(order.id))
    assert "a cancel of this order waits for the server already" in second.stderr


async def test_the_running_server_books_the_resolution(outside: Cadenza, database_dsn: str, tmp_path: Path) -> None:
    order, other = await make_doubtful(database_dsn, 2)
    fill = "T1,0.25,90,1700000000000"

    async def resolve(*arguments: str) -> str:
        return done(await asyncio.to_thread(outside, "orders", "resolve", *arguments))

    said = await resolve(str(order.id), "--outcome", "canceled", "--fill", fill)
    when = "at once if it is running, else when it starts"
    assert said == f"Order {order.id} will be resolved as canceled by the server: {when}.\n"
    assert (await stored(database_dsn, order.id)).is_in_doubt, "the command itself changes nothing"
    server = await Serving.start(tmp_path / "data", DATABASE_URL=database_dsn)
    try:

        async def is_resolved(order_id: OrderId) -> bool:
            return not (await stored(database_dsn, order_id)).is_in_doubt

        await eventually(lambda: is_resolved(order.id))
        await resolve(str(other.id), "--outcome", "never-arrived")
        await eventually(lambda: is_resolved(other.id))
    finally:
        assert await server.stop() == 0
    order, other = await stored(database_dsn, order.id), await stored(database_dsn, other.id)
    assert (order.status, order.executed_quantity) == (OrderStatus.CANCELED, D("0.25"))
    assert [(e.trade_id, e.quantity, e.price) for e in order.executions] == [("T1", D("0.25"), D(90))]
    assert (other.status, other.reject_reason) == (OrderStatus.REJECTED, "RESOLVED_BY_OPERATOR")
    assert done(await asyncio.to_thread(outside, "orders", "doubtful")) == ""
    locked = await execute(database_dsn, "SELECT sum(locked) AS locked FROM balances")
    assert locked[0]["locked"] == 0
