"""kill -9: every order whose acceptance was answered is there after the restart, and every fill once."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp

from cadenza.simulators.bitfinex.wire.keys import BitfinexKey

from .trader import BitfinexTrader, D


@asynccontextmanager
async def process(data_dir: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, BitfinexTrader]]:
    """`cadenza simulate bitfinex` with a client; killed at the end."""
    command = ["-m", "cadenza.cli", "simulate", "bitfinex", "--still", "--port", "0", "--data-dir", str(data_dir)]
    running = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    try:
        said = ""
        while (secret := re.search(r"key +(\S+)\n +secret +(\S+)\n", said)) is None:
            line = await running.stdout.readline()
            assert line, said
            said += line.decode()
        url = re.search(r"REST +(\S+)/v2\n", said)
        assert url is not None
        simulator: Any = SimpleNamespace(url=url[1], rest_url=f"{url[1]}/v2")
        key = BitfinexKey(account="main", key=secret[1], secret=secret[2])
        async with BitfinexTrader(simulator, key) as trader:
            yield running, trader
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_answered_orders_survive_a_kill(tmp_path: Path) -> None:
    answered: set[int] = set()
    enough = asyncio.Event()
    async with process(tmp_path) as (running, trader):

        async def place_until_death(worker: int) -> None:
            number = 0
            while True:
                number += 1
                try:
                    row = (await trader.submit(cid=worker * 1000 + number)).order
                    await trader.cancel(id=row[0])
                    bought = (await trader.submit(type="EXCHANGE MARKET", price=None, amount="0.001")).order
                except (aiohttp.ClientError, ConnectionError):
                    return
                answered.update((row[0], bought[0]))
                if len(answered) >= 60:
                    enough.set()

        workers = [asyncio.create_task(place_until_death(1))]  # one key has one writer: nonces must arrive in order
        await enough.wait()
        running.send_signal(signal.SIGKILL)
        await asyncio.gather(*workers)
    async with process(tmp_path) as (_, trader):
        rows = await trader.closed_orders(limit=2500) + await trader.open_orders()
        assert answered <= {row[0] for row in rows}
        assert len({row[0] for row in rows}) == len(rows)
        trades = await trader.trades(limit=2500)
        bought = sum((trade[4] for trade in trades), D(0))
        assert bought == sum((row[7] - row[6] for row in rows), D(0))
        fees = sum((trade[9] for trade in trades), D(0))
        assert (await trader.wallet("exchange", "BTC"))[0] == D(10) + bought + fees
