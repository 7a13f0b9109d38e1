"""How a judge is run, and what its verdict is compared with."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from cadenza.simulators.binance.server import BinanceSimulator
from tests import needs

HERE = Path(__file__).parent
GIVE_UP_S = 300


async def verdict(script: str, simulator: BinanceSimulator, kind: str, directory: Path) -> Any:
    """Run a judge with a key of that kind and return what it saw."""
    key = simulator.venue.keys.of(kind)
    secret = key.secret
    if script.startswith("python_binance") and kind != "HMAC":
        (directory / "private.pem").write_text(key.secret)
        secret = str(directory / "private.pem")
    return await run_judge(script, simulator.url, key.key, secret)


async def run_judge(script: str, *arguments: str) -> Any:
    """Run a judge and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        needs.judges(), HERE / script, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(GIVE_UP_S):
            said, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, complained.decode()
    return json.loads(said)


async def truth(simulator: BinanceSimulator, market: str) -> Any:
    """Return what the simulator keeps of a market."""
    async with aiohttp.ClientSession() as http, http.get(f"{simulator.url}/simulator/truth") as reply:
        return (await reply.json())[market]
