"""The catalogue of a venue: read, written for the first time, and read again unchanged, against ccxt in the same run.

    python bench/venue_catalogue.py [--venue BINANCE] [--copies 150] [--rounds 3]

A simulator of the venue runs in a process of its own. Before it stands a server that repeats each listed instrument of
BTC under as many other names, so that there are about as many as a venue lists. `read` is the time that the connector
takes to ask for the catalogue and to read it. `cold` adds writing it to an empty table of an embedded PostgreSQL and
loading it from there, `warm` the same when nothing has changed. ccxt's `load_markets` asks the same server, from a
process of its own. Times are medians, a thousand instruments each: neither client reads all kinds. The longest time in
which nothing else ran is what an order would have waited; the collector of garbage is set as the server sets it.
"""

import argparse
import asyncio
import gc
import itertools
import json
import string
import subprocess
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from aiohttp import ClientSession, web
from simulated import VENUES, SimulatedVenue

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.migrate import migrate
from cadenza.adapters.storage.venue_memory import SqlVenueMemories
from cadenza.application.market_data.catalogue import Catalogue
from cadenza.application.market_data.refresh_catalogue import RefreshCatalogue
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.runtime.bootstrap import GC_NEW_OBJECTS
from cadenza.runtime.config_loader import load_settings
from cadenza.runtime.embedded import EmbeddedPostgres
from cadenza.runtime.local import AsyncioConcurrency, NoFailpoints, SystemClock
from cadenza.runtime.wiring.venues import wire_connectors

ROOT = Path(__file__).parents[1]
REPEATED = "BTC"
LISTING_PATHS = ("exchangeInfo", "/public/instruments", "get_instruments", "/conf/")
WATCH_S = 0.001
KEPT_HEADERS = ("Content-Type", "Authorization", "x-simulated-trading")


class LongListings:
    """Passes requests on to a simulator, and repeats what is listed."""

    def __init__(self, upstream: str, copies: int) -> None:
        self._upstream = upstream
        self._names = ["".join(("Q", *pair)) for pair in itertools.product(string.ascii_uppercase, repeat=2)][:copies]
        self._listings: dict[str, bytes] = {}
        self._http = ClientSession()
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        await self._http.close()

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await request.read()
        name = f"{request.path_qs} {asked.decode()}"
        is_listing = any(each in name for each in LISTING_PATHS)
        if is_listing and name in self._listings:
            return web.Response(body=self._listings[name], content_type="application/json")
        headers = {each: request.headers[each] for each in KEPT_HEADERS if each in request.headers}
        url = f"{self._upstream}{request.path_qs}"
        async with self._http.request(request.method, url, data=asked, headers=headers) as reply:
            body, status = await reply.read(), reply.status
        if is_listing and status == 200:
            body = self._listings[name] = self._repeated(body)
        return web.Response(body=body, status=status, content_type="application/json")

    def _repeated(self, body: bytes) -> bytes:
        found = json.loads(body)
        for rows in listings_of(found):
            repeated = [text for row in rows if REPEATED in (text := json.dumps(row))]
            rows += [json.loads(text.replace(REPEATED, name)) for text in repeated for name in self._names]
        return json.dumps(found).encode()


def listings_of(body: Any) -> Iterable[list[Any]]:
    """Return the lists of an answer: BITFINEX has several in one."""
    if isinstance(body, list):
        return (rows for rows in body if isinstance(rows, list))
    return [next(body[each] for each in ("symbols", "data", "result") if each in body)]


async def ours(venue_id: VenueId, url: str, scratch: Path, rounds: int) -> dict[str, float]:
    """Return the seconds that each step takes, a thousand instruments."""
    server = EmbeddedPostgres(scratch)
    await server.start()
    try:
        await migrate(server.dsn())
        pool = await open_pool(server.dsn(), connections_max=4)
        storage, connections, clock = SqlStorage(pool), Connections(pool), SystemClock()
        settings = load_settings({"CADENZA_VENUES": str(venue_id), f"CADENZA_{venue_id}_URL": url})
        connectors = wire_connectors(
            settings, pool=pool, desk=connections, clock=clock, failpoints=NoFailpoints(),
            memories=lambda venue_id: SqlVenueMemories(connections, venue_id),
        )  # fmt: skip
        connector = connectors[venue_id]
        await connector.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_NEW_OBJECTS, *gc.get_threshold()[1:])
        taken: dict[str, list[float]] = {"read": [], "cold": [], "warm": []}
        stalls: list[float] = []
        for _ in range(rounds):
            await pool.execute("DELETE FROM instruments")
            await pool.execute("DELETE FROM securities")
            refresh = RefreshCatalogue(
                storage=storage,
                connectors=connectors,
                catalogue=Catalogue(storage=storage),
                concurrency=AsyncioConcurrency(),
            )
            steps = (("read", connector.instruments()), ("cold", refresh(venue_id)), ("warm", refresh(venue_id)))
            for name, step in steps:
                seconds, stall = await timed(step)
                taken[name].append(seconds)
                stalls.append(stall)
        listed = await pool.fetchval("SELECT count(*) FROM instruments")
        await connector.stop()
        await pool.close()
    finally:
        await server.stop()
    print(f"longest time in which nothing else ran: {max(stalls) * 1e3:.0f} ms")
    print(f"{venue_id}: {listed} instruments", end="; ")
    return {name: median(each) / listed * 1_000 for name, each in taken.items()}


async def timed(work: Any) -> tuple[float, float]:
    """Return the seconds that the work takes, and the longest time in which nothing else ran."""
    stall = 0.0

    async def watch() -> None:
        nonlocal stall
        while True:
            before = time.perf_counter()
            await asyncio.sleep(WATCH_S)
            stall = max(stall, time.perf_counter() - before - WATCH_S)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    started = time.perf_counter()
    await work
    seconds = time.perf_counter() - started
    await asyncio.sleep(2 * WATCH_S)
    watching.cancel()
    return seconds, stall


async def theirs(venue_id: VenueId, url: str, rounds: int) -> float:
    made = subprocess.run([ROOT / "tests/judges/build.sh"], capture_output=True, text=True, check=True)  # noqa: ASYNC221
    command = [made.stdout.strip(), str(ROOT / "bench/venue_catalogue_ccxt.py"), url, str(venue_id), str(rounds)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await process.communicate()
    found = json.loads(output)
    print(f"ccxt: {found['markets']}")
    return median(found["taken_s"]) / int(found["markets"]) * 1_000


async def main(venue: str, copies: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        simulated = await SimulatedVenue.start(VENUES[venue], Path(scratch, "simulator"))
        listings = LongListings(simulated.url, copies)
        try:
            url = await listings.start()
            found = await ours(VenueId(Venue[venue], Environment.LIVE), url, Path(scratch, "data"), rounds)
            peer = await theirs(VenueId(Venue[venue], Environment.LIVE), url, rounds)
        finally:
            await listings.stop()
            await simulated.stop()
    print(f"ccxt {peer * 1e3:.0f} ms a thousand instruments")
    for name, taken in found.items():
        print(f"{name} {taken * 1e3:.0f} ms a thousand instruments, of ccxt {taken / peer:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venue", choices=sorted(VENUES), default="BINANCE")
    parser.add_argument("--copies", type=int, default=150, help="of each instrument of BTC, at most 676")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    uvloop.run(main(asked.venue, asked.copies, asked.rounds))
