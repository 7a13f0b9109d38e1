"""In hedge mode long and short are rows of their own; a share closes the row that the order's side closes."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.trader import Trader
from tests.serving import Serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

PERPETUAL = "PAPER:BTC/USDT-PERP"


async def test_shares_close_what_they_are_a_share_of(tmp_path: Path) -> None:
    server = await Serving.start(tmp_path, {"PAPER_POSITION_MODE": "HEDGE", "PAPER_LATENCY_MS_MAX": 0})
    try:
        async with Trader(server.url) as trader:
            await (await trader.enter()).connect()

            async def rows() -> dict[str, Decimal]:
                portfolio = await trader.portfolio(trader.margin)
                held = [Decimal(each["quantity"]) for each in portfolio["positions"] if each["status"] == "OPEN"]
                return {"LONG" if quantity > 0 else "SHORT": quantity for quantity in held}

            async def trade(side: str, quantity: str, **more: str) -> None:
                order = await trader.submit(
                    tradingAccountId=trader.margin, instrumentId=PERPETUAL, orderSide=side, quantity=quantity,
                    awaitClosed=True, **more,
                )  # fmt: skip
                assert order["status"] == "FILLED", order

            await trade("BUY", "0.2")
            await trade("SELL", "0.1")
            assert await rows() == {"LONG": Decimal("0.2"), "SHORT": Decimal("-0.1")}
            await trade("BUY", "100", quantityType="POSITION_PERCENTAGE")
            assert await rows() == {"LONG": Decimal("0.2")}
            await trade("SELL", "0.5", quantityType="POSITION_RATIO")
            assert await rows() == {"LONG": Decimal("0.1")}
    finally:
        assert await server.stop() == 0
