"""kill -9: every order whose acceptance was answered is there after the restart."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp

from cadenza.runtime.local import SystemClock

from .trader import PERPETUAL, HttpTrader, Refused

D = Decimal


@asynccontextmanager
async def process(data_dir: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, HttpTrader]]:
    """`cadenza simulate deribit` with a client; killed at the end."""
    command = ["-m", "cadenza.cli", "simulate", "deribit", "--still", "--port", "0", "--data-dir", str(data_dir)]
    running = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    try:
        said = ""
        while (secret := re.search(r"key +(\S+)\n +secret +(\S+)\n", said)) is None:
            line = await running.stdout.readline()
            assert line, said
            said += line.decode()
        url = re.search(r"REST +(\S+)/api/v2\n", said)
        assert url is not None
        async with HttpTrader(url[1], secret[1], secret[2], SystemClock().now_ms) as trader:
            yield running, trader
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_answered_orders_survive_a_kill(tmp_path: Path) -> None:
    answered: dict[str, Decimal] = {}
    enough = asyncio.Event()
    async with process(tmp_path) as (running, trader):

        async def place_until_death(worker: int) -> None:
            number = 0
            while True:
                number += 1
                label = f"{worker}-{number}"
                try:
                    resting = (await trader.buy("59000", "10", label=label))["order"]["order_id"]
                    await trader.post("private/edit", order_id=resting, amount=20)
                    await trader.post("private/cancel", order_id=resting)
                    bought = (await trader.buy(None, "10", label=f"m-{label}"))["order"]
                except (aiohttp.ClientError, ConnectionError):
                    return
                except Refused as error:
                    if error.code != 10028:  # the lowest tier's limits
                        raise
                    await asyncio.sleep(0)
                    continue
                answered[resting], answered[bought["order_id"]] = D(0), bought["filled_amount"]
                if len(answered) >= 6:
                    enough.set()

        workers = [asyncio.create_task(place_until_death(worker)) for worker in range(3)]
        await enough.wait()
        running.send_signal(signal.SIGKILL)
        await asyncio.gather(*workers)
    async with process(tmp_path) as (_, trader):
        truth = await trader.truth()
        filled = {each["id"]: D(each["filled"]) for each in truth["orders"]}
        assert answered.items() <= filled.items()
        position = await trader.get("private/get_position", instrument_name=PERPETUAL)
        assert position["size"] == sum(filled.values())
        labels = [each["label"] for each in truth["orders"]]
        assert len(labels) == len(set(labels))
        (wallet,) = (each for each in truth["wallets"] if each["currency"] == "BTC")
        entries = [each for each in truth["entries"] if each["currency"] == "BTC"]
        assert D(wallet["balance"]) == sum(D(each["amount"]) for each in entries)
