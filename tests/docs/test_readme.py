"""The snippets of README.md and of the guide to API keys do what they say, as a newcomer pastes them."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.serving import Serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:8000"
SNIPPET_WITHIN_S = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    serving = await Serving.start(tmp_path_factory.mktemp("readme") / "data")
    yield serving
    await serving.stop()


def snippet(language: str, server: Serving, page: str = "README.md") -> str:
    """The one snippet in a language on a page, told the server's address."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert ADDRESS in found
    return str(found).replace(ADDRESS, server.url)


async def pasted(*command: str) -> str:
    """What a command prints; it must succeed and complain of nothing."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={"PATH": os.environ["PATH"]}
    )
    async with asyncio.timeout(SNIPPET_WITHIN_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
async def test_the_first_trade_by_curl(server: Serving) -> None:
    output = await pasted("sh", "-eu", "-c", snippet("sh", server))
    signed_up, order, portfolio = output.splitlines()
    assert '"success":true' in signed_up
    assert '"status":"FILLED"' in order
    assert '"securitySymbol":"BTC"' in portfolio
    assert '"total":"10.01"' in portfolio


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
async def test_a_bots_first_order_with_its_key(server: Serving) -> None:
    output = await pasted("sh", "-eu", "-c", snippet("sh", server, "docs/guides/api-keys.md"))
    order, refusal, keys, revoked, audit = output.splitlines()
    assert '"status":"FILLED"' in order
    assert '"code":"TRADING_ACCOUNT_NOT_FOUND"' in refusal
    assert '"status":"ACTIVE"' in keys
    assert '"status":"REVOKED"' in revoked
    assert '"kind":"API_KEY_REVOKED"' in audit
    assert '"address":"127.0.0.1"' in audit


async def test_the_first_trade_by_python(server: Serving) -> None:
    output = await pasted(sys.executable, "-I", "-c", snippet("python", server))
    first, *balances = output.splitlines()
    assert re.fullmatch(r"FILLED 0\.01 BTC at \d+(\.\d+)?", first)
    assert "BTC 10.01" in balances


async def test_an_order_sent_again_buys_nothing_twice(server: Serving) -> None:
    twice = "[again] = call('/tradeOrder/submit', order)\nprint(again == bought)\n"
    script = (
        snippet("python", server).replace("you@example.com", "twice@example.com").replace("second-key", "third-key")
    )
    output = await pasted(sys.executable, "-I", "-c", script + twice)
    assert output.splitlines()[-1] == "True"
