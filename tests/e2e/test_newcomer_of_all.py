"""A newcomer on all simulators at once: `cadenza simulate all` as a process, the server started with the line that it
prints, and the rest of what it prints pasted into a shell. Every order is filled, once, at its venue, the portfolio
shows all accounts, and fills arrive on the socket."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.newcomer import Listener
from tests.e2e.trader import Trader, ok
from tests.e2e.venues import OUTSIDE
from tests.serving import Serving, eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine"),
]
LAST_LINE = "portfolio/list"
NAMES = ["PAPER", *(venue.name for venue in OUTSIDE)]


@asynccontextmanager
async def simulating(directory: Path, *options: str) -> AsyncIterator[tuple[Process, str]]:
    """Run the command until the block ends, and give what it printed."""
    command = ["-m", "cadenza.cli", "simulate", "all", "--still", "--data-dir", str(directory), *options]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    said = ""
    try:
        while LAST_LINE not in said:
            line = (await process.stdout.readline()).decode()
            assert line, said
            said += line
        yield process, said
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def pasted(script: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", script, stdout=PIPE, stderr=STDOUT, env={"PATH": os.environ["PATH"]}
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode().splitlines()


async def test_a_newcomer_trades_on_all_simulators_from_one_command(tmp_path: Path) -> None:
    async with simulating(tmp_path / "simulators", "--free-ports") as (process, said):
        settings = dict(re.findall(r"CADENZA_(\w+)=(\S+)", said))
        server = await Serving.start(tmp_path / "data", settings)
        try:
            script = said.partition("API=")[2].replace("http://127.0.0.1:8000", server.url, 1)
            signed_up, *orders, portfolio = map(json.loads, await pasted(f"API={script}"))
            assert signed_up["success"]
            filled = [order for answer in orders for order in answer["data"]]
            assert [order["status"] for order in filled] == ["FILLED"] * len(NAMES), filled
            assert [order["venue"] for order in filled] == NAMES
            assert {D(order["executedQuantity"]) for order in filled} == {D("0.01")}
            accounts = {order["tradingAccountId"]: order for order in filled}
            shown = {each["tradingAccountId"]: each for each in portfolio["data"]}
            assert shown.keys() == accounts.keys()
            for venue in OUTSIDE:
                async with aiohttp.ClientSession() as http:
                    url = f"{settings[f'{venue.name}_URL']}/simulator/truth"
                    truth = await (await http.get(url)).json()
                assert [state for _, state in venue.orders(truth)] == [venue.filled]
            await see_fills_of(server, accounts)
        finally:
            await server.kill()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert await process.stderr.read() == b""
        assert await process.wait() == 0


async def see_fills_of(server: Serving, accounts: dict[str, dict[str, str]]) -> None:
    """An order on each account, seen on the socket, and one more trade in each portfolio."""
    async with Trader(server.url, email="me@example.com") as trader:
        await trader.log_in()
        for account, first in accounts.items():
            listener = Listener()
            before = D((await trader.portfolio(account))["updatedAt"])
            async with listener.listening(server, str(trader.api.token), account):
                asked = {"tradingAccountId": account, "instrumentId": first["instrumentId"], "quantity": "0.01"}
                order = await trader.submit(**asked)

                async def was_seen(id: str = order["tradeOrderId"], by: Listener = listener) -> bool:
                    return id in by.filled

                await eventually(was_seen)

            async def has_moved(account: str = account, before: D = before) -> bool:
                return D((await trader.portfolio(account))["updatedAt"]) > before

            await eventually(has_moved)
        listed = (await ok(trader.api.get("/api/v3/tradingAccount/portfolio/list"))).data
        assert {each["venue"] for each in listed} == set(NAMES)
