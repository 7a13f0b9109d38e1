"""Paper money on the books of BINANCE: PAPER mirrors the simulator's public market, and nothing fills without it."""

from collections.abc import AsyncIterator
from decimal import Decimal as D
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.test_binance_newcomer import BinanceProcess
from tests.e2e.trader import BTC_USDT, Trader
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def simulator(tmp_path: Path) -> AsyncIterator[BinanceProcess]:
    directory = tmp_path / "simulator"
    directory.mkdir()
    running = BinanceProcess("binance", directory)
    await running.start()
    yield running
    await running.kill()


async def test_paper_money_trades_on_mirrored_books(simulator: BinanceProcess, tmp_path: Path) -> None:
    settings = {"PAPER_MARKET": "mirror:BINANCE", "BINANCE_URL": simulator.url}
    server = await Serving.start(tmp_path / "data", settings)
    try:
        async with Trader(server.url) as trader:
            await trader.enter()
            await trader.connect()

            async def has_book() -> bool:
                return (await trader.api.get("/api/v3/market/orderBook/get", instrumentId=BTC_USDT)).status == 200

            async def has_none() -> bool:
                return not await has_book()

            await eventually(has_book)
            depth, book = await simulator.depth(), await trader.book()
            for side in ("bids", "asks"):
                ours = [(D(price), D(quantity)) for price, quantity in book[side][:5]]
                assert ours == [(D(price), D(quantity)) for price, quantity in depth[side]]
            bought = await trader.submit(quantity="0.01", awaitClosed=True)
            assert bought["status"] == "FILLED"
            assert [D(each["executedPrice"]) for each in bought["executions"]] == [D(depth["asks"][0][0])]
            await simulator.kill()
            await eventually(has_none)
            refused = await trader.try_submit(quantity="0.01", awaitClosed=True)
            assert refused.status != 200 or refused.data[0]["status"] != "FILLED"
            await simulator.start()
            await eventually(has_book, within_s=60)
            assert (await trader.submit(quantity="0.01", awaitClosed=True))["status"] == "FILLED"
    finally:
        await server.kill()
