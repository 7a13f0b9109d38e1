"""A newcomer on all simulators at once: `cadenza simulate all` as a process, the server started with the command that
it prints, and the rest of what it prints pasted into a shell. Every account that it names trades, each order is placed
once at its venue, the portfolio shows all accounts, and fills arrive on the socket. No printed key may withdraw,
and what goes wrong is said on the line of its account."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal as D
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.newcomer import Listener
from tests.e2e.trader import Trader, ok
from tests.serving import Serving, eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine"),
]
LAST_LINE = "portfolio/list"
RESTS = "OKX:BTC/USD-301227-60000-C", "OKX_UAT:BTC/USD-301227-60000-C"
"""OKX takes no MARKET orders of options."""
PAPER = [("SPOT", "PAPER"), ("MARGIN", "PAPER")]
"""What is bought without a simulator."""


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
        named = re.findall(r"^  ([A-Z_]+) +http://\S+  (.+)$", said, re.MULTILINE)
        expected = [(type, name) for name, types in named for type in types.split(", ")]
        server = await Serving.start(tmp_path / "data", settings)
        try:
            script = "API=" + said.partition("API=")[2].replace("http://127.0.0.1:8000", server.url, 1)
            signed_up, *lines, portfolio = await pasted(script)
            assert json.loads(signed_up)["success"]
            bought = [line.split(" ", 2) for line in lines]
            assert [(type, instrument.partition(":")[0]) for type, instrument, _ in bought] == [*PAPER, *expected]
            for type, instrument, status in bought:
                assert status == ("ACCEPTED" if instrument in RESTS else "FILLED"), (type, instrument, status)
            shown = Counter(each["venue"] for each in json.loads(portfolio)["data"])
            assert shown == Counter(name for _, name in [*PAPER, *expected])
            placed = Counter(settings[f"{name}_URL"] for _, name in expected)
            assert {url: await orders_at(url) for url in placed} == placed
            async with Trader(server.url, email="me@example.com") as trader:
                await trader.log_in()
                await see_fills(server, trader, [(type, instrument) for type, instrument, _ in bought])
            await see_what_is_refused(script)
            assert "key_may_withdraw" not in server.log_file.read_text()
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert await process.stderr.read() == b""
            assert await process.wait() == 0
            _, *lines, _ = await pasted(script)
            assert [line.rpartition(" ")[2] for line in lines[: len(PAPER)]] == ["FILLED"] * len(PAPER)
            assert all(" the venue could not be asked: " in line for line in lines[len(PAPER) :])
        finally:
            await server.kill()


async def see_what_is_refused(script: str) -> None:
    """The line says why the platform refuses an order, why the venue rejects one, and that a key reaches no account of
    a type."""
    _, *lines, _ = await pasted(
        script.replace(r"\"0.01\"", r"\"900\"").replace("buy MARGIN BINANCE:", "buy OPTIONS BINANCE:")
    )
    assert "SPOT BINANCE:BTC/USDT the quantity 900 is above 180" in lines
    assert "OPTIONS BINANCE:BTC/USDT the key reaches no such account" in lines
    assert "MARGIN DERIBIT:BTC/USDC REJECTED INSUFFICIENT_BALANCE: 10009 not_enough_funds" in lines


async def orders_at(url: str) -> int:
    """How many orders were placed at a simulator."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/simulator/truth") as reply:
        truth = await reply.json()
    markets = [truth] if "orders" in truth else [truth["spot"], truth["margin"], truth["usdm"]]
    return sum(len(market["orders"]) for market in markets)


async def see_fills(server: Serving, trader: Trader, bought: Sequence[tuple[str, str]]) -> None:
    """An order with an account of each venue, seen on the socket, and one more trade in its portfolio."""
    listed = (await ok(trader.api.get("/api/v3/tradingAccount/list", limit=100))).data
    accounts = {(each["accountType"], each["venue"]): each["tradingAccountId"] for each in listed}
    assert len(accounts) == len(bought)
    first = {instrument.partition(":")[0]: (type, instrument) for type, instrument in reversed(bought)}
    for venue, (type, instrument) in first.items():
        account, listener = accounts[type, venue], Listener()
        before = D((await trader.portfolio(account))["updatedAt"])
        async with listener.listening(server, str(trader.api.token), account):
            order = await trader.submit(tradingAccountId=account, instrumentId=instrument)

            async def was_seen(id: str = order["tradeOrderId"], by: Listener = listener) -> bool:
                return id in by.filled

            await eventually(was_seen)

        async def has_moved(account: str = account, before: D = before) -> bool:
            return D((await trader.portfolio(account))["updatedAt"]) > before

        await eventually(has_moved)
