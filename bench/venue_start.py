"""The start of a server with many accounts at several venues outside, against its start without any.

    python bench/venue_start.py [--accounts 50] [--venues BINANCE,OKX,DERIBIT,BITFINEX] [--rounds 2]

A simulator of each venue, with the venue's limits, runs on this machine. One user connects so many accounts at each (30
at DERIBIT, which takes 32 sockets of an address); the venues side by side, the accounts of one venue one after another.
With 50 accounts that takes three minutes, and so does each start: BITFINEX takes 5 log-ins in 15 s of an address. Then
the server is started again and again. `answers` is the time until its API answers, `ready` until /readyz does, which
waits for the first try of each session, and a minute at most, `live` until every account has a live session that is
reconciled; the ratio is that of `answers` with the accounts and without them. `refused` counts the requests that the
simulators refused for their pace, connecting the accounts included. Memory (PSS) is of the server's process and of
PostgreSQL's once all are live.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

import uvloop
from load import Connection, request_of
from served import Served
from simulated import VENUES, OutsideVenue, connected, credential_of, signed_up

ROOT = Path(__file__).parents[1]
LIVE_WITHIN_S = 600


class PatientConnection(Connection):
    """Asks again while a venue's limits leave no room; `waits` counts how often."""

    waits = 0

    async def call(self, path: str, body: Any = None, token: str = "") -> Any:
        content = None if body is None else json.dumps(body).encode()
        while not (answer := json.loads(await self.ask(request_of(path, content, token))))["success"]:
            if answer["details"]["code"] != "VENUE_UNAVAILABLE":
                raise SystemExit(f"{path}: {answer['error']}")
            self.waits += 1
            await asyncio.sleep(1)
        return answer["data"]


class Crowd:
    """A simulator with many accounts, in a process of its own."""

    def __init__(self, row: OutsideVenue, process: Process, said: dict[str, Any]) -> None:
        self.row, self.process, self.url, self.keys = row, process, said["url"], said["keys"]

    @classmethod
    async def start(cls, row: OutsideVenue, directory: Path, accounts: int) -> "Crowd":
        directory.mkdir()  # noqa: ASYNC240 - a moment, and nothing else runs
        command = [str(ROOT / "bench/crowded.py"), row.name, str(directory), str(accounts)]
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE)
        assert process.stdout is not None
        return cls(row, process, json.loads(await process.stdout.readline()))

    async def stop(self) -> int:
        """Return how many requests were refused for their pace."""
        self.process.terminate()
        output, _ = await self.process.communicate()
        return int(json.loads(output)["refused"])


async def sessions(served: Served) -> dict[str, int]:
    """Return how many sessions fail, are being opened, and are lost."""
    page = await asyncio.to_thread(lambda: urlopen(f"http://{served.host}:{served.port}/metrics").read().decode())
    found = re.findall(r"^cadenza_sessions_(failing|opening|lost) ([\d.]+)", page, re.MULTILINE)
    return {name: int(float(number)) for name, number in found}


async def all_live(served: Served, started: float) -> float:
    """Return the seconds from the start until every session is live."""
    async with asyncio.timeout(LIVE_WITHIN_S):
        while any((await sessions(served)).values()):  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.1)
    return time.perf_counter() - started


async def connect_all(served: Served, crowds: list[Crowd]) -> dict[str, int]:
    """Connect every account; return how often each venue had to be asked again later."""
    connection = await Connection.open(served.host, served.port)
    token = await signed_up(connection)
    connection.close()

    async def connect_at(crowd: Crowd) -> int:
        own = await PatientConnection.open(served.host, served.port)
        for key in crowd.keys:
            await connected(own, token, credential_of(crowd.row, key), crowd.row.account_type)
        own.close()
        return own.waits

    waits = await asyncio.gather(*map(connect_at, crowds))
    return {crowd.row.name: count for crowd, count in zip(crowds, waits, strict=True)}


async def main(venues: list[str], accounts: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cadenza-bench-") as scratch:
        rows = [VENUES[name] for name in venues]
        crowds = [await Crowd.start(row, Path(scratch, row.name), min(accounts, row.accounts_max)) for row in rows]
        try:
            names = ",".join(["PAPER", *venues])
            settings = {"CADENZA_VENUES": names} | {f"CADENZA_{each.row.name}_URL": each.url for each in crowds}
            empty, full = Path(scratch, "empty"), Path(scratch, "full")
            for data in (empty, full):
                served = await Served.start(data, settings)
                try:
                    if data is full:
                        began = time.perf_counter()
                        waits = await connect_all(served, crowds)
                        counts = {crowd.row.name: len(crowd.keys) for crowd in crowds}
                        print(f"connecting {counts} accounts took {time.perf_counter() - began:.1f} s")
                        print(f"asked again because limits left no room: {waits}")
                finally:
                    await served.stop()
            ratios = []
            for _ in range(rounds):
                without = await started(empty, settings)
                with_all = await started(full, settings)
                ratios.append(with_all / without)
            print(f"answers with the accounts / without: {median(ratios):.2f}")
        finally:
            refused = {crowd.row.name: await crowd.stop() for crowd in crowds}
    print(f"refused for the pace: {refused}")


async def started(data: Path, settings: dict[str, str]) -> float:
    """Start the server, print its figures, stop it, and return the seconds until it answers."""
    began = time.perf_counter()
    served = await Served.start(data, settings)
    try:
        live_s = await all_live(served, began)
        python, postgres = served.memory_mib()
    finally:
        await served.stop()
    print(
        f"{data.name:5}: answers {served.answers_s:.2f} s, ready {served.ready_s:.2f} s, all live {live_s:.1f} s, "
        f"memory {python:.0f} and {postgres:.0f} MiB"
    )
    return served.answers_s


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=50, help="at each venue")
    parser.add_argument(
        "--venues",
        default="BINANCE,OKX,DERIBIT,BITFINEX",
    )
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    uvloop.run(main(asked.venues.split(","), asked.accounts, asked.rounds))
