"""A page of orders near the end of a long list against the first page, through HTTP.

    python bench/order_pages.py [--orders 1000000] [--samples 200]

One account gets that many orders, copied from one real order by SQL. `deep` reads on with a cursor from the last pages,
`first` asks without one; they take turns. Three lists: of the tenant, of the account, and of one status of the account.
`count` is what PostgreSQL needs to count the list, which the exact `total` of every page asks for. Absolute numbers
depend on the machine and its load: compare within a run.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import asyncpg
import uvloop
from load import Connection, paper_accounts, request_of
from served import Served

PAGE = 50
LEFT = 4 * PAGE
"""Orders between the deep cursor and the end."""

COUNTS = 5

OWN_COLUMNS = "attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
COPIED_AS = {
    "id": "uuidv7()",
    "created_at_ms": "created_at_ms + number",
    "client_order_id": "NULL",
    "idempotency_key": "NULL",
    "sent_id": "NULL",
    "venue_order_id": "NULL",
}
"""What differs between the copies."""


async def fill(served: Served, orders: int) -> float:
    """Copy the one order there is; return the seconds it took."""
    started = time.perf_counter()
    database = await asyncpg.connect(served.dsn())
    columns = [name for (name,) in await database.fetch("SELECT attname FROM pg_attribute WHERE " + OWN_COLUMNS)]
    values = ", ".join(COPIED_AS.get(name, name) for name in columns)
    copy = (
        f"INSERT INTO orders ({', '.join(columns)}) SELECT {values} FROM orders, generate_series(1, $1::bigint) number"
    )
    await database.execute(copy, orders, timeout=3600)
    await database.execute("VACUUM ANALYZE orders", timeout=3600)
    await database.close()
    return time.perf_counter() - started


async def place_one(connection: Connection) -> tuple[str, str]:
    """A filled order; return the token and the account."""
    token, [account] = await paper_accounts(connection, 1)
    asked = {
        "tradingAccountId": account,
        "instrumentId": "PAPER:BTC/USDT",
        "orderSide": "BUY",
        "orderType": "MARKET",
        "quantity": "0.001",
        "awaitClosed": True,
    }
    [order] = await connection.call("/tradeOrder/submit", asked, token)
    assert order["status"] == "FILLED"
    return token, account


async def page(connection: Connection, token: str, query: str) -> Any:
    answer = json.loads(await connection.ask(request_of(f"/tradeOrder/list?limit={PAGE}{query}", None, token)))
    assert answer["success"], answer
    assert len(answer["data"]) == PAGE
    return answer["pagination"]


async def counting_ms(dsn: str, condition: str) -> float:
    """The time of counting the orders that fit."""
    took = []
    database = await asyncpg.connect(dsn)
    for _ in range(COUNTS):
        started = time.perf_counter()
        await database.fetchval(f"SELECT count(*) FROM orders WHERE {condition}")
        took.append((time.perf_counter() - started) * 1e3)
    await database.close()
    return median(took)


async def compare(connection: Connection, token: str, query: str, orders: int, samples: int) -> str:
    """Time both kinds of page in turn; return the line of the table."""
    near_end = await page(connection, token, f"{query}&offset={orders - LEFT}")
    assert near_end["total"] == orders + 1
    took: dict[str, list[float]] = {query: [], f"{query}&cursor={near_end['cursor']}": []}
    for _ in range(samples):
        for asked, times in took.items():
            started = time.perf_counter()
            await page(connection, token, asked)
            times.append((time.perf_counter() - started) * 1e3)
    first, deep = took.values()
    tails = [quantiles(times, n=100, method="inclusive")[98] for times in (first, deep)]
    ratio = median(deep) / median(first)
    return f"{median(first):>9.2f} {tails[0]:>9.2f} {median(deep):>9.2f} {tails[1]:>9.2f} {ratio:>11.3f}"


async def main(orders: int, samples: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        served = await Served.start(Path(scratch, "data"))
        try:
            connection = await Connection.open(served.host, served.port)
            token, account = await place_one(connection)
            connection.close()
            filled_s = await fill(served, orders)
            connection = await Connection.open(served.host, served.port)
            of_account = f"&tradingAccountId={account}"
            at_tenant = "tenant_id = (SELECT tenant_id FROM orders LIMIT 1)"
            at_account = f"{at_tenant} AND account_id = '{account}'"
            lists = {
                "of the tenant": ("", at_tenant),
                "of an account": (of_account, at_account),
                "FILLED": (f"{of_account}&orderStatus=FILLED", f"{at_account} AND status = 'FILLED'"),
            }
            print(
                f"{orders:,} orders of one account, made in {filled_s:.0f} s; pages of {PAGE}, {samples} samples, in ms"
            )
            print(f"{'':14} {'first p50':>9} {'p99':>9} {'deep p50':>9} {'p99':>9} {'deep/first':>11} {'count':>9}")
            for name, (query, condition) in lists.items():
                compared = await compare(connection, token, query, orders, samples)
                print(f"{name:<14} {compared} {await counting_ms(served.dsn(), condition):>9.2f}", flush=True)
            connection.close()
        finally:
            await served.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Deep pages of orders against the first page.")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=200, help="of each kind of page")
    arguments = parser.parse_args()
    uvloop.run(main(arguments.orders, arguments.samples))
